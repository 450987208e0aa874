//! The token of GitLab Workhorse: an HS256 JWT in the header `Gitlab-Workhorse-Api-Request`.
use crate::{Rejection, Secrets, shell};

const ISSUER: &str = "gitlab-workhorse";

/// Verifies a token at `now`, a Unix timestamp in seconds. Workhorse's tokens never expire.
pub fn verify(secrets: &Secrets, token: &str, now: i64) -> Result<(), Rejection> {
    shell::verify_from(ISSUER, secrets, token, now, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    use serde_json::json;

    #[test]
    fn accepts_only_its_own_issuer_and_key() {
        let secrets =
            Secrets::new(Secret::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap(), None);
        let key: Vec<u8> = (0..32).collect();
        let token = |issuer: &str, key: &[u8]| {
            encode(&Header::new(Algorithm::HS256), &json!({ "iss": issuer }), &EncodingKey::from_secret(key))
                .unwrap()
        };
        assert_eq!(verify(&secrets, &token(ISSUER, &key), 0), Ok(()));
        assert_eq!(verify(&secrets, &token("gitlab-shell", &key), 0), Err(Rejection::Issuer));
        assert_eq!(verify(&secrets, &token(ISSUER, b"other"), 0), Err(Rejection::Signature));
    }
}
