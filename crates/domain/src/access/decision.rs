//! The decision as an ordered table: the first matching condition decides. `docs/api/shell-api.md` lists the
//! conditions in the same order. The rate limit is checked before and needs no facts; the changes of a push
//! are checked after.
use super::facts::Container;
use super::{
    Action, ClientAddress, Facts, ProjectFacts, Protocol, Refusal, RepositoryStatus, Request, Rule, Target,
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

/// Decides a request as a whole.
pub fn decide(request: &Request, facts: &Facts) -> Result<Verdict, Refusal> {
    let Facts { instance, actor, target, .. } = facts;

    if *target == Target::NoSnippet {
        return Err(Rule::SnippetMissing.not_found(text::SNIPPET_NOT_FOUND));
    }
    protocol_is_enabled(request.protocol, instance, target)?;
    if let Some(key) = actor.key() {
        instance.key_restrictions.check(&key.text).map_err(|denial| Rule::KeyTypeForbidden.refuse(denial))?;
        Rule::KeyExpired.require(!key.has_expired(facts.now), text::KEY_EXPIRED)?;
    }
    let is_of_project = matches!(actor, Actor::DeployKey { .. } | Actor::DeployToken { .. });
    if matches!(target, Target::Snippet { .. }) && is_of_project {
        return Err(Rule::MechanismUnsupported.forbid(text::MECHANISM));
    }
    if let Some(user) = actor.user() {
        user.may_use_git(instance, facts.now).map_err(|denial| Rule::UserBlocked.refuse(denial))?;
    }
    match (request.protocol, request.action) {
        (Protocol::Http, Action::Download) if !instance.http_pull => {
            return Err(Rule::HttpDisabled.forbid(text::NO_HTTP_PULL));
        }
        (Protocol::Http, Action::Push) if !instance.http_push => {
            return Err(Rule::HttpDisabled.forbid(text::NO_HTTP_PUSH));
        }
        _ => {}
    }
    if request.action == Action::Unknown {
        return Err(Rule::UnknownCommand.forbid(text::UNKNOWN_COMMAND));
    }
    if let Target::Design(facts) = target {
        return design(request, actor, facts).map(|()| Verdict::Allowed);
    }
    // A deploy key would reach the primary as its owner, so its push is not forwarded. Gitaly's check of
    // changes is not forwarded either.
    if instance.geo_secondary
        && request.protocol == Protocol::Ssh
        && (request.action, &request.changes) == (Action::Push, &Changes::Any)
        && actor.user().is_some()
    {
        return Ok(Verdict::ForwardToPrimary);
    }
    if request.action == Action::Push && (instance.read_only || instance.geo_secondary) {
        return Err(Rule::ReadOnlyInstance.forbid(text::READ_ONLY_INSTANCE));
    }
    match target {
        Target::NoProject { namespace_named: false } => {
            return Err(Rule::NamespaceMissing.not_found(text::NAMESPACE_NOT_FOUND));
        }
        Target::NoProject { namespace_named: true } | Target::NoWiki => {
            return Err(Rule::ProjectMissing.not_found(target.not_found()));
        }
        Target::Project(_)
        | Target::Wiki(_)
        | Target::GroupWiki(_)
        | Target::Design(_)
        | Target::NewProject { .. }
        | Target::Snippet { .. }
        | Target::NoSnippet => {}
    }
    // A personal snippet belongs to no group, so it cannot be accessed with a group's certificate.
    if request.namespace_path.is_some() && matches!(target, Target::Snippet { project: None, .. }) {
        return Err(Rule::OutsideNamespace.not_found(text::SNIPPET_NOT_FOUND));
    }
    if let (Some(container), Some(root)) = (target.container(request, actor), target.root()) {
        check_reachable(request, facts, &container, root)?;
    }
    // Checked after the conditions that deny access to the namespace.
    if matches!(target, Target::NewProject { .. }) {
        return Ok(Verdict::CreateProject);
    }
    if facts.repository == RepositoryStatus::Missing {
        return Err(Rule::RepositoryMissing.not_found(match target {
            Target::Wiki(_) | Target::GroupWiki(_) => text::NO_WIKI_REPOSITORY,
            Target::Snippet { .. } => text::NO_SNIPPET_REPOSITORY,
            _ => text::NO_PROJECT_REPOSITORY,
        }));
    }
    match request.action {
        Action::Push => push(request, facts),
        _ => download(actor, target),
    }?;
    Ok(if facts.repository == RepositoryStatus::Pending {
        Verdict::CreateRepository
    } else {
        Verdict::Allowed
    })
}

/// Refuses a protocol that the instance or the top-level group has disabled. Changes made by the application
/// are always allowed.
fn protocol_is_enabled(protocol: Protocol, instance: &Instance, target: &Target) -> Result<(), Refusal> {
    let group = target.root().map_or(GitProtocols::All, |root| root.git_protocols);
    let refuses = |wanted: Protocol| {
        instance.only_protocol.is_some_and(|only| only != wanted)
            || matches!(
                (group, wanted),
                (GitProtocols::OnlySsh, Protocol::Http) | (GitProtocols::OnlyHttp, Protocol::Ssh)
            )
    };
    match protocol {
        Protocol::Ssh if refuses(Protocol::Ssh) => Err(Rule::ProtocolDisabled.forbid(text::NO_SSH)),
        Protocol::Http if refuses(Protocol::Http) => Err(Rule::ProtocolDisabled.forbid(text::NO_HTTP)),
        _ => Ok(()),
    }
}

/// The only condition for a design repository that exists.
fn design(request: &Request, actor: &Actor, facts: &ProjectFacts) -> Result<(), Refusal> {
    if request.protocol != Protocol::Web {
        return Err(Rule::DesignRepository.forbid(text::DESIGNS_WEB_ONLY));
    }
    match actor.user() {
        Some(user) if user.admin || facts.actor_access.role >= Role::DEVELOPER => Ok(()),
        _ => Err(Rule::DesignRepository.forbid(text::DESIGNS)),
    }
}

/// Refuses a target that does not exist or that the actor may not see, both with the same message.
fn check_reachable(
    request: &Request,
    facts: &Facts,
    container: &Container,
    root: &RootNamespace,
) -> Result<(), Refusal> {
    let is_readable = container.readable
        && !container.banned
        && !(root.enforce_ssh_certificates && needs_certificate(request, &facts.actor));
    let may_connect = request.check_ip.is_none_or(|ip| may_connect_from(ip, &facts.instance, root));
    let rules = [
        (container.exists, Rule::ProjectMissing),
        (is_readable, Rule::ProjectNotReadable),
        (container.within, Rule::OutsideNamespace),
        (may_connect, Rule::IpRestricted),
    ];
    match rules.into_iter().find(|(is_met, _)| !is_met) {
        None => Ok(()),
        Some((_, rule)) => Err(rule.not_found(facts.target.not_found())),
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

fn download(actor: &Actor, target: &Target) -> Result<(), Refusal> {
    let (allowed, message) = match target {
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
    Rule::DownloadForbidden.require(allowed, message)
}

fn push(request: &Request, facts: &Facts) -> Result<(), Refusal> {
    let Facts { actor, target, .. } = facts;
    match target.container(request, actor) {
        Some(Container { read_only: true, .. }) => {
            return Err(Rule::RepositoryReadOnly.forbid(text::READ_ONLY_REPOSITORY));
        }
        Some(Container { archived: true, .. }) => {
            return Err(Rule::ProjectArchived.forbid(text::ARCHIVED));
        }
        _ => {}
    }
    let grant = target.project().and_then(|facts| facts.actor_access.deploy_key);
    if actor.is_deploy_key() && !grant.is_some_and(|grant| grant.can_push) {
        return Err(Rule::DeployKeyReadOnly.forbid(text::DEPLOY_KEY_UPLOAD));
    }
    if actor.user().is_none() && !actor.is_deploy_key() {
        return Err(Rule::AnonymousPush.forbid(text::UPLOAD));
    }
    match target {
        Target::Project(facts) if request.changes == Changes::Any && !may_push_somewhere(actor, facts) => {
            Err(Rule::PushForbidden.forbid(text::PUSH_CODE))
        }
        Target::Wiki(wiki) if !may_push_wiki(facts, wiki) => {
            Err(Rule::WikiPushForbidden.forbid(text::WRITE_WIKI))
        }
        Target::GroupWiki(facts) if !actor.user().is_some_and(|user| facts.may_push_wiki(user)) => {
            Err(Rule::WikiPushForbidden.forbid(text::WRITE_WIKI))
        }
        Target::Snippet { snippet, project } => {
            let role = project.as_ref().map_or(Role::NONE, |facts| facts.actor_access.role);
            match actor.user() {
                Some(user) if snippet.may_update(user, role) => Ok(()),
                _ => Err(Rule::SnippetPushForbidden.forbid(text::UPDATE_SNIPPET)),
            }
        }
        _ => Ok(()),
    }
}

/// The general check of push access, before the changes are known.
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
