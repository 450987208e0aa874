//! Loads the facts of a request from the database and the storages.
use chrono::{NaiveDate, NaiveDateTime};
use database::git_access::{ActorAndProject, FoundProject};
use database::settings::Settings;
use database::snippets::FoundSnippet;
use domain::access::{self, Facts, ProjectFacts, RepositoryStatus, Target};
use domain::namespace::ProjectPath;

use crate::lookup::database::{LookupRequest, LookupResult};
use crate::lookup::location::{self, Location, location};
use crate::lookup::target::{Kind, LookupTarget};
use crate::lookup::{database as look_up, namespace};
use crate::{Error, Query, RepositoryParam, Result, Sources};

/// The facts for the decision, and further data for the response.
#[derive(Debug)]
pub struct AccessContext {
    pub facts: Facts,
    pub location: Option<Location>,
    pub redirected: bool,
    pub key_last_used_at: Option<NaiveDateTime>,
    pub last_activity_on: Option<NaiveDate>,
}

/// Queries the database, with one statement for a project.
pub async fn look_up(sources: Sources<'_>, query: &Query) -> Result<LookupResult> {
    let may_create = query.asks_generally() && sources.options.push_to_create;
    let new_project = query.new_project().filter(|_| may_create);
    let asked = LookupRequest {
        actor: query.actor.clone(),
        wanted: LookupTarget::from_param(&query.repository),
        asks_generally: query.asks_generally(),
        new_namespace: new_project.map(|(namespace, _)| namespace),
        now: sources.now,
    };
    Ok(sources.pool.read(move |conn| look_up::look_up(conn, &asked)).await?)
}

/// Queries the storage and assembles the facts.
pub async fn gather(
    sources: Sources<'_>,
    query: &Query,
    settings: &Settings,
    looked_up: LookupResult,
) -> Result<AccessContext> {
    let LookupResult { found, kind, snippet, namespace, collaborates } = looked_up;
    let ActorAndProject { actor, key_last_used_at, last_activity_on, project } = found;

    let redirected = project.as_ref().is_some_and(|project| project.redirected);
    let location = match &namespace {
        Some(found) if kind == Some(Kind::GroupWiki) => namespace::wiki_location(found),
        _ => location(kind, project.as_ref(), snippet.as_ref()),
    };
    if let Some(location) = &location {
        query.quarantine.check_inside_storage(&location.relative_path)?;
    }
    let target = match namespace.map(|found| found.facts) {
        Some(facts) if kind == Some(Kind::GroupWiki) => Target::GroupWiki(facts),
        Some(namespace) => Target::NewProject { namespace, name: query.new_project().unwrap_or_default().1 },
        None => target(query, kind, project, snippet, collaborates),
    };
    let (instance, now) = (sources.instance(settings), sources.now);
    let mut facts = Facts { instance, actor, target, repository: RepositoryStatus::Present, now };
    // Runs only if nothing else refuses the request: a refusal must not reveal anything about the storage,
    // nor wait for it.
    if access::decide(&query.request, &facts).is_ok() {
        facts.repository = location::status(sources, location.as_ref(), query, &facts.actor).await?;
    }
    Ok(AccessContext { facts, location, redirected, key_last_used_at, last_activity_on })
}

/// The path of the project that a push creates. The path must be valid, which the decision does not check.
pub fn new_project_path(context: &AccessContext) -> Result<ProjectPath> {
    let name = match &context.facts.target {
        Target::NewProject { name, .. } => name.as_str(),
        _ => "",
    };
    name.parse().map_err(|error: domain::Error| Error::NotCreated(error.to_string()))
}

fn target(
    query: &Query,
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
            let namespace_named = match &query.repository {
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
