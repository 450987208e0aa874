//! The facts about a push that has been written: the pusher, the project and its default branch.
use database::broadcast_messages;
use database::git_access::{self, ActorAndProject, FoundProject, ProjectId};
use domain::GlRepository;
use domain::access::push::StateNeeds;
use domain::git::changes::{self, Kind};
use domain::messages::Banner;
use domain::user::User;
use endpoint::{log_field, log_user};
use repository::{CallContext, Place, Quarantine, Repository};
use std::collections::HashSet;
use std::time::Duration;

use super::Push;
use crate::App;

/// The timeout for inspecting the repository while the pusher waits.
pub(super) const INSPECT_TIMEOUT: Duration = Duration::from_secs(4);

/// The facts about a push. All fields are empty if they could not be loaded.
#[derive(Debug, Default)]
pub(super) struct LandedPush {
    pub repository: Option<GlRepository>,
    pub user: Option<User>,
    pub project: Option<FoundProject>,
    pub banners: Vec<Banner>,
    /// Branches that were created or updated, each once, in push order. Empty for wikis and snippets.
    pub branches: Vec<String>,
    pub default_branch: DefaultBranch,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum DefaultBranch {
    Named(String),
    /// The repository is empty or does not exist.
    None,
    /// The repository could not be inspected, or did not need to be.
    #[default]
    Unknown,
}

impl LandedPush {
    /// Loads the facts, with one database query and at most one call to the repository.
    pub async fn load(app: &App, push: &Push) -> Self {
        let repository: Option<GlRepository> = push.gl_repository.parse().ok();
        let project_id = match repository {
            Some(GlRepository::Project(id) | GlRepository::Wiki(id) | GlRepository::Design(id)) => id,
            _ => -1,
        };
        let (actor, now) = (::git_access::actor_from_identifier(&push.identifier), app.core.clock.now());
        let found = app.core.pool.read(move |conn| {
            let found = git_access::find(conn, &actor, &ProjectId::Id(project_id))?;
            Ok((found, broadcast_messages::for_terminal(conn, now)?))
        });
        let (ActorAndProject { actor, project, .. }, banners) = match found.await {
            Ok(found) => found,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "failed to load post-receive messages");
                return Self { repository, ..Self::default() };
            }
        };
        let user = actor.responsible_user().cloned();
        if let Some(user) = &user {
            log_user(user.id, &user.username);
        }
        if let Some(FoundProject { project, .. }) = &project {
            log_field("gl_project_id", project.id);
            log_field("gl_project_path", project.full_path.clone());
            log_field("gl_namespace_id", project.root.id);
        }
        let mut landed = Self { repository, user, project, banners, ..Self::default() };
        if let (Some(GlRepository::Project(_)), Some(project)) = (repository, &landed.project) {
            landed.branches = pushed_branches(&push.changes);
            // Only a known user gets links and merge-request push options.
            if !landed.branches.is_empty() && landed.user.is_some() {
                landed.default_branch = default_branch(app, project).await;
            }
        }
        landed
    }

    /// The branches that can become merge requests. `None` if the default branch is unknown.
    pub fn other_branches(&self) -> Option<Vec<String>> {
        let is_other =
            |branch: &&String| !matches!(&self.default_branch, DefaultBranch::Named(name) if name == *branch);
        (self.branches.is_empty() || self.default_branch != DefaultBranch::Unknown)
            .then(|| self.branches.iter().filter(is_other).cloned().collect())
    }
}

fn pushed_branches(pushed: &str) -> Vec<String> {
    let mut known = HashSet::new();
    changes::lines(pushed)
        .filter(|change| change.kind() != Kind::Delete)
        .filter_map(|change| change.branch())
        .filter(|branch| known.insert(*branch))
        .map(ToOwned::to_owned)
        .collect()
}

/// `None` if the storage is unknown.
pub(super) fn repository(app: &App, found: &FoundProject) -> Option<Repository> {
    let place = Place {
        storage_name: &found.storage.name,
        relative_path: &format!("{}.git", found.storage.disk_path),
        gl_repository: GlRepository::Project(found.project.id).to_string(),
        gl_project_path: &found.project.full_path,
        context: CallContext::default(),
    };
    app.storages.repository(&place, Quarantine::default())
}

async fn default_branch(app: &App, found: &FoundProject) -> DefaultBranch {
    let Some(repository) = repository(app, found) else { return DefaultBranch::Unknown };
    let state = repository.state(StateNeeds { empty: true, default_branch: true });
    let Ok(state) = tokio::time::timeout(INSPECT_TIMEOUT, state).await else {
        tracing::warn!("failed to find the default branch: the repository did not answer in time");
        return DefaultBranch::Unknown;
    };
    match state {
        // A repository that is not inspected is assumed to have the default branch name of new repositories.
        Ok(None) => match app.settings.get(&app.core.pool).await {
            Ok(settings) => DefaultBranch::Named(settings.default_branch_name.clone()),
            Err(_) => DefaultBranch::Unknown,
        },
        Ok(Some(state)) if state.empty => DefaultBranch::None,
        Ok(Some(state)) => state.default_branch.map_or(DefaultBranch::None, DefaultBranch::Named),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "failed to find the default branch");
            DefaultBranch::Unknown
        }
    }
}
