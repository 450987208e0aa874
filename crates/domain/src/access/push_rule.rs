//! Push rules: conditions for a project's commits, files, branches and tags (`shell-api` B.2.7).
use std::collections::HashSet;

use regex::{Regex, RegexBuilder};

use super::{Denial, Protocol, re2, secret_files};
use crate::git::changes::{ChangeList, Kind};
use crate::git::objects::{Blob, ChangedPath, Commit, PathStatus};
use crate::messages as text;
use crate::text::fold;

const MIB: u64 = 1024 * 1024;
/// The maximum length of a pattern in characters, as in GitLab.
const PATTERN: usize = 2047;
/// The size limit in bytes of a compiled pattern and of its matching cache.
const COMPILED: usize = 1024 * 1024;

/// A row of `push_rules`. An unset rule allows everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushRule {
    /// The pattern that names of new branches must match.
    pub branch_name_regex: Option<String>,
    /// The pattern that commit messages must match.
    pub commit_message_regex: Option<String>,
    /// The pattern that commit messages must not match.
    pub commit_message_negative_regex: Option<String>,
    /// The pattern that e-mail addresses of authors and committers must match.
    pub author_email_regex: Option<String>,
    /// The pattern that names of added files must not match.
    pub file_name_regex: Option<String>,
    /// The maximum file size in MiB; 0 means no limit.
    pub max_file_size: u64,
    /// Tags can be deleted only in the web interface.
    pub deny_delete_tag: bool,
    /// Author and committer must be users, identified by a confirmed e-mail address.
    pub member_check: bool,
    /// Files whose names indicate secrets are refused.
    pub prevent_secrets: bool,
    /// Commits must have a signature.
    pub reject_unsigned_commits: bool,
    /// The committer's e-mail address must be a confirmed address of the pusher.
    pub commit_committer_check: bool,
    /// The committer's name must be the pusher's name.
    pub commit_committer_name_check: bool,
    /// Every commit must be signed off.
    pub reject_non_dco_commits: bool,
}

/// The pusher's identity, for comparison with commits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The pusher's full name.
    pub name: String,
    /// Confirmed e-mail addresses in lower case.
    pub emails: HashSet<String>,
}

impl PushRule {
    pub(super) fn asks_for_commits(&self) -> bool {
        self.commit_message_regex.is_some()
            || self.commit_message_negative_regex.is_some()
            || self.author_email_regex.is_some()
            || self.member_check
            || self.reject_unsigned_commits
            || self.asks_for_identity()
            || self.reject_non_dco_commits
    }

    pub(super) fn asks_for_identity(&self) -> bool {
        self.commit_committer_check || self.commit_committer_name_check
    }

    pub(super) fn asks_for_paths(&self) -> bool {
        self.file_name_regex.is_some() || self.prevent_secrets
    }

    /// Checks the names of branches, and deleted tags.
    pub(super) fn check_refs(
        &self,
        changes: &ChangeList,
        protocol: Protocol,
        default_branch: Option<&str>,
    ) -> Result<(), Denial> {
        let pattern = Pattern::read(self.branch_name_regex.as_deref(), false)?;
        changes.iter().try_for_each(|change| {
            let deletes = change.kind() == Kind::Delete;
            if let (Some(branch), false) = (change.branch(), deletes)
                && default_branch != Some(branch)
            {
                pattern.must_match(branch, |pattern| text::branch_name(branch, pattern))?;
            }
            let is_tag = change.name.starts_with("refs/tags/");
            let denied = self.deny_delete_tag && deletes && is_tag && protocol != Protocol::Web;
            if denied { Err(Denial::forbidden(text::DELETE_TAG)) } else { Ok(()) }
        })
    }

