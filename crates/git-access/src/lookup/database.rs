//! Looks up the actor and the target in the database.
use chrono::NaiveDateTime;
use database::git_access::{self, ActorAndProject, ActorId, FoundProject, ProjectId};
use database::namespaces::FoundNamespace;
use database::snippets::{self, FoundSnippet};
use database::{Conn, deploy_tokens, merge_requests};
use domain::actor::Actor;

use super::namespace;
use super::target::{Kind, LookupTarget, SnippetScope};

/// The parameters of a lookup.
pub(crate) struct LookupRequest {
    pub actor: ActorId,
    pub wanted: LookupTarget,
    pub asks_generally: bool,
    /// Namespace of the project that this push would create.
    pub new_namespace: Option<String>,
    pub now: NaiveDateTime,
}

/// What a lookup found.
#[derive(Debug)]
pub struct LookupResult {
    pub found: ActorAndProject,
    pub(crate) kind: Option<Kind>,
    pub snippet: Option<FoundSnippet>,
    /// The group of a wiki, or the namespace in which the user may create the project.
    pub namespace: Option<FoundNamespace>,
    pub collaborates: bool,
}

/// An id that no project has, so that the statement finds only the actor.
const NO_PROJECT: ProjectId = ProjectId::Id(-1);

pub(crate) fn look_up(conn: &mut Conn, asked: &LookupRequest) -> database::Result<LookupResult> {
    let LookupRequest { actor, wanted, asks_generally, .. } = asked;
    let (mut found, kind, snippet) = match wanted {
        LookupTarget::Project(id, kind) => {
            let found = git_access::find(conn, actor, id)?;
            match (&found.project, kind.suffix(), id) {
                // `a/b.wiki` can also be the path of a project.
                (None, Some(suffix), ProjectId::Path(path)) => {
                    let whole = ProjectId::Path(format!("{path}{suffix}"));
                    let project = git_access::find(conn, actor, &whole)?;
                    if project.project.is_some() {
                        (project, Some(Kind::Project), None)
                    } else {
                        (found, Some(*kind), None)
                    }
                }
                _ => (found, Some(*kind), None),
            }
        }
        LookupTarget::Snippet(id, owner) => {
            let snippet = snippets::find(conn, *id)?;
            let project = match (owner, &snippet) {
                (SnippetScope::Project(path), _) => ProjectId::Path(path.clone()),
                (SnippetScope::Any, Some(FoundSnippet { project_id: Some(id), .. })) => ProjectId::Id(*id),
                _ => NO_PROJECT,
            };
            let found = git_access::find(conn, actor, &project)?;
            let project_id = found.project.as_ref().map(|found| found.project.id);
            let of_project = matches!(owner, SnippetScope::Project(_));
            let is_meant = |snippet: &FoundSnippet| {
                snippet.project_id == project_id && (project_id.is_some() || !of_project)
            };
            (found, None, snippet.filter(is_meant))
        }
        LookupTarget::GroupWiki(_) => (git_access::find(conn, actor, &NO_PROJECT)?, Some(Kind::Wiki), None),
    };
    if let ActorId::DeployToken(id) = actor {
        use_deploy_token(conn, *id, &mut found, asked.now)?;
    }
    let (kind, namespace) = match namespace::find(conn, asked, &found, kind)? {
        Some((kind, namespace)) => (Some(kind), Some(namespace)),
        None => (kind, None),
    };
    // Merge requests are looked up only if the role does not allow the push.
    let collaborates = match (&found.project, found.actor.user()) {
        (Some(FoundProject { project, actor_access, .. }), Some(user))
            if *asks_generally
                && kind == Some(Kind::Project)
                && !project.may_push_code(user, actor_access.role) =>
        {
            let today = asked.now.date();
            !merge_requests::collaboration_branches(conn, project, user.id, today)?.is_empty()
        }
        _ => false,
    };
    Ok(LookupResult { found, kind, snippet, namespace, collaborates })
}

/// Makes the deploy token with this id the actor, if it exists.
fn use_deploy_token(
    conn: &mut Conn,
    id: i64,
    found: &mut ActorAndProject,
    now: NaiveDateTime,
) -> database::Result<()> {
    let project_id = found.project.as_ref().map(|found| found.project.id);
    if let Some(grant) = deploy_tokens::find(conn, id, project_id, now)? {
        found.actor = Actor::DeployToken { id };
        if let Some(project) = &mut found.project {
            project.actor_access.deploy_token = grant;
        }
    }
    Ok(())
}
