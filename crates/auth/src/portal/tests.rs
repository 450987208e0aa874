use super::*;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

fn expected() -> Expected {
    let algorithms = vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    Expected { issuer: "portal".to_owned(), audience: "us".to_owned(), algorithms }
}

#[test]
fn sets_without_a_public_key_for_signatures_are_refused() {
    for set in [
        json!({ "keys": [] }),
        json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0", "kid": "a" }] }),
        json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "enc" }] }),
        json!({ "keys": [7, "x", null, {}] }),
    ] {
        assert_eq!(Keys::parse(set.to_string().as_bytes()).unwrap_err(), KeysError::NoKey, "{set}");
    }
    for malformed in ["", "[]", "{}", "{\"keys\":7}"] {
        assert_eq!(Keys::parse(malformed.as_bytes()).unwrap_err(), KeysError::Malformed, "{malformed}");
    }
}

#[test]
fn shared_secrets_sign_nothing() {
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let token = encode(&Header::new(algorithm), &json!({}), &EncodingKey::from_secret(b"x")).unwrap();
        assert_eq!(Token::read(&token, &expected()).unwrap_err(), Rejection::Malformed);
    }
}

#[test]
fn critical_extensions_are_refused() {
    let token = crate::jwt::tests::with_header("h.e.s", r#","crit":null"#);
    assert_eq!(Token::read(&token, &expected()).unwrap_err(), Rejection::Crit);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*", json in "[{}\\[\\]\":,a-z]*") {
        let _ = (Token::read(&text, &expected()), Keys::parse(json.as_bytes()));
    }
}