    /// Checks messages, e-mail addresses and signatures. `members` are the confirmed addresses of users
    /// among those of the commits.
    pub(super) fn check_commits(
        &self,
        commits: &[Commit],
        protocol: Protocol,
        members: &HashSet<String>,
        pusher: &Identity,
    ) -> Result<(), Denial> {
        let wanted = Pattern::read(self.commit_message_regex.as_deref(), true)?;
        let unwanted = Pattern::read(self.commit_message_negative_regex.as_deref(), true)?;
        let addresses = Pattern::read(self.author_email_regex.as_deref(), false)?;
        let by_application = protocol == Protocol::Web;
        commits.iter().try_for_each(|commit| {
            if !(by_application && commit.parents > 1) {
                wanted.must_match(&commit.message, text::commit_message)?;
                unwanted.must_not_match(&commit.message, text::commit_message_forbidden)?;
                require(!self.reject_non_dco_commits || is_signed_off(&commit.message), || {
                    text::NO_DCO.to_owned()
                })?;
            }
            let Commit { author_email, committer_email, committer_name, .. } = commit;
            addresses.must_match(author_email, |pattern| text::author_email(author_email, pattern))?;
            addresses
                .must_match(committer_email, |pattern| text::committer_email(committer_email, pattern))?;
            let is_member = |email: &str| !self.member_check || members.contains(&fold(email));
            require(is_member(author_email), || text::author_not_member(author_email))?;
            require(is_member(committer_email), || text::committer_not_member(committer_email))?;
            let own = !self.commit_committer_check || pusher.emails.contains(&fold(committer_email));
            require(own, || text::committer_not_pusher(committer_email))?;
            let named = !self.commit_committer_name_check || pusher.name == *committer_name;
            require(named, || text::COMMITTER_NAME.to_owned())?;
            // A user cannot sign a commit that the application creates.
            let signed = !self.reject_unsigned_commits || commit.signed || by_application;
            require(signed, || text::UNSIGNED.to_owned())
        })
    }

    /// Checks the names of added, renamed and copied files. A modified file keeps its name, which is not
    /// checked again.
    pub(super) fn check_paths(&self, paths: &[ChangedPath]) -> Result<(), Denial> {
        let prohibited = Pattern::read(self.file_name_regex.as_deref(), false)?;
        paths.iter().filter(|changed| changed.status == PathStatus::Added).try_for_each(
            |ChangedPath { path, .. }| {
                prohibited.must_not_match(path, |pattern| text::file_name(path, pattern))?;
                match secret_files::pattern_of(path).filter(|_| self.prevent_secrets) {
                    Some(pattern) => Err(Denial::Forbidden(text::file_name(path, pattern))),
                    None => Ok(()),
                }
            },
        )
    }
}

/// Refuses a new file that is larger than the limit in MiB; 0 means no limit.
pub(super) fn check_sizes(blobs: &[Blob], limit_mib: u64) -> Result<(), Denial> {
    let larger = blobs.iter().find(|blob| limit_mib > 0 && blob.size > limit_mib.saturating_mul(MIB));
    larger.map_or(Ok(()), |blob| {
        Err(Denial::Forbidden(text::file_size(blob.path.as_deref().unwrap_or(&blob.id), limit_mib)))
    })
}

fn require(condition: bool, message: impl FnOnce() -> String) -> Result<(), Denial> {
    if condition { Ok(()) } else { Err(Denial::Forbidden(message())) }
}

/// Whether the message contains a line `Signed-off-by: Name <address>`.
fn is_signed_off(message: &str) -> bool {
    message.lines().filter_map(|line| line.trim().strip_prefix("Signed-off-by:")).any(|signer| {
        signer.split_once('<').is_some_and(|(name, rest)| {
            let address = rest.split_once('>').and_then(|(address, _)| address.split_once('@'));
            !name.trim().is_empty()
                && address.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        })
    })
}

/// The compiled pattern of a push rule. Without a pattern everything is allowed.
struct Pattern<'a>(Option<(&'a str, Regex)>);

impl<'a> Pattern<'a> {
    /// Compiles the pattern. Denies the push if the pattern is invalid or too expensive.
    fn read(pattern: Option<&'a str>, multi_line: bool) -> Result<Self, Denial> {
        let Some(pattern) = pattern else { return Ok(Self(None)) };
        let unreadable = || Denial::Forbidden(text::unreadable_pattern(pattern));
        if pattern.chars().count() > PATTERN {
            return Err(unreadable());
        }
        let regex = RegexBuilder::new(&re2::to_regex(pattern))
            .multi_line(multi_line)
            .size_limit(COMPILED)
            .dfa_size_limit(COMPILED)
            .build()
            .map_err(|_| unreadable())?;
        Ok(Self(Some((pattern, regex))))
    }

    fn must_match(&self, subject: &str, message: impl FnOnce(&str) -> String) -> Result<(), Denial> {
        match &self.0 {
            Some((pattern, regex)) if !regex.is_match(subject) => Err(Denial::Forbidden(message(pattern))),
            _ => Ok(()),
        }
    }

    fn must_not_match(&self, subject: &str, message: impl FnOnce(&str) -> String) -> Result<(), Denial> {
        match &self.0 {
            Some((pattern, regex)) if regex.is_match(subject) => Err(Denial::Forbidden(message(pattern))),
            _ => Ok(()),
        }
    }
}
