//! The token of GitLab Shell and Gitaly: an HS256 JWT in the header `Gitlab-Shell-Api-Request`.
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Rejection, Secrets, jwt};

const ISSUER: &str = "gitlab-shell";

/// The allowed clock difference, in seconds.
const LEEWAY: f64 = 60.0;

/// The lifetime of a new token, in seconds.
const LIFETIME: i64 = 60;

/// The claims that are checked. Other claims are ignored.
#[derive(Deserialize)]
struct Claims {
    iss: Option<Value>,
    #[serde(default, deserialize_with = "jwt::present")]
    exp: Option<Value>,
    #[serde(default, deserialize_with = "jwt::present")]
    nbf: Option<Value>,
}

/// Verifies a token at `now`, a Unix timestamp in seconds. A token without `exp` never expires, unless
/// `require_exp`.
pub fn verify(secrets: &Secrets, token: &str, now: i64, require_exp: bool) -> Result<(), Rejection> {
    verify_from(ISSUER, secrets, token, now, require_exp)
}

/// Like [`verify`], with another issuer.
pub(crate) fn verify_from(
    issuer: &str,
    secrets: &Secrets,
    token: &str,
    now: i64,
    require_exp: bool,
) -> Result<(), Rejection> {
    let claims: Claims = jwt::claims(secrets, token)?;
    let now = jwt::as_claim(now);
    match jwt::seconds(claims.exp)? {
        Some(expiry) if now > expiry + LEEWAY => return Err(Rejection::Expired),
        None if require_exp => return Err(Rejection::Malformed),
        _ => {}
    }
    if jwt::seconds(claims.nbf)?.is_some_and(|start| start > now + LEEWAY) {
        return Err(Rejection::NotYetValid);
    }
    if claims.iss.as_ref().and_then(Value::as_str) == Some(issuer) { Ok(()) } else { Err(Rejection::Issuer) }
}

/// Issues a new token, as GitLab Shell does for each request.
pub fn issue(secrets: &Secrets, now: i64) -> Result<String, Rejection> {
    let claims = json!({ "iss": ISSUER, "iat": now, "exp": now.saturating_add(LIFETIME) });
    jwt::sign(secrets, &claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

    const NOW: i64 = 1_700_000_000;

    fn secrets() -> Secrets {
        Secrets::new(Secret::from_text("current").unwrap(), Secret::from_text("previous").ok())
    }

    fn token(algorithm: Algorithm, key: &str, claims: &Value) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
    }

    fn check(claims: &Value) -> Result<(), Rejection> {
        verify(&secrets(), &token(Algorithm::HS256, "current", claims), NOW, false)
    }

    #[test]
    fn accepts_tokens_of_gitlab_shell() {
        let fresh = issue(&secrets(), NOW).unwrap();
        assert_eq!(verify(&secrets(), &fresh, NOW, true), Ok(()));
        let claims = json!({ "iss": "gitlab-shell", "iat": NOW, "exp": NOW + 60 });
        assert_eq!(verify(&secrets(), &token(Algorithm::HS256, "previous", &claims), NOW, false), Ok(()));
        assert_eq!(
            check(&json!({ "iss": "gitlab-shell", "iat": NOW + 10, "exp": NOW + 70, "gl_id": "key-1" })),
            Ok(())
        );
        assert_eq!(check(&json!({ "iss": "gitlab-shell" })), Ok(()));
        assert_eq!(check(&json!({ "iss": "gitlab-shell", "exp": NOW - 30 })), Ok(()));
    }

    #[test]
    fn refuses_expired_and_future_tokens() {
        assert_eq!(check(&json!({ "iss": "gitlab-shell", "exp": NOW - 61 })), Err(Rejection::Expired));
        assert_eq!(check(&json!({ "iss": "gitlab-shell", "nbf": NOW + 61 })), Err(Rejection::NotYetValid));
        for timestamp in [json!("soon"), Value::Null] {
            assert_eq!(check(&json!({ "iss": "gitlab-shell", "exp": timestamp })), Err(Rejection::Malformed));
            assert_eq!(check(&json!({ "iss": "gitlab-shell", "nbf": timestamp })), Err(Rejection::Malformed));
        }
        let eternal = token(Algorithm::HS256, "current", &json!({ "iss": "gitlab-shell" }));
        assert_eq!(verify(&secrets(), &eternal, NOW, true), Err(Rejection::Malformed));
    }

    #[test]
    fn refuses_every_other_issuer_key_and_algorithm() {
        let claims = json!({ "iss": "gitlab-shell", "exp": NOW + 60 });
        assert_eq!(check(&json!({ "iss": "gitlab-kas", "exp": NOW + 60 })), Err(Rejection::Issuer));
        assert_eq!(check(&json!({ "exp": NOW + 60 })), Err(Rejection::Issuer));
        let foreign = token(Algorithm::HS256, "foreign", &claims);
        assert_eq!(verify(&secrets(), &foreign, NOW, false), Err(Rejection::Signature));
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let token = token(algorithm, "current", &claims);
            assert_eq!(verify(&secrets(), &token, NOW, false), Err(Rejection::Malformed));
        }
        // {"alg":"none"}
        let fresh = issue(&secrets(), NOW).unwrap();
        let payload = fresh.split('.').nth(1).unwrap();
        for unsigned in [format!("eyJhbGciOiJub25lIn0.{payload}."), format!("eyJhbGciOiJub25lIn0.{payload}")]
        {
            assert_eq!(verify(&secrets(), &unsigned, NOW, false), Err(Rejection::Malformed));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_other_text_is_a_token(text in "\\PC*") {
            proptest::prop_assert!(verify(&secrets(), &text, NOW, false).is_err());
        }
    }
}
