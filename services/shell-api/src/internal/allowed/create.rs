//! A push to a path that leads nowhere makes a private project there, where the person may make one.
use domain::access::{self, Protocol, Target, Verdict};
use domain::namespace::ProjectPath;
use domain::{GlRepository, messages};
use repository::{Place, Quarantine};
use storage::projects::{self, NewProject};
use storage::settings::{self, Settings};
use web::RestError;

use super::facts::{self, Gathered};
use super::input::Input;
use crate::App;
use crate::error::AllowedError;
use crate::internal::post_receive::{MESSAGES_LIVE, created_key};

/// Makes the project and decides again, with it in place. Of two pushes at once one makes it, the other finds it.
pub(super) async fn project(
    app: &App,
    input: &Input,
    before: &Gathered,
    settings: &Settings,
) -> Result<Gathered, AllowedError> {
    let (Target::NewProject { namespace, name }, Some(user)) =
        (&before.facts.target, before.facts.actor.user())
    else {
        return Err(RestError::Internal("Unknown check result".to_owned()).into());
    };
    let path: ProjectPath =
        name.parse().map_err(|error: domain::Error| AllowedError::NotCreated(error.to_string()))?;
    let storage = storage_for_new(app).await?;
    let (user, namespace_id, now) = (user.clone(), namespace.namespace.id, before.facts.now);
    let make_repository = maker(app, &storage, settings);
    let create = move |conn: &mut storage::Conn| {
        projects::create(conn, &user, namespace_id, &path, &storage, now, make_repository)
    };
    let created = app.core.pool.run(create).await;
    let is_made = match created {
        Ok(id) => id.is_some(),
        // Somebody else was faster, or has the name in this namespace.
        Err(storage::Error::Domain(domain::Error::Taken(_))) => false,
        Err(error) => return Err(error.into()),
    };

    let after = facts::gather(app, input, settings).await?;
    match access::decide(&input.request, &after.facts)? {
        Verdict::Allowed => {}
        _ => return Err(AllowedError::NotCreated("Name has already been taken".to_owned())),
    }
    if is_made {
        tracing::info!("a push has made a project");
        after.note_creation(app, input, settings).await;
    }
    Ok(after)
}

/// The heaviest of the configured storages, as the installation's settings weigh them.
async fn storage_for_new(app: &App) -> Result<String, AllowedError> {
    let weights = app.core.pool.read(settings::storage_weights).await?;
    let weight = |name: &str| (weights.get(name).copied().unwrap_or(0), name == "default");
    let heaviest = app.storages.names().max_by_key(|name| weight(name)).cloned();
    Ok(heaviest.ok_or_else(|| RestError::Internal("no storage is configured".to_owned()))?)
}

/// What makes the repository, on a thread that may block.
fn maker(
    app: &App,
    storage_name: &str,
    settings: &Settings,
) -> impl FnOnce(&NewProject) -> storage::Result<()> + Send + use<> {
    let (storages, storage_name) = (app.storages.clone(), storage_name.to_owned());
    let branch = settings.default_branch_name.clone();
    let runtime = tokio::runtime::Handle::current();
    move |project: &NewProject| {
        let place = Place {
            storage_name: &storage_name,
            relative_path: &format!("{}.git", project.disk_path),
            gl_repository: GlRepository::Project(project.id).to_string(),
            gl_project_path: &project.full_path,
            correlation_id: None,
        };
        let Some(repository) = storages.repository(&place, Quarantine::default()) else { return Ok(()) };
        runtime
            .block_on(repository.create(&branch))
            .map_err(|error| storage::Error::Unavailable(error.into()))
    }
}

impl Gathered {
    /// Keeps a message for the end of the push: the project is new.
    async fn note_creation(&self, app: &App, input: &Input, settings: &Settings) {
        let (Some(user), Some(location)) = (self.facts.actor.user(), &self.location) else { return };
        let path = &location.gl_project_path;
        let remote = match input.request.protocol {
            Protocol::Ssh => app.ssh_url(path),
            _ => app.http_url(settings, path),
        };
        let message = messages::project_created(path, &remote, &app.core.external_url);
        let key = created_key(user.id, &location.gl_repository.to_string());
        if let Err(error) = app.core.counters.keep(&key, &message, MESSAGES_LIVE).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a message was not kept");
        }
    }
}
