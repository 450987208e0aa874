//! The decision as an ordered table: the first row that decides ends it. `docs/api/shell-api.md` lists the rows in
//! the same order. The rate limit is checked before and needs no facts; the changes of a push are checked after.
use super::facts::Container;
use super::{
    Action, ClientAddress, Denial, Facts, ProjectFacts, Protocol, Refusal, RepositoryStatus, Request, Rule,
    Target,
};
use crate::Role;
use crate::actor::Actor;
use crate::git::changes::Changes;
use crate::instance::Instance;
use crate::messages as text;
use crate::project::{GitProtocols, RootNamespace};
use crate::user::User;

/// The next step for a request that is not denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The request is allowed. If it is a push with changes, they are checked next, line by line.
    Allowed,
    /// The push is forwarded to the Geo primary.
    ForwardToPrimary,
    /// Create the project, then decide again.
    CreateProject,
    /// This push or an earlier one has created the project: create its repository.
    CreateRepository,
}

/// What a row of the table says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The row does not concern the request: there is no key, or it is about pushes only.
    NotApplicable,
    /// The request meets the row's condition.
    Passed,
    /// The row decides, and no later row is read.
    Decided(Result<Verdict, Refusal>),
}

/// A row of the table as it was read for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The row.
    pub rule: Rule,
    /// What the row says.
    pub outcome: Outcome,
}

/// A request, its facts, and the state of its target for the actor.
struct Case<'a> {
    request: &'a Request,
    facts: &'a Facts,
    container: Option<Container>,
}

/// Reads a row for a request.
type Row = fn(&Case<'_>) -> Outcome;

/// The rows, in the order in which they are read. A push that creates its project (14) is decided after the rows
/// that deny access to the namespace.
const TABLE: &[(Rule, Row)] = &[
    (Rule::SnippetMissing, snippet_missing),
    (Rule::ProtocolDisabled, protocol_disabled),
    (Rule::KeyTypeForbidden, key_type_forbidden),
    (Rule::KeyExpired, key_expired),
    (Rule::MechanismUnsupported, mechanism_unsupported),
    (Rule::UserBlocked, user_blocked),
    (Rule::HttpDisabled, http_disabled),
    (Rule::UnknownCommand, unknown_command),
    (Rule::DesignRepository, design_repository),
    (Rule::GeoSecondary, geo_secondary),
    (Rule::ReadOnlyInstance, read_only_instance),
    (Rule::NamespaceMissing, namespace_missing),
    (Rule::ProjectMissing, project_missing),
    (Rule::ProjectNotReadable, project_not_readable),
    (Rule::OutsideNamespace, outside_namespace),
    (Rule::IpRestricted, ip_restricted),
    (Rule::PushToCreate, push_to_create),
    (Rule::RepositoryMissing, repository_missing),
    (Rule::DownloadForbidden, download_forbidden),
    (Rule::RepositoryReadOnly, repository_read_only),
    (Rule::ProjectArchived, project_archived),
    (Rule::DeployKeyReadOnly, deploy_key_read_only),
    (Rule::AnonymousPush, anonymous_push),
    (Rule::PushForbidden, push_forbidden),
    (Rule::WikiPushForbidden, wiki_push_forbidden),
    (Rule::SnippetPushForbidden, snippet_push_forbidden),
];

/// Decides a request as a whole.
pub fn decide(request: &Request, facts: &Facts) -> Result<Verdict, Refusal> {
    let decided = rows(request, facts).find_map(|Step { outcome, .. }| match outcome {
        Outcome::Decided(decided) => Some(decided),
        Outcome::NotApplicable | Outcome::Passed => None,
    });
    decided.unwrap_or(Ok(match facts.repository {
        RepositoryStatus::Pending => Verdict::CreateRepository,
        RepositoryStatus::Present | RepositoryStatus::Missing => Verdict::Allowed,
    }))
}

/// Every row that [`decide`] reads, up to and including the one that decides.
pub fn explain(request: &Request, facts: &Facts) -> Vec<Step> {
    let mut is_decided = false;
    let until_decided = rows(request, facts).take_while(|step| {
        let is_read = !is_decided;
        is_decided |= matches!(step.outcome, Outcome::Decided(_));
        is_read
    });
    until_decided.collect()
}

fn rows<'a>(request: &'a Request, facts: &'a Facts) -> impl Iterator<Item = Step> + 'a {
    let case = Case { request, facts, container: facts.target.container(request, &facts.actor) };
    TABLE.iter().map(move |(rule, row)| Step { rule: *rule, outcome: row(&case) })
}

impl Outcome {
    fn refused(refusal: Refusal) -> Self {
        Self::Decided(Err(refusal))
    }

    /// Passes if `condition` is met; otherwise decides with the refusal.
    fn require(condition: bool, refusal: impl FnOnce() -> Refusal) -> Self {
        if condition { Self::Passed } else { Self::refused(refusal()) }
    }

    /// Passes, or decides with the denial.
    fn from_check(rule: Rule, check: Result<(), Denial>) -> Self {
        check.map_or_else(|denial| Self::refused(rule.refuse(denial)), |()| Self::Passed)
    }
}

impl Case<'_> {
    fn is_push(&self) -> bool {
        self.request.action == Action::Push
    }

    /// The outcome of a row about the container of the target. A hidden target gets the same message as a missing
    /// one.
    fn container_row(&self, rule: Rule, is_met: impl FnOnce(&Container) -> bool) -> Outcome {
        match &self.container {
            None => Outcome::NotApplicable,
            Some(container) => {
                Outcome::require(is_met(container), || rule.not_found(self.facts.target.not_found()))
            }
        }
    }
}

