//! Groups and personal namespaces that a request leads to: the group of a wiki, the place for a new project.
use domain::GlRepository;
use storage::Conn;
use storage::git_access::{Found, ProjectId};
use storage::namespaces::{self, FoundNamespace, NamespaceId};

use super::location::Location;
use super::look_up::Asked;
use super::wanted::{Kind, Wanted};

/// Where no project was found: the group whose wiki is meant, or the place for a project that this push may make.
pub(super) fn find(
    conn: &mut Conn,
    asked: &Asked,
    found: &Found,
    kind: Option<Kind>,
) -> storage::Result<Option<(Kind, FoundNamespace)>> {
    let user = found.actor.user();
    let (kind, id) = match (&asked.wanted, kind, &asked.new_namespace) {
        _ if found.project.is_some() => return Ok(None),
        (Wanted::GroupWiki(id), ..) => (Kind::GroupWiki, NamespaceId::Id(*id)),
        (Wanted::Project(ProjectId::Path(path), _), Some(Kind::Wiki), _) => {
            (Kind::GroupWiki, NamespaceId::Path(path.clone()))
        }
        (Wanted::Project(..), Some(Kind::Project), Some(namespace)) if user.is_some() => {
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

/// `None` where the group has no wiki yet.
pub(super) fn wiki_location(FoundNamespace { facts, wiki }: &FoundNamespace) -> Option<Location> {
    let storage = wiki.clone()?;
    Some(Location {
        gl_repository: GlRepository::GroupWiki(facts.namespace.id),
        relative_path: format!("{}.wiki.git", storage.disk_path),
        storage,
        gl_project_path: format!("{}.wiki", facts.namespace.full_path),
    })
}
