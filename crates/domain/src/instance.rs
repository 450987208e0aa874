//! What holds for the whole installation: its settings, as far as a decision asks for them.
use crate::access::Protocol;
use crate::access::branch_protection::BranchProtection;
use crate::ssh_key::Restrictions;

/// The newest row of `application_settings`, and what the configuration of the service adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Where people find the web interface; no slash at the end.
    pub url: String,
    /// The only protocol that git may use; `None` = all.
    pub only_protocol: Option<Protocol>,
    pub key_restrictions: Restrictions,
    pub enforce_terms: bool,
    pub latest_term_id: Option<i64>,
    /// An unconfirmed e-mail address keeps its user from git.
    pub confirmation_required: bool,
    /// Nobody pushes: a read-only installation, or maintenance mode.
    pub read_only: bool,
    /// This is a copy of another installation, which takes the pushes.
    pub geo_secondary: bool,
    /// Git over HTTP is served at all, by direction.
    pub http_pull: bool,
    pub http_push: bool,
    /// For projects whose group says nothing of its own.
    pub branch_protection: BranchProtection,
}
