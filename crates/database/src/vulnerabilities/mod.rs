//! Vulnerabilities that agents find: the finding (`vulnerability_occurrences`), the vulnerability that users triage,
//! and the row that lists read (`vulnerability_reads`).
mod names;
mod put;
mod resolve;

use domain::agents::vulnerability::{Fingerprint, Identifier, Severity};
use uuid::Uuid;

pub use put::{PutOutcome, put};
pub use resolve::resolve_others;

/// One finding at one place, with texts cut to the length of their columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub uuid: Uuid,
    pub scanner: Scanner,
    /// The first one is part of the UUID.
    pub identifiers: Vec<Identifier>,
    pub place: Fingerprint,
    pub severity: Severity,
    pub name: String,
    pub description: Option<String>,
    pub solution: Option<String>,
    /// JSON text.
    pub location: String,
    pub image: Option<String>,
    pub links: Vec<Link>,
    /// The whole report, as JSON text.
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

/// The agent that reports a finding, and the user in whose name it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finder {
    pub agent_id: i64,
    pub project_id: i64,
    pub author_id: i64,
}