fn snippet_missing(case: &Case<'_>) -> Outcome {
    match case.facts.target {
        Target::NoSnippet => Outcome::refused(Rule::SnippetMissing.not_found(text::SNIPPET_NOT_FOUND)),
        Target::Snippet { .. } => Outcome::Passed,
        _ => Outcome::NotApplicable,
    }
}

/// Refuses a protocol that the instance or the top-level group has disabled. Changes made by the application
/// are always allowed.
fn protocol_disabled(case: &Case<'_>) -> Outcome {
    let Facts { instance, target, .. } = case.facts;
    let group = target.root().map_or(GitProtocols::All, |root| root.git_protocols);
    let is_enabled = |wanted: Protocol| {
        instance.only_protocol.is_none_or(|only| only == wanted)
            && !matches!(
                (group, wanted),
                (GitProtocols::OnlySsh, Protocol::Http) | (GitProtocols::OnlyHttp, Protocol::Ssh)
            )
    };
    let message = match case.request.protocol {
        Protocol::Ssh => text::NO_SSH,
        Protocol::Http => text::NO_HTTP,
        Protocol::Web => return Outcome::NotApplicable,
    };
    Outcome::require(is_enabled(case.request.protocol), || Rule::ProtocolDisabled.forbid(message))
}

fn key_type_forbidden(case: &Case<'_>) -> Outcome {
    let Some(key) = case.facts.actor.key() else { return Outcome::NotApplicable };
    let restrictions = &case.facts.instance.key_restrictions;
    Outcome::from_check(Rule::KeyTypeForbidden, restrictions.check(&key.text))
}

fn key_expired(case: &Case<'_>) -> Outcome {
    let Some(key) = case.facts.actor.key() else { return Outcome::NotApplicable };
    Outcome::require(!key.has_expired(case.facts.now), || Rule::KeyExpired.forbid(text::KEY_EXPIRED))
}

fn mechanism_unsupported(case: &Case<'_>) -> Outcome {
    if !matches!(case.facts.target, Target::Snippet { .. }) {
        return Outcome::NotApplicable;
    }
    let is_of_project = matches!(case.facts.actor, Actor::DeployKey { .. } | Actor::DeployToken { .. });
    Outcome::require(!is_of_project, || Rule::MechanismUnsupported.forbid(text::MECHANISM))
}

