//! GitLab's `db_key_base`: a secret from which other secrets are derived. Several values mean a rotation:
//! the last one encrypts, and all of them decrypt.
use aws_lc_rs::digest::{Digest, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::SecretError;

/// The minimum length in characters: a shorter value is not secure and too short for the derived keys.
const MIN_CHARACTERS: usize = 32;

/// One or more values; never empty.
#[derive(Debug)]
pub struct KeyBase {
    older: Vec<SecretString>,
    current: SecretString,
}

impl KeyBase {
    /// Parses the text of a file with one value per line. The last one is the current value.
    pub fn from_text(text: &str) -> Result<Self, SecretError> {
        let mut values: Vec<SecretString> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect();
        if values.iter().any(|value| value.expose_secret().chars().count() < MIN_CHARACTERS) {
            return Err(SecretError::TooShort(MIN_CHARACTERS));
        }
        let current = values.pop().ok_or(SecretError::Empty)?;
        Ok(Self { older: values, current })
    }

    pub(crate) fn current(&self) -> &str {
        self.current.expose_secret()
    }

    /// The current value, then the earlier ones, newest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.current).chain(self.older.iter().rev()).map(ExposeSecret::expose_secret)
    }

    /// Computes `personal_access_tokens.token_digest`. The token itself is not stored.
    pub fn token_digest(&self, token: &str) -> String {
        self.salted_digest(token)
    }

    /// A base64 digest with GitLab's salt: SHA-256 of the string and the first 32 characters of
    /// `db_key_base`.
    pub fn salted_digest(&self, text: &str) -> String {
        digest_of(text, self.current())
    }

    /// Returns every digest that a column may contain for a token.
    pub fn digests(&self, token: &str) -> Vec<String> {
        self.all().map(|base| digest_of(token, base)).collect()
    }
}

fn digest_of(token: &str, base: &str) -> String {
    STANDARD.encode(sha256(&[token.as_bytes(), first_characters(base, 32).as_bytes()].concat()))
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    digest(&SHA256, bytes)
}

pub(crate) fn first_characters(text: &str, count: usize) -> String {
    text.chars().take(count).collect()
}

/// The first 32 bytes, truncated at a character boundary and padded with the digit 0, as in GitLab.
pub(crate) fn key_32(base: &str) -> [u8; 32] {
    let mut key = [b'0'; 32];
    let end = base.floor_char_boundary(32);
    key[..end].copy_from_slice(&base.as_bytes()[..end]);
    key
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The key base of GitLab's test vectors.
    pub(crate) fn key_base() -> KeyBase {
        KeyBase::from_text(&"0123456789abcdef".repeat(8)).unwrap()
    }

    #[test]
    fn digests_tokens_as_gitlab_does() {
        let digest = |token| key_base().token_digest(token);
        assert_eq!(digest("glpat-Hf_79B288hRv_3-TSD1R"), "6qNlp5VNcX1RbwuHz1KJHCxj60/9o56FrWyeHeJ5b+o=");
        assert_eq!(digest("Hf_79B288hRv_3-TSD1R"), "aEO9cornrifqHj3So/AkJNoQLm44pVXyxnMAIR3ZlUE=");
    }

    #[test]
    fn the_last_value_writes_and_all_are_tried() {
        let [old, new] = ["a".repeat(40), "b".repeat(40)];
        let [before, after] = [&old, &new].map(|text| KeyBase::from_text(text).unwrap());
        let both = KeyBase::from_text(&format!("{old}\n\n {new} \n")).unwrap();
        assert_eq!(both.token_digest("t"), after.token_digest("t"));
        assert_eq!(both.digests("t"), [after.token_digest("t"), before.token_digest("t")]);
        assert_eq!(both.encrypt("t"), after.encrypt("t"));
        for value in [&before, &after] {
            assert!(both.encrypts_to("t", &value.encrypt("t")));
        }
        assert!(!after.encrypts_to("t", &before.encrypt("t")));
    }

    #[test]
    fn refuses_empty_and_short_secrets() {
        assert_eq!(KeyBase::from_text(" \n").unwrap_err(), SecretError::Empty);
        assert_eq!(KeyBase::from_text(&"a".repeat(31)).unwrap_err(), SecretError::TooShort(32));
        assert_eq!(
            KeyBase::from_text(&format!("short\n{}", "a".repeat(32))).unwrap_err(),
            SecretError::TooShort(32)
        );
        assert!(!format!("{:?}", key_base()).contains("0123"));
    }

    #[test]
    fn keys_are_cut_at_whole_characters() {
        assert_eq!(key_32(&"ü".repeat(32)), *"ü".repeat(16).as_bytes());
        assert_eq!(key_32(&format!("a{}", "ü".repeat(32)))[31], b'0');
    }
}
