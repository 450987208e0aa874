//! Loads the facts of a request from the database and the storages.
use chrono::{NaiveDate, NaiveDateTime};
use database::git_access::{ActorAndProject, FoundProject};
use database::settings::Settings;
use database::snippets::FoundSnippet;
use domain::access::{self, Facts, ProjectFacts, RepositoryStatus, Target};
use domain::instance::Instance;

use super::input::{Input, RepositoryParam};
use super::lookup::database::{LookupRequest, LookupResult};
use super::lookup::location::{Location, location};
use super::lookup::target::{Kind, LookupTarget};
use super::lookup::{database as look_up, namespace};
use crate::App;
use crate::error::{AllowedError, invalid_quarantine};

/// The facts for the decision, and further data for the response.
#[derive(Debug)]
pub(crate) struct AccessContext {
    pub facts: Facts,
    pub location: Option<Location>,
    pub redirected: bool,
    pub key_last_used_at: Option<NaiveDateTime>,
    pub last_activity_on: Option<NaiveDate>,
}

/// Queries the database, with one statement for a project.
pub(super) async fn look_up(app: &App, input: &Input) -> Result<LookupResult, AllowedError> {
    let new_project = input.new_project().filter(|_| input.asks_generally() && app.options.push_to_create);
    let asked = LookupRequest {
        actor: input.actor.clone(),
        wanted: LookupTarget::from_param(&input.repository),
        asks_generally: input.asks_generally(),
        new_namespace: new_project.map(|(namespace, _)| namespace),
        now: app.core.clock.now(),
    };
    Ok(app.core.pool.read(move |conn| look_up::look_up(conn, &asked)).await?)
}

/// Queries the storage and assembles the facts.
pub(super) async fn gather(
    app: &App,
    input: &Input,
    settings: &Settings,
    looked_up: LookupResult,
) -> Result<AccessContext, AllowedError> {
    let LookupResult { found, kind, snippet, namespace, collaborates } = looked_up;
    let ActorAndProject { actor, key_last_used_at, last_activity_on, project } = found;

    let redirected = project.as_ref().is_some_and(|project| project.redirected);
    let location = match &namespace {
        Some(found) if kind == Some(Kind::GroupWiki) => namespace::wiki_location(found),
        _ => location(kind, project.as_ref(), snippet.as_ref()),
    };
    if let Some(location) = &location {
        let inside = input.quarantine.check_inside_storage(&location.relative_path);
        inside.map_err(invalid_quarantine)?;
    }
    let target = match namespace.map(|found| found.facts) {
        Some(facts) if kind == Some(Kind::GroupWiki) => Target::GroupWiki(facts),
        Some(namespace) => Target::NewProject { namespace, name: input.new_project().unwrap_or_default().1 },
        None => target(input, kind, project, snippet, collaborates),
    };
    let (instance, now) = (app.instance(settings), app.core.clock.now());
    let mut facts = Facts { instance, actor, target, repository: RepositoryStatus::Present, now };
    // Runs only if nothing else refuses the request: a refusal must not reveal anything about the storage,
    // nor wait for it.
    if access::decide(&input.request, &facts).is_ok() {
        facts.repository = app.presence(location.as_ref(), input, &facts.actor).await?;
    }
    Ok(AccessContext { facts, location, redirected, key_last_used_at, last_activity_on })
}

fn target(
    input: &Input,
    kind: Option<Kind>,
    project: Option<FoundProject>,
    snippet: Option<FoundSnippet>,
    collaborates: bool,
) -> Target {
    let facts = project.map(|FoundProject { project, actor_access, .. }| ProjectFacts {
        project,
        actor_access,
        collaborates,
    });
    match (kind, snippet, facts) {
        (None, None, _) => Target::NoSnippet,
        (None, Some(FoundSnippet { project_id: Some(_), .. }), None) => Target::NoSnippet,
        (None, Some(FoundSnippet { snippet, .. }), project) => Target::Snippet { snippet, project },
        (Some(Kind::Project), _, Some(facts)) => Target::Project(facts),
        (Some(Kind::Wiki | Kind::GroupWiki), _, Some(facts)) => Target::Wiki(facts),
        (Some(Kind::Design), _, Some(facts)) => Target::Design(facts),
        (Some(kind), _, None) => {
            let namespace_named = match &input.repository {
                RepositoryParam::Id { project, .. } => {
                    project.as_ref().is_some_and(|path| path.contains('/'))
                }
                RepositoryParam::Path { path, .. } => path.has_namespace(),
            };
            if kind == Kind::Wiki && namespace_named {
                Target::NoWiki
            } else {
                Target::NoProject { namespace_named }
            }
        }
    }
}

impl App {
    /// The settings that decisions need, with the options of the service.
    pub(crate) fn instance(&self, settings: &Settings) -> Instance {
        Instance {
            url: self.core.external_url.clone(),
            only_protocol: settings.only_protocol,
            key_restrictions: settings.key_restrictions.clone(),
            enforce_terms: settings.enforce_terms,
            latest_term_id: settings.latest_term_id,
            confirmation_required: settings.confirmation_required,
            read_only: self.options.read_only || settings.maintenance_mode,
            geo_secondary: self.geo.is_secondary(),
            http_pull: self.options.upload_pack,
            http_push: self.options.receive_pack,
            globally_allowed_ips: settings.globally_allowed_ips.clone(),
            branch_protection: settings.branch_protection,
        }
    }
}
