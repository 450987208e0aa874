//! What a caller wants of a repository.
use std::net::IpAddr;

use crate::git::changes::Changes;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub action: Action,
    pub protocol: Protocol,
    pub changes: Changes,
    /// The address of the person's machine, where the caller knows it.
    pub check_ip: Option<IpAddr>,
    /// The group whose SSH certificate signed the person in: nothing outside it may be reached.
    pub namespace_path: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `git-upload-pack`, `git-upload-archive`
    Download,
    /// `git-receive-pack`
    Push,
    Unknown,
}

impl Action {
    /// Reads git's name of a command; Git LFS leaves the `git-` out.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("git-").unwrap_or(text) {
            "upload-pack" | "upload-archive" => Self::Download,
            "receive-pack" => Self::Push,
            _ => Self::Unknown,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    Ssh,
    Http,
    /// A change that the application itself makes for a person: merge, web editor, API.
    Web,
}

impl Protocol {
    pub fn parse(text: &str) -> Option<Self> {
        [("ssh", Self::Ssh), ("http", Self::Http), ("web", Self::Web)]
            .into_iter()
            .find(|(name, _)| text.eq_ignore_ascii_case(name))
            .map(|(_, protocol)| protocol)
    }
}
