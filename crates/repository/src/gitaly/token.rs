//! Gitaly's authentication, version 2.
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use tonic::metadata::{Ascii, MetadataValue};

/// The secret that a Gitaly shares with its clients. It is not sent: each call has a new signature of the current
/// time, which Gitaly accepts for 30 seconds.
#[derive(Debug, Clone)]
pub(super) struct Token(Arc<Key>);

impl Token {
    pub fn new(secret: &str) -> Self {
        Self(Arc::new(Key::new(HMAC_SHA256, secret.as_bytes())))
    }

    /// The value of the header `authorization` for a call that is made now.
    pub fn header(&self) -> Option<MetadataValue<Ascii>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut value = MetadataValue::try_from(self.bearer(now)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn bearer(&self, unix_time: u64) -> String {
        let message = unix_time.to_string();
        let signature = sign(&self.0, message.as_bytes());
        let hex: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("Bearer v2.{hex}.{message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected value comes from `printf 1732180000 | openssl dgst -sha256 -hmac s3cret`.
    #[test]
    fn signature_covers_the_time() {
        let expected =
            "Bearer v2.c670d70beb1f954cd57d0a31e2a455558ef43b1c89934467fe598532cd61323e.1732180000";
        assert_eq!(Token::new("s3cret").bearer(1_732_180_000), expected);
        assert!(!format!("{:?}", Token::new("s3cret")).contains("s3cret"));
    }
}
