//! The location of a project's repository, with which kas calls Gitaly.
use std::collections::BTreeMap;

use database::agents::projects::{self, AgentProject};
use database::git_access::ProjectId;
use database::{feature_flags, visibility};
use endpoint::{Context, RestError};
use repository::{CallContext, Place, Quarantine, Repository};
use serde::Serialize;
use serde_json::Value;

use domain::access::push::StateNeeds;
use domain::{FeatureLevel, GlRepository, Visibility};

use crate::App;
use crate::error::KasError;
use crate::identity::RequestLog;
use crate::params::Params;
use database::agents::Agent;

#[derive(Serialize)]
pub(crate) struct Entity {
    project_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_name: Option<String>,
    gitaly_info: GitalyInfo,
    gitaly_repository: GitalyRepository,
    default_branch: String,
}

#[derive(Serialize)]
struct GitalyInfo {
    address: String,
    token: Option<String>,
    /// The values of flags are strings, too.
    features: BTreeMap<String, &'static str>,
}

#[derive(Serialize)]
struct GitalyRepository {
    storage_name: String,
    relative_path: String,
    git_object_directory: &'static str,
    git_alternate_object_directories: [&'static str; 0],
    gl_repository: String,
    gl_project_path: String,
}

impl Entity {
    #[must_use]
    pub(crate) fn of_agent(mut self, agent: Agent) -> Self {
        self.agent_id = Some(agent.id);
        self.agent_name = Some(agent.name);
        self
    }
}

impl App {
    /// A project that is not being deleted.
    pub(crate) async fn project(&self, id: ProjectId) -> Result<Option<AgentProject>, KasError> {
        Ok(self.core.pool.read(move |conn| projects::find(conn, &id)).await?)
    }

    /// The project in the parameter `id`, if the agent may download its repository: its own project, or one
    /// that everybody may download. Every other case has the same response.
    pub(crate) async fn project_for(
        &self,
        agent: &Agent,
        params: &Params,
        log: &RequestLog,
    ) -> Result<AgentProject, KasError> {
        log.set("requested_project_id", Value::Null);
        let id = project_id(params).ok_or(KasError::Hidden)?;
        let project = self.project(id).await?.ok_or(KasError::Hidden)?;
        let is_open = project.visibility == Visibility::Public
            && project.repository == FeatureLevel::Enabled
            && !project.hidden;
        let is_allowed = project.id == agent.project_id
            || (is_open && !self.core.pool.read(visibility::is_public_restricted).await?);
        if !is_allowed {
            return Err(KasError::Hidden);
        }
        log.set("requested_project_id", project.id);
        Ok(project)
    }

    pub(crate) async fn entity(
        &self,
        project: AgentProject,
        context: Option<&Context>,
    ) -> Result<Entity, KasError> {
        let place = project.storage;
        let storage = self.storages.get(&place.name);
        let storage =
            storage.ok_or_else(|| RestError::Internal(format!("storage {} is unknown", place.name)))?;
        let relative_path = format!("{}.git", place.disk_path);
        let project_id = project.id;
        let flags = self.core.pool.read(move |conn| feature_flags::of_gitaly(conn, project_id)).await?;
        let flag = |(name, on): (String, bool)| {
            (format!("gitaly-feature-{}", name.replace('_', "-")), if on { "true" } else { "false" })
        };
        let gl_repository = GlRepository::Project(project_id).to_string();
        let repository = Place {
            storage_name: &place.name,
            relative_path: &relative_path,
            gl_repository: gl_repository.clone(),
            gl_project_path: &project.full_path,
            context: CallContext {
                correlation_id: context.map(|context| context.correlation_id.to_string()),
                deadline: context.map(|context| context.deadline.get().into_std()),
                ..CallContext::default()
            },
        };
        let default_branch = self.default_branch(&repository).await?;
        Ok(Entity {
            project_id,
            agent_id: None,
            agent_name: None,
            gitaly_info: GitalyInfo {
                address: storage.address.clone(),
                token: storage.token.clone(),
                features: flags.into_iter().map(flag).collect(),
            },
            default_branch,
            gitaly_repository: GitalyRepository {
                storage_name: place.name,
                relative_path,
                git_object_directory: "",
                git_alternate_object_directories: [],
                gl_repository,
                gl_project_path: project.full_path,
            },
        })
    }

    /// The branch from which kas reads the agent's configuration. The default branch of the instance is used
    /// only for a repository that is known to be empty or missing: kas caches the response for minutes, and
    /// reports the grants in the configuration on this branch.
    async fn default_branch(&self, place: &Place<'_>) -> Result<String, KasError> {
        let known = match self.storages.repository(place, Quarantine::default()) {
            Some(repository) => default_branch(&repository).await?,
            None => None,
        };
        match known {
            Some(branch) => Ok(branch),
            None => Ok(self.settings.get(&self.core.pool).await?.default_branch_name.clone()),
        }
    }
}

/// `None` if the repository is empty, does not exist or is not inspected.
async fn default_branch(repository: &Repository) -> repository::Result<Option<String>> {
    match repository.state(StateNeeds { empty: false, default_branch: true }).await {
        Ok(state) => Ok(state.and_then(|state| state.default_branch)),
        Err(repository::Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Digits are an id; anything else is a path.
fn project_id(params: &Params) -> Option<ProjectId> {
    let field = params.field("id");
    if let Some(id) = field.value?.as_i64() {
        return Some(ProjectId::Id(id));
    }
    let text = field.value?.as_str()?;
    let text = text.trim();
    if text.is_empty() || text.contains('\0') {
        None
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok().map(ProjectId::Id)
    } else {
        Some(ProjectId::Path(text.to_owned()))
    }
}
