//! The default organization, which every GitLab has.

/// The id of the default organization.
pub(crate) const DEFAULT_ORGANIZATION: i64 = 1;
