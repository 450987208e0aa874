//! Checks the content of a push: Git LFS, file sizes and push rules. These are check l of `shell-api` B.2.4,
//! the checks after its table, and B.2.7. They run after [`push`](super::push), which checks each line.
//!
//! [`ContentFacts::needs`] returns the data to load, and [`ContentFacts::check`] decides with it; missing
//! data refuses the push. Only branches and tags are checked: other refs pass after check a. Their content
//! is checked when a branch or tag moves to it, because an object counts as new if no branch and no tag
//! contained it.
use std::collections::{HashMap, HashSet};

use super::push_rule::{Identity, PushRule, check_sizes};
use super::{Protocol, Refusal, Rule};
use crate::git::changes::{Change, ChangeList, Kind};
use crate::git::objects::{Blob, ChangedPath, Commit, LfsPointer};
use crate::git::ref_name::RefName;
use crate::messages as text;

/// The facts about a project that are known before its repository is inspected.
#[derive(Debug, Clone)]
pub struct ContentFacts {
    /// The protocol of the push.
    pub protocol: Protocol,
    /// The default branch, if the repository has one.
    pub default_branch: Option<String>,
    /// The name of the storage, for the message that it is not inspected.
    pub storage: String,
    /// Whether Git LFS is on: pointers to missing objects are refused, and file locks are enforced.
    pub lfs: bool,
    /// Whether other users hold file locks.
    pub locked: bool,
    /// The maximum file size in MiB; 0 means no limit.
    pub file_size_limit: u64,
    /// The push rule that applies to the project.
    pub push_rule: Option<PushRule>,
}

/// The data that the checks need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Pointers to Git LFS objects that the push adds.
    pub lfs_pointers: bool,
    /// File locks of other users.
    pub locks: bool,
    /// Files that the push adds, with their sizes.
    pub blobs: bool,
    /// Commits that the push adds.
    pub commits: bool,
    /// Paths that the push changes.
    pub changed_paths: bool,
    /// Which authors and committers are users.
    pub members: bool,
    /// The name and e-mail addresses of the pusher.
    pub identity: bool,
}

/// The data that the checks use. `None` if the repository could not provide it.
#[derive(Debug, Clone, Default)]
pub struct ContentAnswers {
    /// The new commits.
    pub commits: Option<Vec<Commit>>,
    /// The changed paths.
    pub changed_paths: Option<Vec<ChangedPath>>,
    /// The new files.
    pub blobs: Option<Vec<Blob>>,
    /// The new pointers to Git LFS objects.
    pub lfs_pointers: Option<Vec<LfsPointer>>,
    /// The object ids among those of the pointers that the project has.
    pub lfs_objects: HashSet<String>,
    /// Paths locked by other users, and the usernames of those users.
    pub locks: HashMap<String, String>,
    /// Confirmed e-mail addresses of users among those of the commits, in lower case.
    pub members: HashSet<String>,
    /// The pusher's identity.
    pub identity: Identity,
}

impl ContentAnswers {
    /// The answers for a push without new content. Used if the operator allows pushes to repositories that
    /// are not inspected.
    pub fn nothing() -> Self {
        Self {
            commits: Some(Vec::new()),
            changed_paths: Some(Vec::new()),
            blobs: Some(Vec::new()),
            lfs_pointers: Some(Vec::new()),
            ..Self::default()
        }
    }
}

/// The new object ids of pushed branches and tags, without duplicates.
pub fn revisions(changes: &ChangeList) -> Vec<String> {
    let mut seen = HashSet::new();
    let new = changes.iter().filter(brings).map(|change| change.new);
    new.filter(|new| seen.insert(*new)).map(ToOwned::to_owned).collect()
}

/// Whether the content of the change is checked.
fn brings(change: &Change<'_>) -> bool {
    change.kind() != Kind::Delete && change.ref_name() != RefName::Other
}

