//! Checks a push with a list of changes. Each line is checked separately, and the first failure refuses the
//! whole push. `docs/api/shell-api.md` lists the checks in the same order.
//!
//! Some checks need information from the repository. [`questions`] lists it, and [`check`] uses the answers.
//! A missing answer counts as the less favourable one.
use std::collections::{HashMap, HashSet};

use chrono::NaiveDateTime;

use super::{Protocol, Refusal, Rule};
use crate::Role;
use crate::access::branch_protection::BranchProtection;
use crate::access::protected_refs::{BranchRules, ProtectedBranch, ProtectedTag, Pusher, TagRules};
use crate::actor::Actor;
use crate::git::changes::{Change, ChangeList, Kind};
use crate::git::ref_name::{self, RefName};
use crate::instance::Instance;
use crate::messages as text;
use crate::project::{ActorAccess, Project};

/// The facts about a push from the database.
#[derive(Debug, Clone)]
pub struct PushFacts<'a> {
    /// The actor who pushes.
    pub actor: &'a Actor,
    /// The project that receives the push.
    pub project: &'a Project,
    /// The actor's access to the project.
    pub actor_access: ActorAccess,
    /// The settings of the instance.
    pub instance: &'a Instance,
    /// The protocol of the push.
    pub protocol: Protocol,
    /// The time of the push, in UTC.
    pub now: NaiveDateTime,
    /// The protected refs.
    pub rules: Rules,
    /// Merge requests that grant push access.
    pub merge_requests: MergeRequests,
    /// The state of the repository.
    pub repository: RepositoryState,
}

/// The protected refs of the project and of its top-level group.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The rules for branches.
    pub branches: Vec<ProtectedBranch>,
    /// The rules for tags.
    pub tags: Vec<ProtectedTag>,
}

/// Merge requests that grant push access which the pusher's role does not.
#[derive(Debug, Clone, Default)]
pub struct MergeRequests {
    /// Branches of this project that open merge requests let the pusher push to.
    pub collaboration_branches: HashSet<String>,
    /// Target branch and commit of merges that are in progress.
    pub merging: HashSet<(String, String)>,
}

/// The state of the repository as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryState {
    /// Whether it has no branch.
    pub empty: bool,
    /// The default branch, if the repository has one.
    pub default_branch: Option<String>,
}

/// Which parts of the [`RepositoryState`] the checks of a push need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateNeeds {
    /// Whether the repository is empty.
    pub empty: bool,
    /// The default branch.
    pub default_branch: bool,
}

impl StateNeeds {
    /// Determines the needs of a push. A new branch, and every line that a deploy key pushes, depend on
    /// whether the repository is empty. A deleted branch and a new tag depend on the default branch.
    pub fn new(actor: &Actor, changes: &ChangeList) -> Self {
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
            empty: any(Kind::Create, true) || (actor.is_deploy_key() && !changes.is_empty()),
            default_branch: any(Kind::Delete, true) || any(Kind::Create, false),
        }
    }
}

/// A question about a ref that only the repository can answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// Is `old` an ancestor of `new`?
    FastForward {
        /// The full name of the ref.
        name: String,
        /// The commit before the push.
        old: String,
        /// The commit after the push.
        new: String,
    },
    /// Which branches contain the commit?
    BranchesWith {
        /// The full name of the ref.
        name: String,
        /// The commit.
        commit: String,
    },
}

impl Question {
    /// A key to ask each question once, whatever the ref.
    fn key(&self) -> (String, String) {
        match self {
            Self::FastForward { old, new, .. } => (old.clone(), new.clone()),
            Self::BranchesWith { commit, .. } => (String::new(), commit.clone()),
        }
    }
}

/// The repository's answers to all [`Question`]s.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// By `(old, new)`.
    pub fast_forward: HashMap<(String, String), bool>,
    /// By commit.
    pub branches_with: HashMap<String, Vec<String>>,
}

/// The questions that [`check`] needs answered, without duplicates. Unprotected refs need none.
pub fn questions(facts: &PushFacts<'_>, changes: &ChangeList) -> Vec<Question> {
    let pusher = facts.pusher();
    let mut asked = HashSet::new();
    let questions = changes.iter().filter_map(|change| facts.question(pusher, change));
    questions.filter(|question| asked.insert(question.key())).collect()
}

