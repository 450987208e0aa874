//! Authentication: turns tokens and shared secrets into identities. All functions are pure: the time is an
//! argument, and the caller reads the files.
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

/// Why a credential is rejected. Logs and metrics include the reason; the response is only "401
/// Unauthorized".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("no credential was given")]
    Missing,
    #[error("the credential is not well formed")]
    Malformed,
    #[error("the signature, or the secret, is wrong")]
    Signature,
    #[error("the credential has expired")]
    Expired,
    #[error("the credential is not valid yet")]
    NotYetValid,
    #[error("the credential was issued by somebody else")]
    Issuer,
    #[error("the credential is meant for somebody else")]
    Audience,
    #[error("the token's header has `crit`")]
    Crit,
    #[error("no account has this token")]
    UnknownToken,
    #[error("the token has been revoked")]
    Revoked,
}

impl Rejection {
    /// All reasons, for metrics that exist from the start.
    pub const ALL: [Self; 10] = [
        Self::Missing,
        Self::Malformed,
        Self::Signature,
        Self::Expired,
        Self::NotYetValid,
        Self::Issuer,
        Self::Audience,
        Self::Crit,
        Self::UnknownToken,
        Self::Revoked,
    ];

    /// The value for logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Crit => "crit",
            Self::UnknownToken => "unknown",
            Self::Revoked => "revoked",
        }
    }
}