impl ContentFacts {
    /// Returns the data that [`Self::check`] needs for these changes. Nothing is needed if all branches and
    /// tags are deleted.
    pub fn needs(&self, changes: &ChangeList) -> Needs {
        if !changes.iter().any(|change| brings(&change)) {
            return Needs::default();
        }
        let rule = self.push_rule.as_ref();
        let locks = self.lfs && self.locked;
        let changed_paths = locks || rule.is_some_and(PushRule::asks_for_paths);
        Needs {
            lfs_pointers: self.lfs,
            locks,
            blobs: self.file_size_limit > 0 || rule.is_some_and(|rule| rule.max_file_size > 0),
            commits: changed_paths || rule.is_some_and(PushRule::asks_for_commits),
            changed_paths,
            members: rule.is_some_and(|rule| rule.member_check),
            identity: rule.is_some_and(PushRule::asks_for_identity),
        }
    }

    /// The rules that [`Self::check`] applies to these changes, in order.
    pub fn rules(&self, changes: &ChangeList) -> Vec<Rule> {
        let needs = self.needs(changes);
        let all = [
            (needs.locks, Rule::LfsLock),
            (needs.lfs_pointers, Rule::LfsObjectsMissing),
            (needs.blobs && self.file_size_limit > 0, Rule::FileSizeLimit),
            (self.push_rule.is_some(), Rule::PushRule),
        ];
        all.into_iter().filter_map(|(applies, rule)| applies.then_some(rule)).collect()
    }

    /// Checks the push as a whole.
    pub fn check(&self, answers: &ContentAnswers, changes: &ChangeList) -> Result<(), Refusal> {
        self.rules(changes).into_iter().try_for_each(|rule| match rule {
            Rule::LfsLock => self.locks(answers),
            Rule::LfsObjectsMissing => self.lfs_objects(answers),
            Rule::FileSizeLimit => {
                let blobs = self.given(rule, answers.blobs.as_ref(), "sizes of files")?;
                check_sizes(blobs, self.file_size_limit).map_err(|denial| rule.refuse(denial))
            }
            _ => match &self.push_rule {
                Some(push_rule) => self.push_rule(push_rule, self.needs(changes), answers, changes),
                None => Ok(()),
            },
        })
    }

    fn lfs_objects(&self, answers: &ContentAnswers) -> Result<(), Refusal> {
        let rule = Rule::LfsObjectsMissing;
        let pointers = self.given(rule, answers.lfs_pointers.as_ref(), "Git LFS objects")?;
        let is_linked = |pointer: &LfsPointer| answers.lfs_objects.contains(&pointer.oid);
        rule.require(pointers.iter().all(is_linked), text::LFS_MISSING)
    }

    fn locks(&self, answers: &ContentAnswers) -> Result<(), Refusal> {
        let paths = self.given(Rule::LfsLock, answers.changed_paths.as_ref(), "Git LFS locks")?;
        let locked = paths.iter().find_map(|changed| answers.locks.get_key_value(&changed.path));
        locked.map_or(Ok(()), |(path, username)| Err(Rule::LfsLock.forbid(text::lfs_locked(path, username))))
    }

    fn push_rule(
        &self,
        rule: &PushRule,
        needs: Needs,
        answers: &ContentAnswers,
        changes: &ChangeList,
    ) -> Result<(), Refusal> {
        const RULES: &str = "push rules";
        let refuse = |denial| Rule::PushRule.refuse(denial);
        rule.check_refs(changes, self.protocol, self.default_branch.as_deref()).map_err(refuse)?;
        if needs.commits && rule.asks_for_commits() {
            let commits = self.given(Rule::PushRule, answers.commits.as_ref(), RULES)?;
            rule.check_commits(commits, self.protocol, &answers.members, &answers.identity)
                .map_err(refuse)?;
        }
        if needs.changed_paths && rule.asks_for_paths() {
            let paths = self.given(Rule::PushRule, answers.changed_paths.as_ref(), RULES)?;
            rule.check_paths(paths).map_err(refuse)?;
        }
        if needs.blobs && rule.max_file_size > 0 {
            let blobs = self.given(Rule::PushRule, answers.blobs.as_ref(), RULES)?;
            check_sizes(blobs, rule.max_file_size).map_err(refuse)?;
        }
        Ok(())
    }

    fn given<'a, T>(&self, rule: Rule, answer: Option<&'a Vec<T>>, check: &str) -> Result<&'a [T], Refusal> {
        answer.map(Vec::as_slice).ok_or_else(|| rule.forbid(text::not_inspected(check, &self.storage)))
    }
}

#[cfg(test)]
mod tests;
