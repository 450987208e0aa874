//! What agents find: a finding (GitLab's `vulnerability_occurrences`) and the vulnerability that people judge.
mod names;
mod put;
mod resolve;

use domain::agents::vulnerability::{Fingerprint, Identifier, Severity};
use serde_json::Value;
use uuid::Uuid;

pub use put::put;
pub use resolve::resolve_others;

/// One thing found at one place, cut to what its columns hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub uuid: Uuid,
    pub scanner: Scanner,
    /// The first is the one that counts for the UUID.
    pub identifiers: Vec<Identifier>,
    pub place: Fingerprint,
    pub severity: Severity,
    pub name: String,
    pub description: Option<String>,
    pub solution: Option<String>,
    pub location: Value,
    pub image: Option<String>,
    pub links: Vec<Link>,
    /// The whole report, as JSON.
    pub raw_metadata: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanner {
    pub external_id: String,
    pub name: String,
    pub vendor: String,
}

#[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable)]
pub struct Link {
    pub name: Option<String>,
    pub url: String,
}

/// Who has found something, and in whose name it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finder {
    pub agent_id: i64,
    pub project_id: i64,
    pub author_id: i64,
}
