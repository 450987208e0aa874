//! What the database and the storages know of a request.
use chrono::NaiveDateTime;
use domain::access::{Action, Facts, ProjectFacts, Target};
use domain::actor::Actor;
use domain::changes::Changes;
use domain::instance::Instance;
use domain::{GitPath, GlRepository};
use repository::{Inspect, Place, Quarantine};
use storage::git_access::{self, ActorId, Found, FoundProject, ProjectId, Storage};
use storage::namespaces::FoundNamespace;
use storage::settings::Settings;
use storage::snippets::{self, FoundSnippet};
use storage::{Conn, deploy_tokens, merge_requests};

use super::input::{Input, Named};
use super::namespace;
use crate::App;
use crate::error::AllowedError;

/// Facts for the decision, and what the answer needs beside them.
#[derive(Debug)]
pub(super) struct Gathered {
    pub facts: Facts,
    pub location: Option<Location>,
    pub redirected: bool,
    pub key_last_used_at: Option<chrono::NaiveDateTime>,
    pub last_activity_on: Option<chrono::NaiveDate>,
}

/// Where the repository lies, and what it is called.
#[derive(Debug)]
pub(super) struct Location {
    pub gl_repository: GlRepository,
    pub storage: Storage,
    /// With the suffix of its kind.
    pub relative_path: String,
    pub gl_project_path: String,
}

/// What the path or the name leads to, before the database is asked.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    Project(ProjectId, Kind),
    Snippet(i64),
    GroupWiki(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Project,
    Wiki,
    GroupWiki,
    Design,
}

pub(super) async fn gather(app: &App, input: &Input, settings: &Settings) -> Result<Gathered, AllowedError> {
    let now = app.core.clock.now();
    let asks_generally = input.request.action == Action::Push && input.request.changes == Changes::Any;
    let new_project = input.new_project().filter(|_| asks_generally && app.options.push_to_create);
    let (new_namespace, new_name) = new_project.unzip();
    let asked = Asked {
        actor: input.actor.clone(),
        wanted: Wanted::of(&input.repository),
        asks_generally,
        new_namespace,
        now,
    };
    let looked_up = app.core.pool.read(move |conn| look_up(conn, &asked)).await?;
    let LookedUp { found, kind, snippet, namespace, collaborates } = looked_up;
    let Found { actor, key_last_used_at, last_activity_on, project } = found;

    let redirected = project.as_ref().is_some_and(|project| project.redirected);
    let location = match &namespace {
        Some(found) if kind == Some(Kind::GroupWiki) => namespace::wiki_location(found),
        _ => location(kind, project.as_ref(), snippet.as_ref()),
    };
    let target = match namespace.map(|found| found.facts) {
        Some(facts) if kind == Some(Kind::GroupWiki) => Target::GroupWiki(facts),
        Some(namespace) => Target::NewProject { namespace, name: new_name.unwrap_or_default() },
        None => target(input, kind, project, snippet, collaborates),
    };
    let repository_exists = match &location {
        Some(location) => app.exists(location, input, asks_generally).await?,
        None => false,
    };
    let facts = Facts { instance: app.instance(settings), actor, target, repository_exists, now };
    Ok(Gathered { facts, location, redirected, key_last_used_at, last_activity_on })
}

impl Wanted {
    fn of(named: &Named) -> Self {
        match named {
            Named::Id { repository, .. } => match *repository {
                GlRepository::Project(id) => Self::Project(ProjectId::Id(id), Kind::Project),
                GlRepository::Wiki(id) => Self::Project(ProjectId::Id(id), Kind::Wiki),
                GlRepository::Design(id) => Self::Project(ProjectId::Id(id), Kind::Design),
                GlRepository::Snippet(id) => Self::Snippet(id),
                GlRepository::GroupWiki(id) => Self::GroupWiki(id),
            },
            Named::Path { path, .. } => match path {
                GitPath::Project(path) => Self::Project(ProjectId::Path(path.clone()), Kind::Project),
                GitPath::Wiki(path) => Self::Project(ProjectId::Path(path.clone()), Kind::Wiki),
                GitPath::Design(path) => Self::Project(ProjectId::Path(path.clone()), Kind::Design),
                GitPath::Snippet { id, .. } => Self::Snippet(*id),
            },
        }
    }
}

/// What is looked up.
pub(super) struct Asked {
    actor: ActorId,
    pub wanted: Wanted,
    asks_generally: bool,
    /// Namespace of a project that this push would make, if there is none.
    pub new_namespace: Option<String>,
    pub now: NaiveDateTime,
}

struct LookedUp {
    found: Found,
    kind: Option<Kind>,
    snippet: Option<FoundSnippet>,
    /// The group of a wiki, or where the person may make the project that is not there.
    namespace: Option<FoundNamespace>,
    collaborates: bool,
}

/// Nobody has this id: the statement then looks for the actor alone.
const NO_PROJECT: ProjectId = ProjectId::Id(-1);