fn user_blocked(case: &Case<'_>) -> Outcome {
    let Facts { instance, actor, now, .. } = case.facts;
    let Some(user) = actor.user() else { return Outcome::NotApplicable };
    Outcome::from_check(Rule::UserBlocked, user.may_use_git(instance, *now))
}

fn http_disabled(case: &Case<'_>) -> Outcome {
    let instance = &case.facts.instance;
    let (is_enabled, message) = match (case.request.protocol, case.request.action) {
        (Protocol::Http, Action::Download) => (instance.http_pull, text::NO_HTTP_PULL),
        (Protocol::Http, Action::Push) => (instance.http_push, text::NO_HTTP_PUSH),
        _ => return Outcome::NotApplicable,
    };
    Outcome::require(is_enabled, || Rule::HttpDisabled.forbid(message))
}

fn unknown_command(case: &Case<'_>) -> Outcome {
    let is_known = case.request.action != Action::Unknown;
    Outcome::require(is_known, || Rule::UnknownCommand.forbid(text::UNKNOWN_COMMAND))
}

/// The last row for a design repository that exists.
fn design_repository(case: &Case<'_>) -> Outcome {
    let Target::Design(facts) = &case.facts.target else { return Outcome::NotApplicable };
    let rule = Rule::DesignRepository;
    Outcome::Decided(match case.facts.actor.user() {
        _ if case.request.protocol != Protocol::Web => Err(rule.forbid(text::DESIGNS_WEB_ONLY)),
        Some(user) if user.admin || facts.actor_access.role >= Role::DEVELOPER => Ok(Verdict::Allowed),
        _ => Err(rule.forbid(text::DESIGNS)),
    })
}

/// A deploy key would reach the primary as its owner, so its push is not forwarded. Gitaly's check of changes is
/// not forwarded either.
fn geo_secondary(case: &Case<'_>) -> Outcome {
    let Facts { instance, actor, .. } = case.facts;
    let is_forwarded = instance.geo_secondary
        && case.request.protocol == Protocol::Ssh
        && case.is_push()
        && case.request.changes == Changes::Any
        && actor.user().is_some();
    if is_forwarded { Outcome::Decided(Ok(Verdict::ForwardToPrimary)) } else { Outcome::NotApplicable }
}

fn read_only_instance(case: &Case<'_>) -> Outcome {
    let instance = &case.facts.instance;
    if !case.is_push() {
        return Outcome::NotApplicable;
    }
    let is_writable = !instance.read_only && !instance.geo_secondary;
    Outcome::require(is_writable, || Rule::ReadOnlyInstance.forbid(text::READ_ONLY_INSTANCE))
}

fn namespace_missing(case: &Case<'_>) -> Outcome {
    let is_named = !matches!(case.facts.target, Target::NoProject { namespace_named: false });
    Outcome::require(is_named, || Rule::NamespaceMissing.not_found(text::NAMESPACE_NOT_FOUND))
}

fn project_missing(case: &Case<'_>) -> Outcome {
    let target = &case.facts.target;
    if matches!(target, Target::NoProject { .. } | Target::NoWiki) {
        return Outcome::refused(Rule::ProjectMissing.not_found(target.not_found()));
    }
    case.container_row(Rule::ProjectMissing, |container| container.exists)
}

/// Refuses a target that the actor may not see.
fn project_not_readable(case: &Case<'_>) -> Outcome {
    let Facts { actor, target, .. } = case.facts;
    let enforces_certificates = target.root().is_some_and(|root| root.enforce_ssh_certificates);
    case.container_row(Rule::ProjectNotReadable, |container| {
        container.readable
            && !container.banned
            && !(enforces_certificates && needs_certificate(case.request, actor))
    })
}

