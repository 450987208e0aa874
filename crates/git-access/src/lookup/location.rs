//! The location of a repository, and whether it exists.
use database::git_access::{FoundProject, Storage};
use database::projects;
use database::snippets::FoundSnippet;
use domain::GlRepository;
use domain::access::{ClientAddress, RepositoryStatus};
use domain::actor::Actor;
use repository::{CallContext, Inspect, Place, Quarantine};

use super::target::Kind;
use crate::{Query, Result, Sources};

/// The location and the names of a repository.
#[derive(Debug)]
pub struct Location {
    pub gl_repository: GlRepository,
    pub storage: Storage,
    /// Includes the suffix of the repository's kind.
    pub relative_path: String,
    pub gl_project_path: String,
}

pub(crate) fn location(
    kind: Option<Kind>,
    project: Option<&FoundProject>,
    snippet: Option<&FoundSnippet>,
) -> Option<Location> {
    let path = |found: &FoundProject| found.project.full_path.clone();
    let Some(kind) = kind else {
        let FoundSnippet { snippet, storage, .. } = snippet?;
        let storage = storage.clone()?;
        let own = format!("snippets/{}", snippet.id);
        return Some(Location {
            gl_repository: GlRepository::Snippet(snippet.id),
            relative_path: format!("{}.git", storage.disk_path),
            storage,
            gl_project_path: project.map_or(own.clone(), |found| format!("{}/{own}", path(found))),
        });
    };
    let found = project?;
    let (id, suffix) = (found.project.id, kind.suffix().unwrap_or_default());
    Some(Location {
        gl_repository: match kind {
            Kind::Project => GlRepository::Project(id),
            Kind::Wiki | Kind::GroupWiki => GlRepository::Wiki(id),
            Kind::Design => GlRepository::Design(id),
        },
        storage: found.storage.clone(),
        relative_path: format!("{}{suffix}.git", found.storage.disk_path),
        gl_project_path: format!("{}{suffix}", path(found)),
    })
}

impl Location {
    /// The repository and the request metadata for calls to Gitaly.
    pub fn place<'a>(&'a self, query: &Query, actor: &Actor) -> Place<'a> {
        let user = actor.responsible_user();
        Place {
            storage_name: &self.storage.name,
            relative_path: &self.relative_path,
            gl_repository: self.gl_repository.to_string(),
            gl_project_path: &self.gl_project_path,
            context: CallContext {
                correlation_id: query.correlation_id.as_deref().map(ToOwned::to_owned),
                user_id: user.map(|user| user.id),
                username: user.map(|user| user.username.clone()),
                remote_ip: match query.request.check_ip {
                    Some(ClientAddress::Ip(ip)) => Some(ip.to_string()),
                    Some(ClientAddress::Unknown) | None => None,
                },
                client_context: query.client_context.clone(),
                deadline: query.deadline,
            },
        }
    }
}

/// Returns whether the repository exists, is pending or is missing.
pub(crate) async fn status(
    sources: Sources<'_>,
    location: Option<&Location>,
    query: &Query,
    actor: &Actor,
) -> Result<RepositoryStatus> {
    let Some(location) = location else { return Ok(RepositoryStatus::Missing) };
    if exists(sources, location, query, actor).await? {
        return Ok(RepositoryStatus::Present);
    }
    let awaited = match location.gl_repository {
        GlRepository::Project(id) if query.asks_generally() => {
            sources.pool.read(move |conn| projects::awaits_repository(conn, id)).await?
        }
        _ => false,
    };
    if awaited {
        return Ok(RepositoryStatus::Pending);
    }
    // Another push may have created it in the meantime.
    let is_made = query.asks_generally() && exists(sources, location, query, actor).await?;
    Ok(if is_made { RepositoryStatus::Present } else { RepositoryStatus::Missing })
}

async fn exists(sources: Sources<'_>, location: &Location, query: &Query, actor: &Actor) -> Result<bool> {
    // The response will report that the storage is not configured.
    let Some(storage) = sources.storages.get(&location.storage.name) else { return Ok(true) };
    // For a pull, Gitaly itself reports a missing repository. A push with changes has already reached
    // the repository.
    if storage.inspect() == Inspect::Gitaly && !query.asks_generally() {
        return Ok(true);
    }
    let repository = sources.repository(&location.place(query, actor), Quarantine::default())?;
    Ok(repository.exists().await?)
}
