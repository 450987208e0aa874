//! Looks up groups and personal namespaces: the group of a wiki, the namespace of a new project.
use database::Conn;
use database::git_access::{ActorAndProject, ProjectId};
use database::namespaces::{self, FoundNamespace, NamespaceId};
use domain::GlRepository;

use super::database::LookupRequest;
use super::location::Location;
use super::target::{Kind, LookupTarget};

/// If no project was found: returns the group whose wiki is requested, or the namespace in which this push
/// may create the project.
pub(crate) fn find(
    conn: &mut Conn,
    asked: &LookupRequest,
    found: &ActorAndProject,
    kind: Option<Kind>,
) -> database::Result<Option<(Kind, FoundNamespace)>> {
    let user = found.actor.user();
    let (kind, id) = match (&asked.wanted, kind, &asked.new_namespace) {
        _ if found.project.is_some() => return Ok(None),
        (LookupTarget::GroupWiki(id), ..) => (Kind::GroupWiki, NamespaceId::Id(*id)),
        (LookupTarget::Project(ProjectId::Path(path), _), Some(Kind::Wiki), _) => {
            (Kind::GroupWiki, NamespaceId::Path(path.clone()))
        }
        (LookupTarget::Project(..), Some(Kind::Project), Some(namespace)) if user.is_some() => {
            (Kind::Project, NamespaceId::Path(namespace.clone()))
        }
        _ => return Ok(None),
    };
    let namespace = namespaces::find(conn, &id, user.map(|user| user.id), asked.now.date())?;
    Ok(namespace.map(|namespace| (kind, namespace)).filter(
        |(kind, FoundNamespace { facts, .. })| match kind {
            Kind::GroupWiki => facts.namespace.is_group(),
            _ => user.is_some_and(|user| facts.may_create_projects(user)),
        },
    ))
}

/// `None` if the group has no wiki yet.
pub(crate) fn wiki_location(FoundNamespace { facts, wiki }: &FoundNamespace) -> Option<Location> {
    let storage = wiki.clone()?;
    Some(Location {
        gl_repository: GlRepository::GroupWiki(facts.namespace.id),
        relative_path: format!("{}.wiki.git", storage.disk_path),
        storage,
        gl_project_path: format!("{}.wiki", facts.namespace.full_path),
    })
}
