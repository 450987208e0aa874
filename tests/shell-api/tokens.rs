//! Valid and invalid tokens.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::support::SECRET;

/// The current claims of GitLab Shell.
pub fn claims() -> Value {
    let now = endpoint::Clock::System.unix();
    json!({ "iss": "gitlab-shell", "iat": now, "exp": now + 60 })
}

/// A token whose header names the algorithm `named`, but which is signed with HMAC.
pub fn forge(named: &str, hmac: Algorithm, secret: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({ "alg": named, "typ": "JWT" })), part(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    format!("{message}.{}", jsonwebtoken::crypto::sign(message.as_bytes(), &key, hmac).unwrap())
}

pub fn signed_by(secret: &str, claims: &Value) -> String {
    forge("HS256", Algorithm::HS256, secret, claims)
}

/// Every credential that must be rejected; `None` means no header.
pub fn bad() -> Vec<(&'static str, Option<String>)> {
    let now = endpoint::Clock::System.unix();
    let from = |issuer: &str| json!({ "iss": issuer, "iat": now, "exp": now + 60 });
    let unsigned = forge("none", Algorithm::HS256, SECRET, &claims());
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    let expired = json!({ "iss": "gitlab-shell", "iat": now - 121, "exp": now - 61 });
    vec![
        ("no token", None),
        ("an empty header", Some(String::new())),
        ("no token at all", Some("Bearer of bad news".to_owned())),
        ("wrong secret", Some(signed_by("another secret", &claims()))),
        ("no signature", Some(format!("{unsigned}."))),
        ("two parts", Some(unsigned.to_owned())),
        ("none, but signed", Some(forge("none", Algorithm::HS256, SECRET, &claims()))),
        ("the secret as public key", Some(forge("RS256", Algorithm::HS256, SECRET, &claims()))),
        ("HS512", Some(forge("HS512", Algorithm::HS512, SECRET, &claims()))),
        ("HS512, signed as HS256", Some(forge("HS512", Algorithm::HS256, SECRET, &claims()))),
        ("expired", Some(signed_by(SECRET, &expired))),
        ("wrong issuer", Some(signed_by(SECRET, &from("gitlab-workhorse")))),
        ("kas's token", Some(signed_by("the secret of kas", &from("gitlab-kas")))),
    ]
}