fn look_up(conn: &mut Conn, asked: &Asked) -> storage::Result<LookedUp> {
    let Asked { actor, wanted, asks_generally, .. } = asked;
    let (mut found, kind, snippet) = match wanted {
        Wanted::Project(id, kind) => {
            let found = git_access::find(conn, actor, id)?;
            match (&found.project, kind.suffix(), id) {
                // `a/b.wiki` may as well be a project with such a name.
                (None, Some(suffix), ProjectId::Path(path)) => {
                    let whole = ProjectId::Path(format!("{path}{suffix}"));
                    let project = git_access::find(conn, actor, &whole)?;
                    if project.project.is_some() {
                        (project, Some(Kind::Project), None)
                    } else {
                        (found, Some(*kind), None)
                    }
                }
                _ => (found, Some(*kind), None),
            }
        }
        Wanted::Snippet(id) => {
            let snippet = snippets::find(conn, *id)?;
            let project =
                snippet.as_ref().and_then(|snippet| snippet.project_id).map_or(NO_PROJECT, ProjectId::Id);
            (git_access::find(conn, actor, &project)?, None, snippet)
        }
        Wanted::GroupWiki(_) => (git_access::find(conn, actor, &NO_PROJECT)?, Some(Kind::Wiki), None),
    };
    if let ActorId::DeployToken(id) = actor {
        use_deploy_token(conn, *id, &mut found, asked.now)?;
    }
    let (kind, namespace) = match namespace::find(conn, asked, &found, kind)? {
        Some((kind, namespace)) => (Some(kind), Some(namespace)),
        None => (kind, None),
    };
    // Merge requests are asked for where nothing else lets the person push.
    let collaborates = match (&found.project, found.actor.user()) {
        (Some(FoundProject { project, standing, .. }), Some(user))
            if *asks_generally
                && kind == Some(Kind::Project)
                && !project.may_push_code(user, standing.role) =>
        {
            let requests = merge_requests::bearing_on_push(conn, project.id, Some(user.id))?;
            !requests.collaboration_branches.is_empty()
        }
        _ => false,
    };
    Ok(LookedUp { found, kind, snippet, namespace, collaborates })
}

/// The actor is a deploy token, if there is one with this id.
fn use_deploy_token(conn: &mut Conn, id: i64, found: &mut Found, now: NaiveDateTime) -> storage::Result<()> {
    let project_id = found.project.as_ref().map(|found| found.project.id);
    if let Some(grant) = deploy_tokens::find(conn, id, project_id, now)? {
        found.actor = Actor::DeployToken { id };
        if let Some(project) = &mut found.project {
            project.standing.deploy_token = grant;
        }
    }
    Ok(())
}

impl Kind {
    /// Of the path, before `.git`.
    fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Project => None,
            Self::Wiki | Self::GroupWiki => Some(".wiki"),
            Self::Design => Some(".design"),
        }
    }
}

fn target(
    input: &Input,
    kind: Option<Kind>,
    project: Option<FoundProject>,
    snippet: Option<FoundSnippet>,
    collaborates: bool,
) -> Target {
    let facts = project.map(|FoundProject { project, standing, .. }| ProjectFacts {
        project,
        standing,
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
                Named::Id { project, .. } => project.as_ref().is_some_and(|path| path.contains('/')),
                Named::Path { path, .. } => path.has_namespace(),
            };
            if kind == Kind::Wiki && namespace_named {
                Target::NoWiki
            } else {
                Target::NoProject { namespace_named }
            }
        }
    }
}

fn location(
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
    pub fn place<'a>(&'a self, input: &'a Input) -> Place<'a> {
        Place {
            storage_name: &self.storage.name,
            relative_path: &self.relative_path,
            gl_repository: self.gl_repository.to_string(),
            gl_project_path: &self.gl_project_path,
            correlation_id: input.correlation_id.as_deref(),
        }
    }
}

impl App {
    async fn exists(
        &self,
        location: &Location,
        input: &Input,
        asks_generally: bool,
    ) -> Result<bool, AllowedError> {
        // The answer will say that the storage is unknown.
        let Some(storage) = self.storages.get(&location.storage.name) else { return Ok(true) };
        // Whoever pulls goes to Gitaly next, and hears it there; a push that has begun is in its repository already.
        if storage.inspect() == Inspect::Gitaly && !asks_generally {
            return Ok(true);
        }
        let repository = self.repository(&location.place(input), Quarantine::default())?;
        Ok(repository.exists().await?)
    }

    fn instance(&self, settings: &Settings) -> Instance {
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
            branch_protection: settings.branch_protection,
        }
    }
}

impl Gathered {
    /// Notes that the key was used, at most once a day, and (when `allowed`) that the person was active today. A
    /// failure of this fails no request.
    pub async fn touch(&self, app: &App, input: &Input, allowed: bool) {
        let now = self.facts.now;
        let key =
            self.facts.actor.key().map(|key| key.id).filter(|_| {
                self.key_last_used_at.is_none_or(|last| now - last >= chrono::TimeDelta::days(1))
            });
        let user = match &self.facts.actor {
            Actor::User(user) | Actor::Key { user: Some(user), .. }
                if allowed
                    && input.request.action == Action::Download
                    && self.last_activity_on != Some(now.date()) =>
            {
                Some(user.id)
            }
            _ => None,
        };
        if key.is_none() && user.is_none() {
            return;
        }
        if let Err(error) = app.core.pool.run(move |conn| git_access::touch(conn, key, user, now)).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the last use was not noted");
        }
    }

    /// Keeps a message for the end of the push: the project has moved.
    pub async fn note_move(&self, app: &App, input: &Input, settings: &Settings) {
        let (Named::Path { text, .. }, true) = (&input.repository, self.redirected) else { return };
        let (Some(user), Some(location)) = (self.facts.actor.user(), &self.location) else { return };
        let old = text.strip_prefix('/').unwrap_or(text);
        let old = old.strip_suffix(".git").unwrap_or(old);
        let new = &location.gl_project_path;
        let url = match input.request.protocol {
            domain::access::Protocol::Ssh => app.ssh_url(new),
            _ => app.http_url(settings, new),
        };
        let message = domain::messages::project_moved(old, new, &url);
        let key = super::super::post_receive::moved_key(user.id, &location.gl_repository.to_string());
        let lifetime = super::super::post_receive::MESSAGES_LIVE;
        if let Err(error) = app.core.counters.keep(&key, &message, lifetime).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a message was not kept");
        }
    }
}
