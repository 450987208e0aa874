//! Valid and invalid keys and tokens of the portal.
use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// An RSA key pair, generated once per run.
pub struct Signer {
    pub id: &'static str,
    pub key: EncodingKey,
}

impl Signer {
    fn new(id: &'static str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        Self { id, key: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap() }
    }

    /// The key of the portal.
    pub fn portal() -> &'static Self {
        static PORTAL: OnceLock<Signer> = OnceLock::new();
        PORTAL.get_or_init(|| Self::new("portal"))
    }

    /// Another key with the key id of the portal.
    pub fn stranger() -> &'static Self {
        static STRANGER: OnceLock<Signer> = OnceLock::new();
        STRANGER.get_or_init(|| Self::new("portal"))
    }

    /// The public key.
    pub fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, Algorithm::RS256).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk
    }

    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(Algorithm::RS256) };
        encode(&header, claims, &self.key).unwrap()
    }
}

/// Valid claims at `now`, overridden by `others`. `null` removes a claim.
pub fn claims(now: i64, further: Value) -> Value {
    let mut claims = json!({
        "iss": "https://customers.gitlab.com", "aud": "gitlab-subscriptions", "iat": now, "nbf": now,
        "exp": now + 60,
    });
    let Value::Object(further) = further else { panic!("an object") };
    for (name, value) in further {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(&name);
        } else {
            claims[name] = value;
        }
    }
    claims
}

/// Every token that must be refused.
pub fn bad(now: i64) -> Vec<(&'static str, String)> {
    let portal = Signer::portal();
    let with = |further: Value| portal.sign(&claims(now, further));
    let good = claims(now, json!({}));
    let forged = |header: Value, key: &[u8]| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&good));
        let key = EncodingKey::from_secret(key);
        format!(
            "{message}.{}",
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap()
        )
    };
    let public = portal.jwk();
    let modulus = public["n"].as_str().unwrap();
    let unsigned = forged(json!({ "alg": "none", "kid": "portal" }), b"x");
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    let critical = |value: Value| {
        let header = json!({ "alg": "RS256", "kid": "portal", "crit": value, "x": 1 });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&good));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &portal.key, Algorithm::RS256);
        format!("{message}.{}", signature.unwrap())
    };
    let other_key = Header { kid: Some("unknown".to_owned()), ..Header::new(Algorithm::RS256) };
    let stronger = Header { kid: Some("portal".to_owned()), ..Header::new(Algorithm::RS512) };
    vec![
        ("no token at all", "nonsense".to_owned()),
        ("empty", String::new()),
        ("expired", with(json!({ "exp": now }))),
        ("not yet", with(json!({ "nbf": now + 1 }))),
        ("not for a minute", with(json!({ "nbf": now + 60 }))),
        ("without an end", with(json!({ "exp": null }))),
        ("an end in words", with(json!({ "exp": "tomorrow" }))),
        ("for somebody else", with(json!({ "aud": "gitlab-others" }))),
        ("for nobody", with(json!({ "aud": null }))),
        ("of somebody else", with(json!({ "iss": "https://example.com" }))),
        ("of nobody", with(json!({ "iss": null }))),
        ("wrong key", Signer::stranger().sign(&good)),
        ("unknown key", encode(&other_key, &good, &portal.key).unwrap()),
        ("another algorithm", encode(&stronger, &good, &portal.key).unwrap()),
        ("HS256 by the modulus", forged(json!({ "alg": "HS256", "kid": "portal" }), modulus.as_bytes())),
        (
            "HS256 by the key's JSON",
            forged(json!({ "alg": "HS256", "kid": "portal" }), public.to_string().as_bytes()),
        ),
        ("HS256 called RS256", forged(json!({ "alg": "RS256", "kid": "portal" }), modulus.as_bytes())),
        ("none", format!("{unsigned}.")),
        ("an unknown extension", critical(json!(["x"]))),
        ("a known claim as an extension", critical(json!(["exp"]))),
        ("no extension", critical(json!([]))),
        ("null as extensions", critical(Value::Null)),
        ("key in the header", forged(json!({ "alg": "HS256", "kid": "portal", "jwk": public }), b"x")),
    ]
}
