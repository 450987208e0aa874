//! The endpoints, named after their paths under `/api/v4/internal`.
pub(crate) mod allowed;
pub(crate) mod authorized_certs;
pub(crate) mod authorized_keys;
pub(crate) mod check;
pub(crate) mod discover;
pub(crate) mod error_tracking;
pub(crate) mod gitaly;
pub(crate) mod lfs;
pub(crate) mod lfs_authenticate;
pub(crate) mod personal_access_token;
pub(crate) mod post_receive;
pub(crate) mod pre_receive;
pub(crate) mod shellhorse;
pub(crate) mod two_factor_config;
pub(crate) mod two_factor_otp_check;
pub(crate) mod two_factor_recovery_codes;

pub use self::post_receive::MergeRequestOptionsSink;
