//! Secrets that two programs share through a file.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use secrecy::{ExposeSecret, SecretSlice};
use subtle::ConstantTimeEq;

/// A shared secret and the keys derived from it.
pub struct Secret {
    bytes: SecretSlice<u8>,
    pub(crate) decoding: DecodingKey,
}

/// Why a secret cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The file is empty.
    #[error("the secret is empty")]
    Empty,
    /// The text is not base64 of 32 bytes.
    #[error("the secret is not base64 of 32 bytes")]
    NotBase64,
    /// Shorter than this number of characters.
    #[error("the secret has fewer than {0} characters")]
    TooShort(usize),
    /// A token could not be signed.
    #[error("failed to sign a token")]
    Signing,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret([REDACTED])")
    }
}

impl Secret {
    /// Uses the text of a file as the key, without surrounding white space.
    pub fn from_text(text: &str) -> Result<Self, SecretError> {
        let bytes = text.trim().as_bytes();
        if bytes.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Self::from_bytes(bytes))
    }

    /// Decodes base64 of 32 bytes, the format of all GitLab programs except GitLab Shell. One trailing line
    /// break is allowed.
    pub fn from_base64(text: &str) -> Result<Self, SecretError> {
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        match STANDARD.decode(text) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self::from_bytes(&bytes)),
            _ => Err(SecretError::NotBase64),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec().into(), decoding: DecodingKey::from_secret(bytes) }
    }

    pub(crate) fn encoding(&self) -> EncodingKey {
        EncodingKey::from_secret(self.bytes.expose_secret())
    }

    /// Compares base64 of a secret in constant time. Line breaks in it are ignored.
    fn equals_base64(&self, given: &str) -> bool {
        let compact: String = given.split_ascii_whitespace().collect();
        STANDARD.decode(compact).is_ok_and(|given| {
            // The peer may have read its file including the trailing line break.
            let given = given.trim_ascii();
            given.ct_eq(self.bytes.expose_secret()).into()
        })
    }
}

/// The current secret and, during a rotation, the previous one. Both verify; the current one signs.
#[derive(Debug)]
pub struct Secrets {
    current: Secret,
    previous: Option<Secret>,
}

impl Secrets {
    /// The current secret, and the previous one during a rotation.
    pub fn new(current: Secret, previous: Option<Secret>) -> Self {
        Self { current, previous }
    }

    /// The secret that signs new tokens.
    pub fn signing(&self) -> &Secret {
        &self.current
    }

    /// The current secret, then the previous one.
    pub(crate) fn verifying(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// Whether `given` is base64 of one of the secrets.
    pub fn match_base64(&self, given: &str) -> bool {
        self.verifying().any(|secret| secret.equals_base64(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_secret_is_ignored() {
        let secrets = Secrets::new(Secret::from_text(" s3cret\n").unwrap(), None);
        assert!(secrets.match_base64(&STANDARD.encode("s3cret")));
        assert!(secrets.match_base64(&format!("{}\n", STANDARD.encode("s3cret\n"))));
        assert!(!secrets.match_base64(&STANDARD.encode("other")));
        assert!(!secrets.match_base64(""));
        assert_eq!(Secret::from_text(" \n").unwrap_err(), SecretError::Empty);
    }

    #[test]
    fn a_key_of_32_bytes_is_strict_base64() {
        let text = STANDARD.encode([7; 32]);
        for good in [text.clone(), format!("{text}\n"), format!("{text}\r\n")] {
            assert!(Secret::from_base64(&good).is_ok());
        }
        let unpadded = text.trim_end_matches('=').to_owned();
        for bad in
            [STANDARD.encode([7; 31]), STANDARD.encode([7; 33]), unpadded, format!(" {text}"), "x".to_owned()]
        {
            assert_eq!(Secret::from_base64(&bad).unwrap_err(), SecretError::NotBase64, "{bad}");
        }
        assert_eq!(Secret::from_base64("\n").unwrap_err(), SecretError::Empty);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secrets = Secrets::new(Secret::from_text("s3cret").unwrap(), Secret::from_text("older").ok());
        assert!(!format!("{secrets:?}").contains("s3cret") && !format!("{secrets:?}").contains("older"));
    }
}
