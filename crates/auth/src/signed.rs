//! Signs strings that a browser stores and sends back. The keys are derived from `db_key_base`, one for each
//! purpose.
use aws_lc_rs::{hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::KeyBase;

impl KeyBase {
    /// Signs a string for one purpose. Returns base64url.
    pub fn sign(&self, purpose: &str, text: &str) -> String {
        let tag = key(self.current(), purpose).map(|key| hmac::sign(&key, text.as_bytes()));
        tag.map(|tag| URL_SAFE_NO_PAD.encode(tag)).unwrap_or_default()
    }

    /// Whether any value of the key base has signed this string for this purpose. Runs in constant time.
    pub fn has_signed(&self, purpose: &str, text: &str, signature: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        let mut keys = self.all().filter_map(|base| key(base, purpose));
        keys.any(|key| hmac::verify(&key, text.as_bytes(), &tag).is_ok())
    }
}

/// HKDF (RFC 5869). Fails only if the requested key is far too long.
fn key(base: &str, purpose: &str) -> Option<hmac::Key> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"internal-api");
    let made = salt.extract(base.as_bytes());
    made.expand(&[purpose.as_bytes()], hmac::HMAC_SHA256).ok().map(hmac::Key::from)
}

#[cfg(test)]
mod tests {
    use crate::KeyBase;

    #[test]
    fn a_signature_is_for_one_text_one_purpose_and_one_key() {
        let [old, new] = ["a".repeat(40), "b".repeat(40)];
        let [before, after, both] = [old.clone(), new.clone(), format!("{old}\n{new}")]
            .map(|text| KeyBase::from_text(&text).unwrap());
        let signature = before.sign("session", "text");
        assert_eq!(signature.len(), 43);
        for key in [&before, &both] {
            assert!(key.has_signed("session", "text", &signature));
        }
        assert_eq!(both.sign("session", "text"), after.sign("session", "text"));
        assert!(!after.has_signed("session", "text", &signature));
        assert!(!before.has_signed("csrf", "text", &signature));
        assert!(!before.has_signed("session", "text2", &signature));
        for bad in ["", "=", &signature[1..], &signature.to_lowercase()] {
            assert!(!before.has_signed("session", "text", bad), "{bad}");
        }
    }
}
