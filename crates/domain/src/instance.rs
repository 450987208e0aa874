//! The settings of the whole installation that decisions need.
use ipnet::IpNet;

use crate::access::Protocol;
use crate::access::branch_protection::BranchProtection;
use crate::ssh_key::Restrictions;

/// The newest row of `application_settings`, and options of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The URL of the web interface, without a slash at the end.
    pub url: String,
    /// The only protocol that git may use; `None` = all.
    pub only_protocol: Option<Protocol>,
    pub key_restrictions: Restrictions,
    pub enforce_terms: bool,
    pub latest_term_id: Option<i64>,
    /// A user whose e-mail address is not confirmed may not use git.
    pub confirmation_required: bool,
    /// Pushes are refused: a read-only installation, or maintenance mode.
    pub read_only: bool,
    /// A Geo secondary: the primary takes the pushes.
    pub geo_secondary: bool,
    /// Whether git over HTTP is served, by direction.
    pub http_pull: bool,
    pub http_push: bool,
    /// Addresses that pass the IP ranges of every group (`globally_allowed_ips`).
    pub globally_allowed_ips: Vec<IpNet>,
    /// For projects whose group has no setting of its own.
    pub branch_protection: BranchProtection,
}
