//! The ordered table: the first row that matches decides. Rows bear the numbers of the contract, `shell-api` B.2.1.
//! Row 1, the rate limit, is counted before any fact is known; rows 19 and 29 are the caller's to carry on with.
use super::facts::Container;
use super::{Action, Denial, Facts, ProjectFacts, Protocol, RepositoryStatus, Request, Target};
use crate::Role;
use crate::actor::Actor;
use crate::git::changes::Changes;
use crate::instance::Instance;
use crate::messages as text;
use crate::project::{GitProtocols, RootNamespace};

/// What is to be done for a request that no row refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 30; for a push with changes the way to row 29.
    Allowed,
    /// 11: the installation that this one is a copy of takes the push.
    ForwardToPrimary,
    /// 14: the project is to be made, then the request decided again.
    CreateProject,
    /// The same push, or one before it, has made the project: its repository is to be made.
    CreateRepository,
}

/// Decides a request as a whole.
pub fn decide(request: &Request, facts: &Facts) -> Result<Verdict, Denial> {
    let Facts { instance, actor, target, .. } = facts;

    // 2
    if *target == Target::NoSnippet {
        return Err(Denial::NotFound(text::SNIPPET_NOT_FOUND));
    }
    // 3
    protocol_is_enabled(request.protocol, instance, target)?;
    // 4, 5
    if let Some(key) = actor.key() {
        instance.key_restrictions.check(&key.text)?;
        if key.expires_at.is_some_and(|expiry| expiry <= facts.now) {
            return Err(Denial::forbidden(text::KEY_EXPIRED));
        }
    }
    // 6
    let is_of_project = matches!(actor, Actor::DeployKey { .. } | Actor::DeployToken { .. });
    if matches!(target, Target::Snippet { .. }) && is_of_project {
        return Err(Denial::forbidden(text::MECHANISM));
    }
    // 7
    if let Some(user) = actor.user() {
        user.may_use_git(instance, facts.now)?;
    }
    // 8
    match (request.protocol, request.action) {
        (Protocol::Http, Action::Download) if !instance.http_pull => {
            return Err(Denial::forbidden(text::NO_HTTP_PULL));
        }
        (Protocol::Http, Action::Push) if !instance.http_push => {
            return Err(Denial::forbidden(text::NO_HTTP_PUSH));
        }
        _ => {}
    }
    // 9
    if request.action == Action::Unknown {
        return Err(Denial::forbidden(text::UNKNOWN_COMMAND));
    }
    // 10
    if let Target::Design(facts) = target {
        return design(request, actor, facts).map(|()| Verdict::Allowed);
    }
    // 11: a deploy key would come to the primary as its owner; and what Gitaly asks of changes is never forwarded.
    if instance.geo_secondary
        && request.protocol == Protocol::Ssh
        && (request.action, &request.changes) == (Action::Push, &Changes::Any)
        && actor.user().is_some()
    {
        return Ok(Verdict::ForwardToPrimary);
    }
    // 12
    if request.action == Action::Push && (instance.read_only || instance.geo_secondary) {
        return Err(Denial::forbidden(text::READ_ONLY_INSTANCE));
    }
    // 13, 15
    match target {
        Target::NoProject { namespace_named: false } => {
            return Err(Denial::NotFound(text::NAMESPACE_NOT_FOUND));
        }
        Target::NoProject { namespace_named: true } | Target::NoWiki => {
            return Err(Denial::NotFound(target.not_found()));
        }
        Target::Project(_)
        | Target::Wiki(_)
        | Target::GroupWiki(_)
        | Target::Design(_)
        | Target::NewProject { .. }
        | Target::Snippet { .. }
        | Target::NoSnippet => {}
    }
    // 17: a person's snippet lies in no group
    if request.namespace_path.is_some() && matches!(target, Target::Snippet { project: None, .. }) {
        return Err(Denial::NotFound(text::SNIPPET_NOT_FOUND));
    }
    // 15 to 18
    if let (Some(container), Some(root)) = (target.container(request, actor), target.root()) {
        is_reachable(request, &container, root, target.not_found())?;
    }
    // 14, after the rows that keep somebody out of the namespace
    if matches!(target, Target::NewProject { .. }) {
        return Ok(Verdict::CreateProject);
    }
    // 20
    if facts.repository == RepositoryStatus::Missing {
        return Err(Denial::NotFound(match target {
            Target::Wiki(_) | Target::GroupWiki(_) => text::NO_WIKI_REPOSITORY,
            Target::Snippet { .. } => text::NO_SNIPPET_REPOSITORY,
            _ => text::NO_PROJECT_REPOSITORY,
        }));
    }
    // 21 to 28
    match request.action {
        Action::Push => push(request, actor, target),
        _ => download(actor, target),
    }?;
    Ok(if facts.repository == RepositoryStatus::Pending {
        Verdict::CreateRepository
    } else {
        Verdict::Allowed
    })
}

fn forbidden(message: &str) -> Result<(), Denial> {
    Err(Denial::forbidden(message))
}

