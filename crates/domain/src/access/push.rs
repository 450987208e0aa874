//! A push whose changes are known: each line is judged alone, and the first that fails refuses the whole push.
//! Checks bear the letters of the contract, `shell-api` B.2.4.
//!
//! Some need to look into the repository. [`questions`] says what to ask of it, [`check`] judges with the answers;
//! an answer that is missing counts as the worse one.
use std::collections::{HashMap, HashSet};

use chrono::NaiveDateTime;

use super::{Denial, Protocol};
use crate::Role;
use crate::access::protected_refs::{BranchRules, ProtectedBranch, ProtectedTag, Pusher, TagRules};
use crate::actor::Actor;
use crate::git::changes::{Change, Kind};
use crate::git::ref_name::{self, RefName};
use crate::instance::Instance;
use crate::messages as text;
use crate::project::{ActorAccess, Project};

/// What the database knows of a push.
#[derive(Debug, Clone)]
pub struct PushFacts<'a> {
    pub actor: &'a Actor,
    pub project: &'a Project,
    pub standing: ActorAccess,
    pub instance: &'a Instance,
    pub protocol: Protocol,
    pub now: NaiveDateTime,
    pub rules: Rules,
    pub merge_requests: MergeRequests,
    pub repository: RepositoryState,
}

/// The protected refs of the project and of its top-level group.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub branches: Vec<ProtectedBranch>,
    pub tags: Vec<ProtectedTag>,
}

/// Merge requests that let through what roles would not.
#[derive(Debug, Clone, Default)]
pub struct MergeRequests {
    /// Branches of this project that open merge requests let the person push to.
    pub collaboration_branches: HashSet<String>,
    /// Target branch and commit of merges that are happening right now.
    pub merging: HashSet<(String, String)>,
}

/// What holds for the repository as a whole.
#[derive(Debug, Clone, Default)]
pub struct RepositoryState {
    /// It has no branch yet.
    pub empty: bool,
    pub default_branch: Option<String>,
}

/// What of the [`RepositoryState`] bears on a push: the rest need not be known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateNeeds {
    pub empty: bool,
    pub default_branch: bool,
}

impl StateNeeds {
    /// That a repository is empty matters to a new branch (e); its default branch matters to a branch that goes (b) and
    /// to a new tag (i).
    pub fn of(changes: &[Change]) -> Self {
        let any = |kind, branch| {
            changes.iter().any(|change| {
                change.kind() == kind
                    && match change.ref_name() {
                        RefName::Branch(_) => branch,
                        RefName::Tag(_) => !branch,
                        RefName::Other => false,
                    }
            })
        };
        Self {
            empty: any(Kind::Create, true),
            default_branch: any(Kind::Delete, true) || any(Kind::Create, false),
        }
    }
}

/// Something that only the repository can tell, of the ref whose full name it bears.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// Is `old` an ancestor of `new`?
    FastForward { name: String, old: String, new: String },
    /// Which branches contain the commit?
    BranchesWith { name: String, commit: String },
}