/// A personal snippet belongs to no group, so it cannot be accessed with a group's certificate.
fn outside_namespace(case: &Case<'_>) -> Outcome {
    let rule = Rule::OutsideNamespace;
    if case.request.namespace_path.is_none() {
        return Outcome::NotApplicable;
    }
    if matches!(case.facts.target, Target::Snippet { project: None, .. }) {
        return Outcome::refused(rule.not_found(text::SNIPPET_NOT_FOUND));
    }
    case.container_row(rule, |container| container.within)
}

fn ip_restricted(case: &Case<'_>) -> Outcome {
    let Facts { instance, target, .. } = case.facts;
    match (case.request.check_ip, target.root()) {
        (Some(ip), Some(root)) => {
            case.container_row(Rule::IpRestricted, |_| may_connect_from(ip, instance, root))
        }
        _ => Outcome::NotApplicable,
    }
}

fn push_to_create(case: &Case<'_>) -> Outcome {
    match case.facts.target {
        Target::NewProject { .. } => Outcome::Decided(Ok(Verdict::CreateProject)),
        _ => Outcome::NotApplicable,
    }
}

fn repository_missing(case: &Case<'_>) -> Outcome {
    let exists = case.facts.repository != RepositoryStatus::Missing;
    Outcome::require(exists, || {
        Rule::RepositoryMissing.not_found(match case.facts.target {
            Target::Wiki(_) | Target::GroupWiki(_) => text::NO_WIKI_REPOSITORY,
            Target::Snippet { .. } => text::NO_SNIPPET_REPOSITORY,
            _ => text::NO_PROJECT_REPOSITORY,
        })
    })
}

fn download_forbidden(case: &Case<'_>) -> Outcome {
    if case.is_push() {
        return Outcome::NotApplicable;
    }
    let Facts { actor, target, .. } = case.facts;
    let (is_allowed, message) = match target {
        Target::Wiki(facts) => {
            (facts.project.may_download_wiki(actor, facts.actor_access), text::DOWNLOAD_WIKI)
        }
        Target::GroupWiki(facts) => (facts.may_download_wiki(actor.user()), text::DOWNLOAD_WIKI),
        Target::Snippet { snippet, project } => {
            let role = project.as_ref().map_or(Role::NONE, |facts| facts.actor_access.role);
            (snippet.may_read(actor.user(), role), text::READ_SNIPPET)
        }
        _ => (
            target.project().is_some_and(|facts| facts.project.may_download_code(actor, facts.actor_access)),
            text::DOWNLOAD_CODE,
        ),
    };
    Outcome::require(is_allowed, || Rule::DownloadForbidden.forbid(message))
}

fn repository_read_only(case: &Case<'_>) -> Outcome {
    match &case.container {
        Some(container) if case.is_push() => Outcome::require(!container.read_only, || {
            Rule::RepositoryReadOnly.forbid(text::READ_ONLY_REPOSITORY)
        }),
        _ => Outcome::NotApplicable,
    }
}

fn project_archived(case: &Case<'_>) -> Outcome {
    match &case.container {
        Some(container) if case.is_push() => {
            Outcome::require(!container.archived, || Rule::ProjectArchived.forbid(text::ARCHIVED))
        }
        _ => Outcome::NotApplicable,
    }
}

fn deploy_key_read_only(case: &Case<'_>) -> Outcome {
    let Facts { actor, target, .. } = case.facts;
    if !case.is_push() || !actor.is_deploy_key() {
        return Outcome::NotApplicable;
    }
    let grant = target.project().and_then(|facts| facts.actor_access.deploy_key);
    let may_write = grant.is_some_and(|grant| grant.can_push);
    Outcome::require(may_write, || Rule::DeployKeyReadOnly.forbid(text::DEPLOY_KEY_UPLOAD))
}

