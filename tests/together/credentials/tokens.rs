//! JWTs that are signed with a shared secret, valid and spoiled.
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::installation::{KAS_SECRET, SHELL_SECRET, WORKHORSE_SECRET};

/// The JWT of one consumer.
pub struct Jwt {
    key: Vec<u8>,
    claims: Value,
    /// The seconds by which clocks may differ.
    leeway: i64,
    requires_audience: bool,
}

impl Jwt {
    pub fn shell() -> Self {
        let claims = json!({ "iss": "gitlab-shell", "iat": now(), "exp": now() + 3600 });
        Self { key: SHELL_SECRET.into(), claims, leeway: 60, requires_audience: false }
    }

    pub fn workhorse() -> Self {
        let claims = json!({ "iss": "gitlab-workhorse" });
        Self { key: WORKHORSE_SECRET.into(), claims, leeway: 60, requires_audience: false }
    }

    pub fn kas() -> Self {
        let claims = json!({ "iss": "gitlab-kas", "aud": ["gitlab"], "nbf": now() - 5, "exp": now() + 3600 });
        Self { key: KAS_SECRET.into(), claims, leeway: 0, requires_audience: true }
    }

    pub fn good(&self) -> String {
        forge(&json!({ "alg": "HS256", "typ": "JWT" }), Algorithm::HS256, &self.key, &self.claims)
    }

    /// Tokens that must be refused in the consumer's own header.
    pub fn spoiled(&self) -> Vec<(String, String)> {
        let header = |name: &str, value: Value| {
            let mut header = json!({ "alg": "HS256", "typ": "JWT" });
            header[name] = value;
            forge(&header, Algorithm::HS256, &self.key, &self.claims)
        };
        let claim = |name: &str, value: Value| {
            let mut claims = self.claims.clone();
            claims[name] = value;
            claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            forge(&json!({ "alg": "HS256" }), Algorithm::HS256, &self.key, &claims)
        };
        let good = self.good();
        let (message, signature) = good.rsplit_once('.').unwrap();
        let (head, payload) = message.split_once('.').unwrap();
        let none = |name: &str| URL_SAFE_NO_PAD.encode(json!({ "alg": name }).to_string());
        let signed_by = |key: &[u8]| forge(&json!({ "alg": "HS256" }), Algorithm::HS256, key, &self.claims);
        let mut tokens: Vec<(String, String)> = ["", ".", "..", "...", "a.b.c", "null", "{}"]
            .map(|text| (format!("text {text}"), text.to_owned()))
            .into();
        for name in ["none", "None", "NONE", "nOnE"] {
            tokens.push((format!("alg {name}, empty signature"), format!("{}.{payload}.", none(name))));
            tokens.push((format!("alg {name}, two parts"), format!("{}.{payload}", none(name))));
            tokens.push((format!("alg {name}, signed"), header("alg", json!(name))));
        }
        for name in ["HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256", ""] {
            tokens.push((format!("alg {name}, signed with HS256"), header("alg", json!(name))));
        }
        for (name, algorithm) in [("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
            let token = forge(&json!({ "alg": name }), algorithm, &self.key, &self.claims);
            tokens.push((format!("alg {name}"), token));
        }
        for value in [Value::Null, json!(["HS256"]), json!(256)] {
            tokens.push((format!("alg {value}"), header("alg", value)));
        }
        for value in [json!(["x"]), json!(["exp"]), json!([]), Value::Null] {
            tokens.push((format!("crit {value}"), header("crit", value)));
        }
        let issuers = ["gitlab-shell", "gitlab-workhorse", "gitlab-kas", "GITLAB-KAS", "gitlab", ""];
        for issuer in issuers.into_iter().filter(|issuer| self.claims["iss"] != *issuer) {
            tokens.push((format!("iss {issuer}"), claim("iss", json!(issuer))));
        }
        for (name, value) in [
            ("iss", Value::Null),
            ("iss", json!([self.claims["iss"]])),
            ("exp", json!(now() - self.leeway - 1)),
            ("exp", json!("tomorrow")),
            ("exp", json!([])),
            ("nbf", json!(now() + self.leeway + 60)),
            ("nbf", json!("now")),
        ] {
            tokens.push((format!("{name} {value}"), claim(name, value)));
        }
        if self.requires_audience {
            for value in [Value::Null, json!("kas"), json!([]), json!(["gitlab2"]), json!({ "gitlab": 1 })] {
                tokens.push((format!("aud {value}"), claim("aud", value)));
            }
        }
        let all: [&[u8]; 3] = [SHELL_SECRET.as_bytes(), &KAS_SECRET, &WORKHORSE_SECRET];
        for key in all.into_iter().filter(|key| *key != self.key) {
            tokens.push((format!("key {key:?}"), signed_by(key)));
        }
        for (what, key) in [
            ("no bytes", Vec::new()),
            ("a line break", b"\n".to_vec()),
            ("zeros", vec![0; 32]),
            ("the secret and a line break", [&self.key[..], b"\n"].concat()),
            ("the secret in base64", STANDARD.encode(&self.key).into_bytes()),
        ] {
            tokens.push((format!("signed with {what}"), signed_by(&key)));
        }
        let mut claims = self.claims.clone();
        claims["gl_id"] = json!("key-17");
        let other = URL_SAFE_NO_PAD.encode(claims.to_string());
        tokens.extend([
            ("another payload".to_owned(), format!("{head}.{other}.{signature}")),
            ("half a signature".to_owned(), good[..good.len() - 20].to_owned()),
            ("a fourth part".to_owned(), format!("{good}.{signature}")),
            ("padding".to_owned(), format!("{good}=")),
            ("twice".to_owned(), format!("{good},{good}")),
            ("a scheme in front".to_owned(), format!("Bearer {good}")),
        ]);
        tokens
    }
}

fn now() -> i64 {
    endpoint::Clock::System.unix()
}

/// Claims of the portal that are valid now.
pub fn portal_claims() -> Value {
    crate::portal_tokens::claims(now(), json!({ "exp": now() + 3600 }))
}

/// Signs any header and claims with HMAC.
fn forge(header: &Value, algorithm: Algorithm, key: &[u8], claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(key), algorithm);
    format!("{message}.{}", signature.unwrap())
}
