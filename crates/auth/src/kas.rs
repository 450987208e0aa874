//! The token of kas: an HS256 JWT in the header `Gitlab-Kas-Api-Request`.
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Rejection, Secrets, jwt};

const ISSUER: &str = "gitlab-kas";
const AUDIENCE: &str = "gitlab";

/// The lifetime of a new token and the allowed clock difference, in seconds. Same values as in kas.
const LIFETIME: i64 = 30;
const SKEW: i64 = 5;

/// The claims that are checked. Other claims are ignored.
#[derive(Deserialize)]
struct Claims {
    iss: Option<Value>,
    aud: Option<Value>,
    #[serde(default, deserialize_with = "jwt::present")]
    exp: Option<Value>,
    #[serde(default, deserialize_with = "jwt::present")]
    nbf: Option<Value>,
}

/// The requirements of an installation beyond the signature and the issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// kas before version 15 sends no audience.
    pub require_audience: bool,
    /// The allowed clock difference, in seconds.
    pub leeway: u32,
}

/// Verifies a token at `now`, a Unix timestamp in seconds. A token without `exp` never expires.
pub fn verify(secrets: &Secrets, token: &str, now: i64, rules: Rules) -> Result<(), Rejection> {
    let claims: Claims = jwt::claims(secrets, token)?;
    let (now, leeway) = (jwt::as_claim(now), f64::from(rules.leeway));
    if jwt::seconds(claims.exp)?.is_some_and(|expiry| expiry <= now - leeway) {
        return Err(Rejection::Expired);
    }
    if jwt::seconds(claims.nbf)?.is_some_and(|start| start > now + leeway) {
        return Err(Rejection::NotYetValid);
    }
    if claims.iss.as_ref().and_then(Value::as_str) != Some(ISSUER) {
        return Err(Rejection::Issuer);
    }
    let is_for_gitlab = !rules.require_audience || claims.aud.as_ref().is_some_and(names_gitlab);
    if is_for_gitlab { Ok(()) } else { Err(Rejection::Audience) }
}

/// The audience is a string or an array of strings.
fn names_gitlab(audience: &Value) -> bool {
    match audience {
        Value::Array(names) => names.iter().any(|name| name == AUDIENCE),
        name => name == AUDIENCE,
    }
}

/// Issues a new token, as kas does for each request.
pub fn issue(secrets: &Secrets, now: i64) -> Result<String, Rejection> {
    let (exp, nbf) = (now.saturating_add(LIFETIME), now.saturating_sub(SKEW));
    jwt::sign(secrets, &json!({ "iss": ISSUER, "aud": [AUDIENCE], "iat": now, "nbf": nbf, "exp": exp }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    const NOW: i64 = 1_700_000_000;
    const RULES: Rules = Rules { require_audience: true, leeway: 0 };
    const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn secrets() -> Secrets {
        Secrets::new(Secret::from_base64(&format!("{SECRET}\n")).unwrap(), None)
    }

    fn check(claims: &Value, rules: Rules) -> Result<(), Rejection> {
        verify(&secrets(), &jwt::sign(&secrets(), claims).unwrap(), NOW, rules)
    }

    #[test]
    fn accepts_a_token_of_kas_until_it_expires() {
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJnaXRsYWIta2FzIiwiYXVkIjpbImdpdGxhYiJdLCJleHAiOjQxMDI0NDQ4MDAsIm5iZiI6MTYwMDAwMDAwMCwiaWF0IjoxNjAwMDAwMDAwfQ.mno7KKkTFSfvjQum2AA4RRZFusSLFerHBeCgolTrijo";
        assert_eq!(verify(&secrets(), token, NOW, RULES), Ok(()));
        assert_eq!(verify(&secrets(), token, 4_102_444_800, RULES), Err(Rejection::Expired));
        assert_eq!(verify(&secrets(), token, 1_599_999_999, RULES), Err(Rejection::NotYetValid));
        let fresh = issue(&secrets(), NOW).unwrap();
        assert_eq!(verify(&secrets(), &fresh, NOW, RULES), Ok(()));
    }

    #[test]
    fn expiry_is_exact_without_leeway() {
        let claims =
            |exp: i64, nbf: i64| json!({ "iss": "gitlab-kas", "aud": "gitlab", "exp": exp, "nbf": nbf });
        for (exp, nbf, strict, lenient) in [
            (NOW + 1, NOW, Ok(()), Ok(())),
            (NOW, NOW, Err(Rejection::Expired), Ok(())),
            (NOW - 9, NOW, Err(Rejection::Expired), Ok(())),
            (NOW - 10, NOW, Err(Rejection::Expired), Err(Rejection::Expired)),
            (NOW + 1, NOW + 10, Err(Rejection::NotYetValid), Ok(())),
            (NOW + 1, NOW + 11, Err(Rejection::NotYetValid), Err(Rejection::NotYetValid)),
        ] {
            assert_eq!(check(&claims(exp, nbf), RULES), strict, "{exp} {nbf}");
            assert_eq!(check(&claims(exp, nbf), Rules { leeway: 10, ..RULES }), lenient, "{exp} {nbf}");
        }
    }

    #[test]
    fn null_timestamp_is_malformed() {
        for claim in ["exp", "nbf"] {
            let mut claims = json!({ "iss": "gitlab-kas", "aud": "gitlab" });
            assert_eq!(check(&claims, RULES), Ok(()));
            claims[claim] = Value::Null;
            assert_eq!(check(&claims, RULES), Err(Rejection::Malformed), "{claim}");
        }
    }

    #[test]
    fn issuer_and_audience_are_kas_and_gitlab() {
        for (iss, aud, expected) in [
            (json!("gitlab-kas"), json!("gitlab"), Ok(())),
            (json!("gitlab-kas"), json!(["other", "gitlab"]), Ok(())),
            (json!("gitlab-kas"), json!(["kas"]), Err(Rejection::Audience)),
            (json!("gitlab-kas"), Value::Null, Err(Rejection::Audience)),
            (json!("gitlab-shell"), json!("gitlab"), Err(Rejection::Issuer)),
            (json!(["gitlab-kas"]), json!("gitlab"), Err(Rejection::Issuer)),
        ] {
            assert_eq!(check(&json!({ "iss": iss, "aud": aud }), RULES), expected, "{iss} {aud}");
        }
        let old = Rules { require_audience: false, ..RULES };
        assert_eq!(check(&json!({ "iss": "gitlab-kas" }), old), Ok(()));
        assert_eq!(check(&json!({ "iss": "gitlab-shell" }), old), Err(Rejection::Issuer));
    }

    proptest::proptest! {
        #[test]
        fn no_other_text_is_a_token(text in "\\PC*") {
            proptest::prop_assert!(verify(&secrets(), &text, NOW, RULES).is_err());
        }
    }
}
