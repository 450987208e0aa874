//! Push to create: a push to a path that does not exist creates a private project, if the user may create
//! one.
//!
//! The project is created first, in a transaction that does not wait for the storage, and then its
//! repository. Until the repository exists, the database records it as pending. If a step in between fails,
//! the next push creates the repository.
use database::projects::{self, NewProject};
use database::settings::{self, Settings};
use domain::Visibility;
use domain::access::{self, Target as AccessTarget, Verdict};
use endpoint::RestError;
use endpoint::audit::{AuditEvent, Author, Difference, Entity, Target};
use git_access::{AccessContext, facts};
use repository::{Inspect, Quarantine};
use serde_json::{Map, Value, json};

use super::input::Input;
use super::side_effects;
use crate::App;
use crate::error::AllowedError;

/// Creates the missing project or repository, and decides again.
pub(super) async fn complete(
    app: &App,
    input: &Input,
    mut gathered: AccessContext,
    settings: &Settings,
    verdict: Verdict,
) -> Result<AccessContext, AllowedError> {
    let (mut is_made, mut verdict) = (false, verdict);
    if verdict == Verdict::CreateProject {
        is_made = project(app, &gathered).await?;
        let looked_up = facts::look_up(app.sources(), &input.query).await?;
        gathered = facts::gather(app.sources(), &input.query, settings, looked_up).await?;
        verdict = access::decide(&input.query.request, &gathered.facts)?;
    }
    match verdict {
        Verdict::Allowed => {}
        Verdict::CreateRepository => is_made |= repository(app, input, &gathered, settings).await?,
        _ => return Err(AllowedError::NotCreated("Name has already been taken".to_owned())),
    }
    if is_made {
        side_effects::note_creation(&gathered, app, input, settings).await;
        audit(&gathered);
    }
    Ok(gathered)
}

/// Writes the audit event of the new project.
fn audit(gathered: &AccessContext) {
    let (Some(facts), Some(user)) = (gathered.facts.target.project(), gathered.facts.actor.user()) else {
        return;
    };
    let project = &facts.project;
    let event = AuditEvent {
        event_name: "project_created",
        author: Author::user(user.id, user.username.as_str()),
        entity: Entity { kind: "Project", id: Some(project.id), path: Some(project.full_path.clone()) },
        target: Target { kind: "Project", id: Some(project.id) },
        gl_namespace_id: Some(project.root.id),
        difference: Some(Difference::new(
            Value::Null,
            json!({ "id": project.id, "visibility": project.visibility.name() }),
        )),
        further: Map::new(),
    };
    event.write();
}

/// Creates the project. Of two concurrent pushes one creates it, and the other finds it.
async fn project(app: &App, before: &AccessContext) -> Result<bool, AllowedError> {
    let (AccessTarget::NewProject { namespace, .. }, Some(user)) =
        (&before.facts.target, before.facts.actor.user())
    else {
        return Err(RestError::Internal("Unknown check result".to_owned()).into());
    };
    let path = facts::new_project_path(before)?;
    let (user, namespace_id, now) = (user.clone(), namespace.namespace.id, before.facts.now);
    let storage = storage_for_new(app).await?;
    let inspect = app.storages.get(&storage).map(repository::Storage::inspect);
    let create = move |conn: &mut database::Conn| {
        let new = NewProject {
            namespace_id,
            path: &path,
            name: path.as_str(),
            visibility: Visibility::Private,
            storage: &storage,
            awaits_repository: inspect != Some(Inspect::None),
        };
        projects::create(conn, &user, &new, now)
    };
    match app.core.pool.run(create).await {
        Ok(id) => Ok(id.is_some()),
        // A concurrent push has created the project, or the name is taken in this namespace.
        Err(database::Error::Domain(domain::Error::Taken(_))) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Creates the repository. Concurrent pushes may both do so: an existing repository is left as it is.
async fn repository(
    app: &App,
    input: &Input,
    gathered: &AccessContext,
    settings: &Settings,
) -> Result<bool, AllowedError> {
    let (Some(location), Some(project)) = (&gathered.location, gathered.facts.target.project()) else {
        return Err(RestError::Internal("Unknown check result".to_owned()).into());
    };
    let repository =
        app.repository(&location.place(&input.query, &gathered.facts.actor), Quarantine::default())?;
    let made = repository.create(&settings.default_branch_name).await;
    made.map_err(|error| RestError::Unavailable(error.into()))?;
    let id = project.project.id;
    Ok(app.core.pool.run(move |conn| projects::repository_is_made(conn, id)).await?)
}

/// The configured storage with the highest weight in the settings of the instance.
async fn storage_for_new(app: &App) -> Result<String, AllowedError> {
    let weights = app.core.pool.read(settings::storage_weights).await?;
    let weight = |name: &str| (weights.get(name).copied().unwrap_or(0), name == "default");
    let heaviest = app.storages.names().max_by_key(|name| weight(name)).cloned();
    Ok(heaviest.ok_or_else(|| RestError::Internal("no storage is configured".to_owned()))?)
}