fn anonymous_push(case: &Case<'_>) -> Outcome {
    let actor = &case.facts.actor;
    if !case.is_push() {
        return Outcome::NotApplicable;
    }
    let is_known = actor.user().is_some() || actor.is_deploy_key();
    Outcome::require(is_known, || Rule::AnonymousPush.forbid(text::UPLOAD))
}

/// The general check of push access, before the changes are known.
fn push_forbidden(case: &Case<'_>) -> Outcome {
    match &case.facts.target {
        Target::Project(facts) if case.is_push() && case.request.changes == Changes::Any => {
            let is_allowed = may_push_somewhere(&case.facts.actor, facts);
            Outcome::require(is_allowed, || Rule::PushForbidden.forbid(text::PUSH_CODE))
        }
        _ => Outcome::NotApplicable,
    }
}

fn wiki_push_forbidden(case: &Case<'_>) -> Outcome {
    if !case.is_push() {
        return Outcome::NotApplicable;
    }
    let is_allowed = match &case.facts.target {
        Target::Wiki(wiki) => may_push_wiki(case.facts, wiki),
        Target::GroupWiki(facts) => case.facts.actor.user().is_some_and(|user| facts.may_push_wiki(user)),
        _ => return Outcome::NotApplicable,
    };
    Outcome::require(is_allowed, || Rule::WikiPushForbidden.forbid(text::WRITE_WIKI))
}

fn snippet_push_forbidden(case: &Case<'_>) -> Outcome {
    match &case.facts.target {
        Target::Snippet { snippet, project } if case.is_push() => {
            let role = project.as_ref().map_or(Role::NONE, |facts| facts.actor_access.role);
            let is_allowed = case.facts.actor.user().is_some_and(|user| snippet.may_update(user, role));
            Outcome::require(is_allowed, || Rule::SnippetPushForbidden.forbid(text::UPDATE_SNIPPET))
        }
        _ => Outcome::NotApplicable,
    }
}

/// Whether a group that enforces SSH certificates requires one for this request: a human user has
/// authenticated to GitLab Shell with their own SSH key. Gitaly's check of a push with changes never
/// includes the certificate's namespace, and deploy keys, bots and service accounts have no certificates.
fn needs_certificate(request: &Request, actor: &Actor) -> bool {
    let is_own_key_of_person =
        matches!(actor, Actor::Key { user: Some(user), .. } if user.user_type.is_human());
    let is_from_shell = request.action == Action::Download || request.changes == Changes::Any;
    request.protocol == Protocol::Ssh
        && request.namespace_path.is_none()
        && is_own_key_of_person
        && is_from_shell
}

/// Whether the IP ranges of the top-level group, or the global list, allow the address.
fn may_connect_from(address: ClientAddress, instance: &Instance, root: &RootNamespace) -> bool {
    root.ip_ranges.is_empty()
        || address.is_in(&root.ip_ranges)
        || address.is_in(&instance.globally_allowed_ips)
}

/// Whether the actor may push to some branch.
fn may_push_somewhere(actor: &Actor, facts: &ProjectFacts) -> bool {
    match actor {
        Actor::DeployKey { .. } => facts.actor_access.deploy_key.is_some_and(|grant| grant.can_push),
        _ => actor.user().is_some_and(|user| {
            facts.project.may_push_code(user, facts.actor_access.role) || facts.collaborates
        }),
    }
}

/// Whether the user, or the owner of a deploy key, may write to the wiki. The owner must also be able to use
/// git, which has not been checked yet.
fn may_push_wiki(facts: &Facts, wiki: &ProjectFacts) -> bool {
    let Facts { instance, actor, now, .. } = facts;
    let ProjectFacts { project, actor_access, .. } = wiki;
    let is_locked_out = |owner: &User| owner.may_use_git(instance, *now).is_err() || actor_access.banned;
    actor.responsible_user().is_some_and(|user| {
        !(actor.is_deploy_key() && is_locked_out(user)) && project.may_push_wiki(user, actor_access.role)
    })
}

#[cfg(test)]
mod tests;