/// Checks the right to push the first line, as far as possible without the repository. If this fails, the
/// repository is not queried.
pub fn check_right(facts: &PushFacts<'_>, changes: &ChangeList) -> Result<(), Refusal> {
    let pusher = facts.pusher();
    let may_push = |first: Change<'_>| {
        let has_right =
            if facts.actor.is_deploy_key() { facts.has_capable_owner(pusher) } else { pusher.may_push_code };
        has_right || facts.collaborates(pusher, first)
    };
    Rule::PushCode.require(changes.first().is_none_or(may_push), text::PUSH_CODE)
}

/// Whether the pusher has the right to push or to merge to `branch` in an existing project. A merge request
/// with this target branch then lets the pusher push to its source branch.
pub fn may_update_branch(pusher: Pusher<'_>, rules: &[ProtectedBranch], branch: &str) -> bool {
    let rules = BranchRules::matching(rules, branch);
    if rules.is_empty() { pusher.may_push_code } else { rules.may_push(pusher) || rules.may_merge(pusher) }
}

/// Receives the checks of a push as they are made: the rule, and the full name of the ref.
pub trait Trace {
    /// `rule` is about to be checked for a line. The last one of a refused push has refused it.
    fn check(&mut self, rule: Rule, name: &str);
}

/// Traces nothing.
impl Trace for () {
    fn check(&mut self, _: Rule, _: &str) {}
}

/// The checks of one line.
struct Line<'a, T> {
    change: Change<'a>,
    trace: &'a mut T,
}

impl<T: Trace> Line<'_, T> {
    fn require(&mut self, rule: Rule, condition: bool, message: &str) -> Result<(), Refusal> {
        self.trace.check(rule, self.change.name);
        rule.require(condition, message)
    }
}

/// Checks every line, in order.
pub fn check<T: Trace>(
    facts: &PushFacts<'_>,
    answers: &Answers,
    changes: &ChangeList,
    trace: &mut T,
) -> Result<(), Refusal> {
    let pusher = facts.pusher();
    changes.iter().try_for_each(|change| {
        let mut line = Line { change, trace: &mut *trace };
        match change.ref_name() {
            RefName::Branch(_) => facts.branch(pusher, answers, &mut line),
            RefName::Tag(name) => facts.tag(pusher, &mut line, name),
            RefName::Other => line.require(Rule::PushCode, facts.may_push(pusher, change), text::PUSH_CODE),
        }
    })
}