impl Question {
    /// What it asks, whatever the ref.
    fn key(&self) -> (String, String) {
        match self {
            Self::FastForward { old, new, .. } => (old.clone(), new.clone()),
            Self::BranchesWith { commit, .. } => (String::new(), commit.clone()),
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// By `(old, new)`.
    pub fast_forward: HashMap<(String, String), bool>,
    /// By commit.
    pub branches_with: HashMap<String, Vec<String>>,
}

/// What must be asked of the repository before [`check`], each thing once: nothing for refs that no rule protects.
pub fn questions(facts: &PushFacts<'_>, changes: &[Change]) -> Vec<Question> {
    let pusher = facts.pusher();
    let mut asked = HashSet::new();
    let questions = changes.iter().filter_map(|change| facts.question(pusher, change));
    questions.filter(|question| asked.insert(question.key())).collect()
}

/// Check a of the first line, which needs nothing of the repository: where it fails, nothing else need be asked.
pub fn check_right(facts: &PushFacts<'_>, changes: &[Change]) -> Result<(), Denial> {
    let may_push = |first| facts.may_push(facts.pusher(), first);
    require(changes.first().is_none_or(may_push), text::PUSH_CODE)
}

/// Judges every line, in order.
pub fn check(facts: &PushFacts<'_>, answers: &Answers, changes: &[Change]) -> Result<(), Denial> {
    let pusher = facts.pusher();
    changes.iter().try_for_each(|change| match change.ref_name() {
        RefName::Branch(_) => facts.branch(pusher, answers, change),
        RefName::Tag(name) => facts.tag(pusher, change, name),
        RefName::Other => require(facts.may_push(pusher, change), text::PUSH_CODE),
    })
}

fn require(condition: bool, message: &str) -> Result<(), Denial> {
    if condition { Ok(()) } else { Err(Denial::forbidden(message)) }
}

impl<'a> PushFacts<'a> {
    fn pusher(&self) -> Pusher<'a> {
        let Self { actor, project, standing, instance, now, .. } = self;
        let may_push_code = match actor {
            Actor::DeployKey { owner: Some(owner), .. } => {
                standing.deploy_key.is_some_and(|grant| grant.can_push)
                    && owner.may_use_git(instance, *now).is_ok()
                    && !standing.banned
                    && project.is_visible_to(Some(owner), standing.role)
            }
            _ => actor.user().is_some_and(|user| project.may_push_code(user, standing.role)),
        };
        Pusher { actor, standing: *standing, may_push_code }
    }

    /// a: by right, or to this branch by a merge request.
    fn may_push(&self, pusher: Pusher<'_>, change: &Change) -> bool {
        let collaborates = |branch| self.merge_requests.collaboration_branches.contains(branch);
        pusher.may_push_code || change.branch().is_some_and(collaborates)
    }

    fn question(&self, pusher: Pusher<'_>, change: &Change) -> Option<Question> {
        let branch = change.branch()?;
        let rules = BranchRules::matching(&self.rules.branches, branch);
        let Change { old, new, name } = change.clone();
        match change.kind() {
            _ if rules.is_empty() || self.begins(change) => None,
            Kind::Update if !rules.allow_force_push() => Some(Question::FastForward { name, old, new }),
            Kind::Create if !rules.may_push(pusher) && rules.may_merge(pusher) => {
                Some(Question::BranchesWith { name, commit: new })
            }
            _ => None,
        }
    }

    /// Checks a to g.
    fn branch(&self, pusher: Pusher<'_>, answers: &Answers, change: &Change) -> Result<(), Denial> {
        let (branch, kind) = (change.branch().unwrap_or_default(), change.kind());
        let is_default = self.repository.default_branch.as_deref() == Some(branch);
        let rules = BranchRules::matching(&self.rules.branches, branch);

        require(self.may_push(pusher, change), text::PUSH_CODE)?; // a
        require(!(kind == Kind::Delete && is_default), text::DELETE_DEFAULT_BRANCH)?; // b
        if kind != Kind::Delete {
            require(!ref_name::starts_like_object_id(branch.as_bytes()), text::SHA_BRANCH)?; // c
            let readable = !branch.contains(char::REPLACEMENT_CHARACTER);
            require(readable && ref_name::is_valid(branch.as_bytes()), text::INVALID_BRANCH)?; // c'
        }
        if self.begins(change) {
            return self.first_branch(pusher, &rules); // e
        }
        if rules.is_empty() {
            return Ok(());
        }
        match kind {
            Kind::Update => {
                let key = (change.old.clone(), change.new.clone());
                let fast_forward = answers.fast_forward.get(&key) == Some(&true);
                require(fast_forward || rules.allow_force_push(), text::FORCE_PUSH)?; // d
                self.update_protected(pusher, &rules, branch, &change.new) // g
            }
            Kind::Create => self.create_protected(pusher, &rules, answers, &change.new), // f
            Kind::Delete => {
                // f'
                require(may_delete(pusher), text::DELETE_PROTECTED)?;
                require(self.protocol == Protocol::Web, text::DELETE_PROTECTED_WEB)
            }
        }
    }

    /// Whether the change makes a branch in an empty repository. One that moves or goes was there: then the repository
    /// is not empty, whatever was counted.
    fn begins(&self, change: &Change) -> bool {
        self.repository.empty && change.kind() == Kind::Create
    }

    /// e: in an empty repository every branch counts as protected, if branches are by default.
    fn first_branch(&self, pusher: Pusher<'_>, rules: &BranchRules<'_>) -> Result<(), Denial> {
        let protection = self.project.branch_protection.unwrap_or(self.instance.branch_protection);
        let role = pusher.standing.role;
        let may_start = pusher.actor.user().is_some_and(|user| {
            user.admin
                || role >= Role::MAINTAINER
                || (role == Role::DEVELOPER && protection.developers_may_start)
        });
        let unprotected = !protection.on && rules.is_empty();
        if unprotected || may_start || rules.may_push(pusher) {
            return Ok(());
        }
        Err(Denial::Forbidden(text::no_default_branch(&self.instance.url, &self.project.full_path)))
    }

    /// f
    fn create_protected(
        &self,
        pusher: Pusher<'_>,
        rules: &BranchRules<'_>,
        answers: &Answers,
        new: &str,
    ) -> Result<(), Denial> {
        if rules.may_push(pusher) {
            return Ok(());
        }
        require(rules.may_merge(pusher), text::CREATE_PROTECTED)?;
        let is_protected = |branch: &String| !BranchRules::matching(&self.rules.branches, branch).is_empty();
        let based = answers.branches_with.get(new).is_some_and(|branches| branches.iter().any(is_protected));
        require(based, text::CREATE_PROTECTED_BASE)?;
        require(self.protocol == Protocol::Web, text::CREATE_PROTECTED_WEB)
    }

    /// g: a merge that the application is carrying out needs the right to merge only.
    fn update_protected(
        &self,
        pusher: Pusher<'_>,
        rules: &BranchRules<'_>,
        branch: &str,
        new: &str,
    ) -> Result<(), Denial> {
        let may_push = rules.may_push(pusher);
        if self.merge_requests.merging.contains(&(branch.to_owned(), new.to_owned())) {
            require(may_push || rules.may_merge(pusher), text::MERGE_PROTECTED)
        } else {
            require(may_push, text::PUSH_PROTECTED)
        }
    }

    /// Checks a and i to k. Check h asks for the right to push code, which a has asked for already.
    fn tag(&self, pusher: Pusher<'_>, change: &Change, name: &[u8]) -> Result<(), Denial> {
        let tag = change.name.strip_prefix("refs/tags/").unwrap_or_default();
        let kind = change.kind();
        require(self.may_push(pusher, change), text::PUSH_CODE)?; // a, h
        let is_default = self.repository.default_branch.as_deref() == Some(tag);
        require(!(kind == Kind::Create && is_default), text::TAG_NAMED_AS_DEFAULT)?; // i
        if kind != Kind::Delete {
            // What was no UTF-8 has come as this character.
            require(!tag.contains(char::REPLACEMENT_CHARACTER), text::TAG_NOT_UTF8)?;
            let prohibited = !ref_name::is_valid(name) || name.starts_with(b"refs/tags/");
            require(!prohibited, text::TAG_PROHIBITED)?; // j
            require(!ref_name::starts_like_object_id(name), text::SHA_TAG)?;
        }
        let rules = TagRules::matching(&self.rules.tags, tag);
        if rules.is_empty() {
            return Ok(());
        }
        match kind {
            // k
            Kind::Update => Err(Denial::forbidden(text::UPDATE_PROTECTED_TAG)),
            Kind::Delete => {
                require(may_delete(pusher), text::DELETE_PROTECTED_TAG)?;
                require(self.protocol == Protocol::Web, text::DELETE_PROTECTED_TAG_WEB)
            }
            Kind::Create => require(rules.may_create(pusher), text::CREATE_PROTECTED_TAG),
        }
    }
}

/// The right to delete protected refs.
fn may_delete(pusher: Pusher<'_>) -> bool {
    pusher.actor.user().is_some_and(|user| user.admin || pusher.standing.role >= Role::MAINTAINER)
}

#[cfg(test)]
mod tests;
