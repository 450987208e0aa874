//! `POST /api/v4/internal/lfs_authenticate`
use ::git_access::RepositoryParam;
use actix_web::HttpResponse;
use actix_web::web::Data;
use auth::{LfsActor, LfsToken};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chrono::NaiveDateTime;
use database::git_access::{self, ActorAndProject, ActorId, ProjectId};
use database::lfs::{self, Signing};
use database::{Conn, Result as Stored};
use domain::actor::Actor;
use domain::instance::Instance;
use domain::{GitPath, GlRepository};
use endpoint::{Params, RestError, log_field, log_optional_field, log_user};
use serde::Serialize;

use super::allowed::named;
use crate::{App, Shell, actor};

#[derive(Serialize)]
struct Entity {
    username: String,
    lfs_token: String,
    repository_http_path: String,
    expires_in: u64,
}

/// Creates the credentials for Git LFS over HTTP. Access to the project has been checked before, and is
/// checked again when the credentials are used.
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    let actor = actor::from_params(&params)?;
    let containers = containers(&params)?;
    let settings = app.settings.get(&app.core.pool).await?;
    let (instance, now) = (app.sources().instance(&settings), app.core.clock.now());
    let may_authenticate = move |actor: &Actor| may_authenticate(actor, &instance, now);
    let found = app.core.pool.read(move |conn| look_up(conn, &actor, &containers, &may_authenticate)).await?;
    let Container { project_id, git_path, actor } =
        found.filter(|_| app.options.access.lfs_enabled).ok_or(RestError::NotFound("Not Found"))?;
    log_field("gl_project_id", project_id);
    log_optional_field(
        "operation",
        params.text("operation")?.filter(|name| OPERATIONS.contains(&name.as_str())),
    );
    let actor = actor.ok_or(RestError::NotFound("Not found"))?;
    match &actor {
        LfsActor::User { id, username, .. } => log_user(*id, username),
        LfsActor::DeployKey { id, .. } => {
            log_field("gl_key_type", "deploy_key");
            log_field("gl_key_id", *id);
        }
    }
    let lifetime = app.options.lfs_token_ttl.0.as_secs();
    let token = LfsToken {
        actor: &actor,
        project_id,
        jti: uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string(),
        now: app.core.clock.unix(),
        lifetime: i64::try_from(lifetime).unwrap_or(i64::MAX),
    };
    let failed = |error: auth::SecretError| RestError::Internal(error.to_string());
    Ok(HttpResponse::Ok().json(Entity {
        username: actor.name(),
        lfs_token: token.sign(&app.keys.db_key_base.get()).map_err(failed)?,
        repository_http_path: app.lfs_url(&settings, &git_path),
        expires_in: lifetime,
    }))
}

/// The operations of Git LFS.
const OPERATIONS: [&str; 2] = ["upload", "download"];

/// A candidate project and the suffix of its path. Candidates are tried in order.
type Candidate = (ProjectId, &'static str);

struct Container {
    project_id: i64,
    /// Without `.git`.
    git_path: String,
    actor: Option<LfsActor>,
}

fn containers(params: &Params) -> Result<Vec<Candidate>, RestError> {
    let is_absent = |name| -> Result<bool, RestError> {
        Ok(params.text(name)?.is_none_or(|text| text.trim().is_empty()))
    };
    if is_absent("gl_repository")? && is_absent("project")? {
        return Ok(Vec::new());
    }
    let named = named(params)?;
    let path = |path: String, suffix: &'static str| {
        // `a/b.wiki` can also be the path of a project.
        let whole = format!("{path}{suffix}");
        vec![(ProjectId::Path(path), suffix), (ProjectId::Path(whole), "")]
    };
    Ok(match named {
        RepositoryParam::Id { repository: GlRepository::Project(id), .. } => vec![(ProjectId::Id(id), "")],
        RepositoryParam::Id { repository: GlRepository::Wiki(id), .. } => vec![(ProjectId::Id(id), ".wiki")],
        RepositoryParam::Id { repository: GlRepository::Design(id), .. } => {
            vec![(ProjectId::Id(id), ".design")]
        }
        RepositoryParam::Path { path: GitPath::Project(path), .. } => vec![(ProjectId::Path(path), "")],
        RepositoryParam::Path { path: GitPath::Wiki(name), .. } => path(name, ".wiki"),
        RepositoryParam::Path { path: GitPath::Design(name), .. } => path(name, ".design"),
        // Snippets and the wikis of groups have no LFS.
        RepositoryParam::Id { .. } | RepositoryParam::Path { .. } => Vec::new(),
    })
}

/// Returns `false` for an expired or restricted key, and for a user who may not use git. A deploy key's
/// owner is not checked.
fn may_authenticate(actor: &Actor, instance: &Instance, now: NaiveDateTime) -> bool {
    let has_valid_key = actor.key().is_none_or(|key| key.check(&instance.key_restrictions, now).is_ok());
    has_valid_key && actor.user().is_none_or(|user| user.may_use_git(instance, now).is_ok())
}

fn look_up(
    conn: &mut Conn,
    actor: &ActorId,
    containers: &[Candidate],
    may_authenticate: &dyn Fn(&Actor) -> bool,
) -> Stored<Option<Container>> {
    for (id, suffix) in containers {
        let ActorAndProject { actor, project, .. } = git_access::find(conn, actor, id)?;
        let Some(project) = project.map(|found| found.project) else { continue };
        if project.pending_delete || project.hidden || !lfs::is_enabled(conn, project.id)? {
            return Ok(None);
        }
        let git_path = format!("{}{suffix}", project.full_path);
        let signing = if may_authenticate(&actor) { lfs::signing(conn, &actor)? } else { None };
        let actor = signing.and_then(|signing| lfs_actor(&actor, signing));
        return Ok(Some(Container { project_id: project.id, git_path, actor }));
    }
    Ok(None)
}

fn lfs_actor(actor: &Actor, signing: Signing) -> Option<LfsActor> {
    match signing {
        Signing::User { encrypted_password } => {
            let user = actor.user()?;
            Some(LfsActor::User { id: user.id, username: user.username.clone(), encrypted_password })
        }
        Signing::DeployKey { fingerprint } => {
            let fingerprint = STANDARD_NO_PAD.encode(fingerprint);
            Some(LfsActor::DeployKey { id: actor.key()?.id, fingerprint })
        }
    }
}