/// Row 3: the installation, and the top-level group, may want only one protocol. The application's own changes pass.
fn protocol_is_enabled(protocol: Protocol, instance: &Instance, target: &Target) -> Result<(), Denial> {
    let group = target.root().map_or(GitProtocols::All, |root| root.git_protocols);
    let refuses = |wanted: Protocol| {
        instance.only_protocol.is_some_and(|only| only != wanted)
            || matches!(
                (group, wanted),
                (GitProtocols::OnlySsh, Protocol::Http) | (GitProtocols::OnlyHttp, Protocol::Ssh)
            )
    };
    match protocol {
        Protocol::Ssh if refuses(Protocol::Ssh) => forbidden(text::NO_SSH),
        Protocol::Http if refuses(Protocol::Http) => forbidden(text::NO_HTTP),
        _ => Ok(()),
    }
}

/// Row 10: the only row for designs that are there.
fn design(request: &Request, actor: &Actor, facts: &ProjectFacts) -> Result<(), Denial> {
    if request.protocol != Protocol::Web {
        return forbidden(text::DESIGNS_WEB_ONLY);
    }
    match actor.user() {
        Some(user) if user.admin || facts.standing.role >= Role::DEVELOPER => Ok(()),
        _ => forbidden(text::DESIGNS),
    }
}

/// Rows 15 to 18: whoever may not reach it hears that there is none.
fn is_reachable(
    request: &Request,
    container: &Container,
    root: &RootNamespace,
    not_found: &'static str,
) -> Result<(), Denial> {
    let without_certificate = request.protocol == Protocol::Ssh && request.namespace_path.is_none();
    let from_elsewhere = |ip: std::net::IpAddr| {
        !root.ip_ranges.is_empty() && !root.ip_ranges.iter().any(|range| range.contains(&ip))
    };

    let unreachable = !container.exists // 15
        || !container.readable // 16
        || container.banned
        || (root.enforce_ssh_certificates && without_certificate)
        || !container.within // 17
        || request.check_ip.is_some_and(from_elsewhere); // 18
    if unreachable { Err(Denial::NotFound(not_found)) } else { Ok(()) }
}

/// Row 21.
fn download(actor: &Actor, target: &Target) -> Result<(), Denial> {
    let (allowed, message) = match target {
        Target::Wiki(facts) => (facts.project.may_download_wiki(actor, facts.standing), text::DOWNLOAD_WIKI),
        Target::GroupWiki(facts) => (facts.may_download_wiki(actor.user()), text::DOWNLOAD_WIKI),
        Target::Snippet { snippet, project } => {
            let role = project.as_ref().map_or(Role::NONE, |facts| facts.standing.role);
            (snippet.may_read(actor.user(), role), text::READ_SNIPPET)
        }
        _ => (
            target.project().is_some_and(|facts| facts.project.may_download_code(actor, facts.standing)),
            text::DOWNLOAD_CODE,
        ),
    };
    if allowed { Ok(()) } else { forbidden(message) }
}

/// Rows 22 to 28.
fn push(request: &Request, actor: &Actor, target: &Target) -> Result<(), Denial> {
    // 22, 23
    match target.container(request, actor) {
        Some(Container { read_only: true, .. }) => return forbidden(text::READ_ONLY_REPOSITORY),
        Some(Container { archived: true, .. }) => return forbidden(text::ARCHIVED),
        _ => {}
    }
    // 24
    let grant = target.project().and_then(|facts| facts.standing.deploy_key);
    if matches!(actor, Actor::DeployKey { .. }) && !grant.is_some_and(|grant| grant.can_push) {
        return forbidden(text::DEPLOY_KEY_UPLOAD);
    }
    // 25
    if actor.user().is_none() && !matches!(actor, Actor::DeployKey { .. }) {
        return forbidden(text::UPLOAD);
    }
    match target {
        // 26
        Target::Project(facts) if request.changes == Changes::Any && !may_push_somewhere(actor, facts) => {
            forbidden(text::PUSH_CODE)
        }
        // 27
        Target::Wiki(ProjectFacts { project, standing, .. })
            if !actor.user().is_some_and(|user| project.may_push_wiki(user, standing.role)) =>
        {
            forbidden(text::WRITE_WIKI)
        }
        Target::GroupWiki(facts) if !actor.user().is_some_and(|user| facts.may_push_wiki(user)) => {
            forbidden(text::WRITE_WIKI)
        }
        // 28
        Target::Snippet { snippet, project } => {
            let role = project.as_ref().map_or(Role::NONE, |facts| facts.standing.role);
            match actor.user() {
                Some(user) if snippet.may_update(user, role) => Ok(()),
                _ => forbidden(text::UPDATE_SNIPPET),
            }
        }
        _ => Ok(()),
    }
}

/// Row 26: the general question before the changes are known.
fn may_push_somewhere(actor: &Actor, facts: &ProjectFacts) -> bool {
    match actor {
        Actor::DeployKey { .. } => facts.standing.deploy_key.is_some_and(|grant| grant.can_push),
        _ => actor
            .user()
            .is_some_and(|user| facts.project.may_push_code(user, facts.standing.role) || facts.collaborates),
    }
}

#[cfg(test)]
mod tests;
