//! Who asks: tokens and shared secrets become identities. Pure functions: the time is an argument, a file is
//! somebody else's work.
mod encrypted;
mod jwt;
pub mod kas;
mod key_base;
mod lfs;
pub mod otp;
pub mod portal;
mod secret;
pub mod shell;
mod signed;
pub mod workhorse;

pub use key_base::KeyBase;
pub use lfs::{LfsActor, LfsToken};
pub use secret::{Secret, SecretError, Secrets};

/// Why a credential is refused, as the metrics count it. Callers hear no more than "401 Unauthorized".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("no credential was given")]
    Missing,
    #[error("the credential is not well formed")]
    Malformed,
    #[error("the signature, or the secret, is wrong")]
    Signature,
    #[error("the credential is not valid now")]
    Expired,
    #[error("the credential was issued by somebody else, or for somebody else")]
    Issuer,
    #[error("nobody has this token, or it has been revoked")]
    UnknownToken,
}

impl Rejection {
    /// The value of the metrics' label `reason`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::Issuer => "issuer",
            Self::UnknownToken => "unknown_token",
        }
    }
}
