//! The settings of the instance that decisions need.
use ipnet::IpNet;

use crate::access::Protocol;
use crate::access::branch_protection::BranchProtection;
use crate::ssh_key::Restrictions;

/// The latest row of `application_settings`, and options of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The URL of the web interface, without a trailing slash.
    pub url: String,
    /// The only protocol enabled for git, or `None` if all are.
    pub only_protocol: Option<Protocol>,
    /// Which types and lengths of SSH keys may be used.
    pub key_restrictions: Restrictions,
    /// Whether users must accept the terms of service.
    pub enforce_terms: bool,
    /// The id of the current terms of service.
    pub latest_term_id: Option<i64>,
    /// A user whose e-mail address is not confirmed may not use git.
    pub confirmation_required: bool,
    /// Whether pushes are refused because the instance is read-only or in maintenance mode.
    pub read_only: bool,
    /// Whether the instance is a Geo secondary, which forwards pushes to the primary.
    pub geo_secondary: bool,
    /// Whether git over HTTP is enabled, separately for pulls and pushes.
    pub http_pull: bool,
    /// Whether git over HTTP is enabled for pushes.
    pub http_push: bool,
    /// Addresses that pass the IP ranges of every group (`globally_allowed_ips`).
    pub globally_allowed_ips: Vec<IpNet>,
    /// The default for projects whose group has no setting of its own.
    pub branch_protection: BranchProtection,
}
