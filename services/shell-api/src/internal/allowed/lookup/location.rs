//! The location of a repository, and whether it exists.
use database::git_access::{FoundProject, Storage};
use database::projects;
use database::snippets::FoundSnippet;
use domain::GlRepository;
use domain::access::{ClientAddress, RepositoryStatus};
use domain::actor::Actor;
use repository::{CallContext, Inspect, Place, Quarantine};

use super::target::Kind;
use crate::App;
use crate::error::AllowedError;
use crate::internal::allowed::input::Input;

/// The location and the names of a repository.
#[derive(Debug)]
pub(crate) struct Location {
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
    pub fn place<'a>(&'a self, input: &Input, actor: &Actor) -> Place<'a> {
        let user = actor.responsible_user();
        Place {
            storage_name: &self.storage.name,
            relative_path: &self.relative_path,
            gl_repository: self.gl_repository.to_string(),
            gl_project_path: &self.gl_project_path,
            context: CallContext {
                correlation_id: input.correlation_id.as_deref().map(ToOwned::to_owned),
                user_id: user.map(|user| user.id),
                username: user.map(|user| user.username.clone()),
                remote_ip: match input.request.check_ip {
                    Some(ClientAddress::Ip(ip)) => Some(ip.to_string()),
                    Some(ClientAddress::Unknown) | None => None,
                },
                client_context: input
                    .client_context
                    .as_ref()
                    .and_then(|context| serde_json::to_vec(context.as_json()).ok()),
                deadline: input.deadline,
            },
        }
    }
}

impl App {
    /// Returns whether the repository exists, is pending or is missing.
    pub(crate) async fn presence(
        &self,
        location: Option<&Location>,
        input: &Input,
        actor: &Actor,
    ) -> Result<RepositoryStatus, AllowedError> {
        let Some(location) = location else { return Ok(RepositoryStatus::Missing) };
        if self.exists(location, input, actor).await? {
            return Ok(RepositoryStatus::Present);
        }
        let awaited = match location.gl_repository {
            GlRepository::Project(id) if input.asks_generally() => {
                self.core.pool.read(move |conn| projects::awaits_repository(conn, id)).await?
            }
            _ => false,
        };
        if awaited {
            return Ok(RepositoryStatus::Pending);
        }
        // Another push may have created it in the meantime.
        let is_made = input.asks_generally() && self.exists(location, input, actor).await?;
        Ok(if is_made { RepositoryStatus::Present } else { RepositoryStatus::Missing })
    }

    async fn exists(&self, location: &Location, input: &Input, actor: &Actor) -> Result<bool, AllowedError> {
        // The response will report that the storage is not configured.
        let Some(storage) = self.storages.get(&location.storage.name) else { return Ok(true) };
        // For a pull, Gitaly itself reports a missing repository. A push with changes has already reached
        // the repository.
        if storage.inspect() == Inspect::Gitaly && !input.asks_generally() {
            return Ok(true);
        }
        let repository = self.repository(&location.place(input, actor), Quarantine::default())?;
        Ok(repository.exists().await?)
    }
}
