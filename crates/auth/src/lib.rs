//! Authentication: turns tokens and shared secrets into identities. All functions are pure: the time is an
//! argument, and the caller reads the files.
#![warn(missing_docs)]

mod bearer;
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

pub use bearer::bearer_token;
pub use key_base::KeyBase;
pub use lfs::{LfsActor, LfsToken};
pub use secret::{Secret, SecretError, Secrets};

/// Why a credential is rejected. Logs and metrics include the reason; the response is only "401
/// Unauthorized".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The request has no credential.
    #[error("no credential was given")]
    Missing,
    /// The credential cannot be parsed, or its algorithm is not allowed.
    #[error("the credential is not well formed")]
    Malformed,
    /// The signature or the shared secret is wrong.
    #[error("the signature or the secret is wrong")]
    Signature,
    /// The credential has expired.
    #[error("the credential has expired")]
    Expired,
    /// The credential becomes valid in the future.
    #[error("the credential is not valid yet")]
    NotYetValid,
    /// Another issuer signed the credential.
    #[error("the credential has another issuer")]
    Issuer,
    /// The credential is for another service.
    #[error("the credential has another audience")]
    Audience,
    /// The token's header requires extensions that are not supported (RFC 7515 §4.1.11).
    #[error("the token's header has `crit`")]
    Crit,
    /// The token is not in the database.
    #[error("no account has this token")]
    UnknownToken,
    /// The token was revoked.
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
