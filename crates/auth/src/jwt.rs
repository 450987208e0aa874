//! The common code for tokens signed with a shared secret: JWTs with HS256 and no other algorithm.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{Rejection, Secrets};

/// The part of a token's header that this crate reads itself.
#[derive(Deserialize)]
struct CriticalHeader {
    #[serde(default, deserialize_with = "present")]
    crit: Option<Value>,
}

/// Rejects a token whose header has the parameter `crit`, whatever its value, because no extension is
/// supported (RFC 7515 §4.1.11). The JWT library does not check it.
pub(crate) fn refuse_extensions(token: &str) -> Result<(), Rejection> {
    let header = token.split('.').next().unwrap_or_default();
    let json = URL_SAFE_NO_PAD.decode(header).map_err(|_| Rejection::Malformed)?;
    let header: CriticalHeader = serde_json::from_slice(&json).map_err(|_| Rejection::Malformed)?;
    if header.crit.is_some() { Err(Rejection::Crit) } else { Ok(()) }
}

/// Returns the claims of a token that is signed with one of the secrets. The caller checks the timestamps
/// against its own clock.
pub(crate) fn claims<C: DeserializeOwned>(secrets: &Secrets, token: &str) -> Result<C, Rejection> {
    refuse_extensions(token)?;
    let claims = secrets.verifying().map(|secret| decode_with(secret, token)).reduce(Result::or);
    claims.unwrap_or(Err(Rejection::Signature))
}

fn decode_with<C: DeserializeOwned>(secret: &crate::Secret, token: &str) -> Result<C, Rejection> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    match decode::<C>(token, &secret.decoding, &validation) {
        Ok(data) => Ok(data.claims),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => Err(Rejection::Signature),
        Err(_) => Err(Rejection::Malformed),
    }
}

/// Deserializes a member that is present, including `null`. A plain `Option` treats `null` as absent.
pub(crate) fn present<'de, D: Deserializer<'de>>(claim: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(claim).map(Some)
}

/// Reads a Unix timestamp in seconds, which may have a fraction.
pub(crate) fn seconds(claim: Option<Value>) -> Result<Option<f64>, Rejection> {
    claim.map(|value| value.as_f64().ok_or(Rejection::Malformed)).transpose()
}

/// Converts a Unix timestamp in seconds for comparison with claims.
#[expect(clippy::cast_precision_loss, reason = "seconds of Unix time fit for millions of years")]
pub(crate) fn as_claim(now: i64) -> f64 {
    now as f64
}

/// Signs claims.
pub(crate) fn sign(secrets: &Secrets, claims: &impl Serialize) -> Result<String, Rejection> {
    encode(&Header::new(Algorithm::HS256), claims, &secrets.signing().encoding())
        .map_err(|_| Rejection::Malformed)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Secret;

    /// A token with further members in its header.
    pub(crate) fn with_header(token: &str, further: &str) -> String {
        let (_, rest) = token.split_once('.').unwrap();
        let header = format!(r#"{{"alg":"HS256","typ":"JWT"{further}}}"#);
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
    }

    /// Signs a header that the library would not write.
    pub(crate) fn signed(key: &[u8], further: &str, claims: &Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","typ":"JWT"{further}}}"#));
        let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
        let signature = aws_lc_rs::hmac::sign(&key, text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn critical_extensions_are_refused_whatever_their_value() {
        let secrets = Secrets::new(Secret::from_text("current").unwrap(), None);
        let check =
            |further: &str| claims::<Value>(&secrets, &signed(b"current", further, &serde_json::json!({})));
        for accepted in ["", r#","kid":"x""#, r#","unknown":["crit"]"#] {
            assert!(check(accepted).is_ok(), "{accepted}");
        }
        for value in [r#"["exp"]"#, r#"["x"]"#, "[]", "null", "7", r#""b64""#, "{}"] {
            assert_eq!(check(&format!(r#","crit":{value}"#)), Err(Rejection::Crit), "{value}");
        }
        assert_eq!(check(r#","crit":[],"crit":[]"#), Err(Rejection::Malformed));
        assert_eq!(check(r#","\u0063rit":["x"]"#), Err(Rejection::Crit));
        let token = signed(b"other", "", &serde_json::json!({}));
        assert_eq!(claims::<Value>(&secrets, &with_header(&token, r#","crit":["x"]"#)), Err(Rejection::Crit));
    }
}
