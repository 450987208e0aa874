//! The 200 response of `POST /allowed`.
use std::collections::BTreeMap;

use actix_web::HttpResponse;
use database::settings::Settings;
use domain::messages;
use endpoint::RestError;
use git_access::{AccessContext, Location};
use repository::{Place, Quarantine, Storage};
use serde::Serialize;

use crate::App;
use crate::error::AllowedError;

const MIB: i64 = 1024 * 1024;

#[derive(Serialize)]
struct Entity<'a> {
    status: bool,
    gl_repository: String,
    gl_project_path: &'a str,
    gl_project_id: Option<i64>,
    gl_root_namespace_id: Option<i64>,
    gl_id: String,
    gl_username: Option<&'a str>,
    git_config_options: Vec<String>,
    gitaly: Gitaly<'a>,
    gl_console_messages: Vec<&'static str>,
    need_audit: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    gl_key_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gl_key_id: Option<i64>,
}

#[derive(Serialize)]
struct Gitaly<'a> {
    repository: Repository<'a>,
    address: &'a str,
    token: Option<&'a str>,
    /// Feature flags. Their values are strings.
    features: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "Gitaly's names")]
struct Repository<'a> {
    storage_name: &'a str,
    relative_path: &'a str,
    git_object_directory: &'static str,
    git_alternate_object_directories: [&'static str; 0],
    gl_repository: String,
    gl_project_path: &'a str,
}

pub(crate) fn response(
    app: &App,
    settings: &Settings,
    gathered: &AccessContext,
) -> Result<HttpResponse, AllowedError> {
    let AccessContext { facts, location, .. } = gathered;
    let location = location.as_ref().ok_or_else(|| RestError::Internal("Unknown check result".to_owned()))?;
    let project = facts.target.project().map(|facts| &facts.project);
    let actor = &facts.actor;
    Ok(HttpResponse::Ok().json(Entity {
        status: true,
        gl_repository: location.gl_repository.to_string(),
        gl_project_path: &location.gl_project_path,
        gl_project_id: project.map(|project| project.id),
        gl_root_namespace_id: facts.target.root().map(|root| root.id),
        gl_id: actor.gl_id(),
        gl_username: actor.responsible_user().map(|user| user.username.as_str()),
        git_config_options: git_config_options(app, settings),
        gitaly: gitaly(app.storage(&location.storage.name)?, location),
        gl_console_messages: console_messages(gathered),
        need_audit: app.options.git_audit_events,
        gl_key_type: actor.key_type(),
        gl_key_id: actor.key().map(|key| key.id),
    }))
}

fn git_config_options(app: &App, settings: &Settings) -> Vec<String> {
    let mut options = Vec::new();
    if app.options.partial_clone {
        options.extend([
            "uploadpack.allowFilter=true".to_owned(),
            "uploadpack.allowAnySHA1InWant=true".to_owned(),
        ]);
    }
    if settings.receive_max_input_size > 0 {
        options.push(format!("receive.maxInputSize={}", i64::from(settings.receive_max_input_size) * MIB));
    }
    options
}

fn gitaly<'a>(storage: &'a Storage, location: &'a Location) -> Gitaly<'a> {
    Gitaly {
        repository: Repository {
            storage_name: &location.storage.name,
            relative_path: &location.relative_path,
            git_object_directory: "",
            git_alternate_object_directories: [],
            gl_repository: location.gl_repository.to_string(),
            gl_project_path: &location.gl_project_path,
        },
        address: &storage.address,
        token: storage.token.as_deref(),
        features: BTreeMap::new(),
    }
}

fn console_messages(gathered: &AccessContext) -> Vec<&'static str> {
    let facts = &gathered.facts;
    if facts.actor.key().is_some_and(|key| key.expires_soon(facts.now)) {
        vec![messages::KEY_EXPIRES_SOON]
    } else {
        Vec::new()
    }
}

impl App {
    fn storage(&self, name: &str) -> Result<&Storage, RestError> {
        self.storages.get(name).ok_or_else(|| unknown_storage(name))
    }

    pub(crate) fn repository(
        &self,
        place: &Place<'_>,
        quarantine: Quarantine,
    ) -> Result<repository::Repository, RestError> {
        let repository = self.storages.repository(place, quarantine);
        repository.ok_or_else(|| unknown_storage(place.storage_name))
    }
}

fn unknown_storage(name: &str) -> RestError {
    RestError::Internal(format!("storage {name} is not configured"))
}