impl<'a> PushFacts<'a> {
    fn pusher(&self) -> Pusher<'a> {
        self.project.pusher(self.actor.responsible_user(), self.actor_access)
    }

    /// Whether the pusher may push this line: by role, as a deploy key, or to this branch through a merge
    /// request.
    fn may_push(&self, pusher: Pusher<'_>, change: Change<'_>) -> bool {
        let has_right = if self.actor.is_deploy_key() {
            self.deploy_key_may_push(pusher, change)
        } else {
            pusher.may_push_code
        };
        has_right || self.collaborates(pusher, change)
    }

    /// Whether a deploy key may push this line. For unprotected refs its owner needs no role. Rules match
    /// the full name of the ref, so a rule `*` protects tags and notes too.
    fn deploy_key_may_push(&self, pusher: Pusher<'_>, change: Change<'_>) -> bool {
        if !self.has_capable_owner(pusher) {
            return false;
        }
        let rules = BranchRules::matching(&self.rules.branches, change.name);
        let is_protected = !rules.is_empty() || (self.repository.empty && self.branch_protection().on);
        !is_protected || rules.may_push(pusher) || (self.repository.empty && self.may_start(pusher))
    }

    /// Whether a deploy key has write access and an owner who may use git and read the project.
    fn has_capable_owner(&self, pusher: Pusher<'_>) -> bool {
        self.actor_access.deploy_key.is_some_and(|grant| grant.can_push)
            && !self.actor_access.banned
            && pusher.may_read
            && self.may_use_git(pusher)
    }

    fn may_use_git(&self, pusher: Pusher<'_>) -> bool {
        pusher.user.is_some_and(|user| user.may_use_git(self.instance, self.now).is_ok())
    }

    /// Whether an open merge request lets the pusher push to this branch.
    fn collaborates(&self, pusher: Pusher<'_>, change: Change<'_>) -> bool {
        let is_open = |branch| self.merge_requests.collaboration_branches.contains(branch);
        change.branch().is_some_and(is_open) && self.may_use_git(pusher)
    }

    fn question(&self, pusher: Pusher<'_>, change: Change<'_>) -> Option<Question> {
        let branch = change.branch()?;
        let rules = BranchRules::matching(&self.rules.branches, branch);
        let [old, new, name] = [change.old, change.new, change.name].map(|part| move || part.to_owned());
        match change.kind() {
            _ if rules.is_empty() || self.begins(change) => None,
            Kind::Update if !rules.allow_force_push() => {
                Some(Question::FastForward { name: name(), old: old(), new: new() })
            }
            Kind::Create if !rules.may_push(pusher) && rules.may_merge(pusher) => {
                Some(Question::BranchesWith { name: name(), commit: new() })
            }
            _ => None,
        }
    }

    /// Checks the update of a branch.
    fn branch<T: Trace>(
        &self,
        pusher: Pusher<'_>,
        answers: &Answers,
        line: &mut Line<'_, T>,
    ) -> Result<(), Refusal> {
        let change = line.change;
        let (branch, kind) = (change.branch().unwrap_or_default(), change.kind());
        let is_default = self.repository.default_branch.as_deref() == Some(branch);
        let rules = BranchRules::matching(&self.rules.branches, branch);

        line.require(Rule::PushCode, self.may_push(pusher, change), text::PUSH_CODE)?;
        let deletes_default = kind == Kind::Delete && is_default;
        line.require(Rule::DefaultBranchDeletion, !deletes_default, text::DELETE_DEFAULT_BRANCH)?;
        if kind != Kind::Delete {
            let is_like_object_id = ref_name::starts_like_object_id(branch.as_bytes());
            line.require(Rule::BranchNameProhibited, !is_like_object_id, text::SHA_BRANCH)?;
            let readable = !branch.contains(char::REPLACEMENT_CHARACTER);
            let is_valid = readable && ref_name::is_valid(branch.as_bytes());
            line.require(Rule::BranchNameInvalid, is_valid, text::INVALID_BRANCH)?;
        }
        if self.begins(change) {
            return self.first_branch(pusher, &rules, line);
        }
        if rules.is_empty() {
            return Ok(());
        }
        match kind {
            Kind::Update => {
                let key = (change.old.to_owned(), change.new.to_owned());
                let fast_forward = answers.fast_forward.get(&key) == Some(&true);
                line.require(Rule::ForcePush, fast_forward || rules.allow_force_push(), text::FORCE_PUSH)?;
                self.update_protected(pusher, &rules, branch, line)
            }
            Kind::Create => self.create_protected(pusher, &rules, answers, line),
            Kind::Delete => {
                let (rule, is_web) = (Rule::ProtectedBranchDeletion, self.protocol == Protocol::Web);
                line.require(rule, pusher.may_delete_protected(), text::DELETE_PROTECTED)?;
                line.require(rule, is_web, text::DELETE_PROTECTED_WEB)
            }
        }
    }

    /// Whether the change creates a branch in an empty repository. If a branch is updated or deleted, the
    /// repository is not empty, whatever was counted.
    fn begins(&self, change: Change<'_>) -> bool {
        self.repository.empty && change.kind() == Kind::Create
    }

    fn branch_protection(&self) -> BranchProtection {
        self.project.branch_protection.unwrap_or(self.instance.branch_protection)
    }

    /// Whether the pusher may create the first branch of an empty repository whose branches are protected by default.
    fn may_start(&self, pusher: Pusher<'_>) -> bool {
        let role = pusher.role;
        pusher.user.is_some_and(|user| {
            user.admin
                || role >= Role::MAINTAINER
                || (role == Role::DEVELOPER && self.branch_protection().developers_may_start)
        })
    }

    /// Checks a new branch in an empty repository. Every branch counts as protected if the default branch
    /// protection is on.
    fn first_branch<T: Trace>(
        &self,
        pusher: Pusher<'_>,
        rules: &BranchRules<'_>,
        line: &mut Line<'_, T>,
    ) -> Result<(), Refusal> {
        let unprotected = !self.branch_protection().on && rules.is_empty();
        let is_allowed = unprotected || self.may_start(pusher) || rules.may_push(pusher);
        let message = text::no_default_branch(&self.instance.url, &self.project.full_path);
        line.require(Rule::DefaultBranchMissing, is_allowed, &message)
    }

    fn create_protected<T: Trace>(
        &self,
        pusher: Pusher<'_>,
        rules: &BranchRules<'_>,
        answers: &Answers,
        line: &mut Line<'_, T>,
    ) -> Result<(), Refusal> {
        let (rule, new) = (Rule::ProtectedBranch, line.change.new);
        if rules.may_push(pusher) {
            return line.require(rule, true, text::CREATE_PROTECTED);
        }
        line.require(rule, rules.may_merge(pusher), text::CREATE_PROTECTED)?;
        let is_protected = |branch: &String| !BranchRules::matching(&self.rules.branches, branch).is_empty();
        let based = answers.branches_with.get(new).is_some_and(|branches| branches.iter().any(is_protected));
        line.require(rule, based, text::CREATE_PROTECTED_BASE)?;
        line.require(rule, self.protocol == Protocol::Web, text::CREATE_PROTECTED_WEB)
    }

    /// Checks the update of a protected branch. A merge by the application needs only the right to merge.
    fn update_protected<T: Trace>(
        &self,
        pusher: Pusher<'_>,
        rules: &BranchRules<'_>,
        branch: &str,
        line: &mut Line<'_, T>,
    ) -> Result<(), Refusal> {
        let new = line.change.new;
        let may_push = rules.may_push(pusher);
        if self.merge_requests.merging.contains(&(branch.to_owned(), new.to_owned())) {
            line.require(
                Rule::ProtectedBranchUpdate,
                may_push || rules.may_merge(pusher),
                text::MERGE_PROTECTED,
            )
        } else {
            line.require(Rule::ProtectedBranchUpdate, may_push, text::PUSH_PROTECTED)
        }
    }

    /// Checks the update of a tag.
    fn tag<T: Trace>(&self, pusher: Pusher<'_>, line: &mut Line<'_, T>, name: &[u8]) -> Result<(), Refusal> {
        let change = line.change;
        let tag = change.name.strip_prefix("refs/tags/").unwrap_or_default();
        let kind = change.kind();
        line.require(Rule::PushCode, self.may_push(pusher, change), text::PUSH_CODE)?;
        // A user who passes the previous check may push code, but the owner of a deploy key may not.
        line.require(Rule::TagUpdate, kind == Kind::Create || pusher.may_push_code, text::CHANGE_TAG)?;
        let is_default = self.repository.default_branch.as_deref() == Some(tag);
        let is_named_as_default = kind == Kind::Create && is_default;
        line.require(Rule::TagNamedAsDefaultBranch, !is_named_as_default, text::TAG_NAMED_AS_DEFAULT)?;
        if kind != Kind::Delete {
            // Invalid UTF-8 has been replaced with this character.
            let rule = Rule::TagNameProhibited;
            line.require(rule, !tag.contains(char::REPLACEMENT_CHARACTER), text::TAG_NOT_UTF8)?;
            let prohibited = !ref_name::is_valid(name) || name.starts_with(b"refs/tags/");
            line.require(rule, !prohibited, text::TAG_PROHIBITED)?;
            line.require(rule, !ref_name::starts_like_object_id(name), text::SHA_TAG)?;
        }
        let rules = TagRules::matching(&self.rules.tags, tag);
        if rules.is_empty() {
            return Ok(());
        }
        match kind {
            Kind::Update => line.require(Rule::ProtectedTag, false, text::UPDATE_PROTECTED_TAG),
            Kind::Delete => {
                line.require(Rule::ProtectedTag, pusher.may_delete_protected(), text::DELETE_PROTECTED_TAG)?;
                line.require(
                    Rule::ProtectedTag,
                    self.protocol == Protocol::Web,
                    text::DELETE_PROTECTED_TAG_WEB,
                )
            }
            Kind::Create => {
                line.require(Rule::ProtectedTag, rules.may_create(pusher), text::CREATE_PROTECTED_TAG)
            }
        }
    }
}

#[cfg(test)]
mod tests;
