//! Users.
pub mod credit_card_validation;
pub mod show;

pub const UNKNOWN: domain::Error = domain::Error::NotFound("User");

/// The id in a path. Text that is not a number matches no user.
pub fn id(text: &str) -> i64 {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().unwrap_or(0) } else { 0 }
}
