//! The parameters of `/allowed`.
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use database::git_access::ActorId;
use domain::access::{Action, Protocol, Request};
use domain::git::changes::Changes;
use domain::{GitPath, GlRepository};
use endpoint::{Context, Params, RestError};
use repository::Quarantine;

use crate::actor;

#[derive(Debug)]
pub(crate) struct Input {
    pub request: Request,
    /// As the caller names it.
    pub action: String,
    pub actor: ActorId,
    pub repository: RepositoryParam,
    pub quarantine: Quarantine,
    /// Of this request, in the logs of all who serve it.
    pub correlation_id: Option<Rc<str>>,
}

/// How the caller names the repository. Gitaly sends both: then `project` is a path on its disk, and says nothing.
#[derive(Debug)]
pub(crate) enum RepositoryParam {
    Id { repository: GlRepository, project: Option<String> },
    Path { path: GitPath, text: String },
}

impl RepositoryParam {
    /// The caller's own word, for what is counted by it.
    pub fn text(&self) -> String {
        match self {
            Self::Id { repository, project } => project.clone().unwrap_or_else(|| repository.to_string()),
            Self::Path { text, .. } => text.clone(),
        }
    }
}

impl Input {
    pub fn read(params: &Params, context: Option<&Context>) -> Result<Self, RestError> {
        let action = params.required_text("action")?;
        let protocol = params.required_text("protocol")?;
        let repository = named(params)?;
        let changes = match (Action::parse(&action), params.text("changes")?) {
            (Action::Push, Some(text)) => Changes::parse(&text),
            // Nothing else changes anything.
            _ => Changes::Any,
        };
        if let Changes::List(list) = &changes
            && !list.iter().all(domain::git::changes::Change::is_well_formed)
        {
            return Err(RestError::invalid("changes"));
        }
        check_client_context(params)?;
        let check_ip = params.text("check_ip")?.filter(|ip| !ip.trim().is_empty());
        let env = params.text("env")?.unwrap_or_default();
        let quarantine = Quarantine::parse(&env).map_err(|_| RestError::invalid("env"))?;
        let relative_path = params.text("relative_path")?;
        Ok(Self {
            request: Request {
                action: Action::parse(&action),
                protocol: Protocol::parse(&protocol).ok_or_else(|| RestError::invalid("protocol"))?,
                changes,
                check_ip: check_ip
                    .map(|ip| ip.trim().parse().map_err(|_| RestError::invalid("check_ip")))
                    .transpose()?,
                namespace_path: params.text("namespace_path")?.filter(|path| !path.is_empty()),
            },
            action,
            actor: actor::from_params(params)?,
            repository,
            quarantine: quarantine
                .in_repository(relative_path)
                .map_err(|_| RestError::invalid("relative_path"))?,
            correlation_id: context.map(|context| Rc::clone(&context.correlation_id)),
        })
    }
}

impl Input {
    /// Whether anything may be pushed, before the changes are known.
    pub fn asks_generally(&self) -> bool {
        self.request.action == Action::Push && self.request.changes == Changes::Any
    }

    /// Namespace and name of the project that a push may make: of a path that is plain, and of two parts or more.
    pub fn new_project(&self) -> Option<(String, String)> {
        let RepositoryParam::Path { path: GitPath::Project(path), text } = &self.repository else {
            return None;
        };
        let (namespace, name) = path.rsplit_once('/')?;
        let is_plain = !text.contains("//") && !namespace.is_empty() && !name.is_empty();
        is_plain.then(|| (namespace.to_owned(), name.to_owned()))
    }
}

pub(crate) fn named(params: &Params) -> Result<RepositoryParam, RestError> {
    let text = |name| params.text(name).map(|text| text.filter(|text| !text.trim().is_empty()));
    let project = text("project")?;
    if let Some(repository) = text("gl_repository")? {
        return Ok(RepositoryParam::Id { repository: repository.parse()?, project });
    }
    let text = project.ok_or_else(|| RestError::missing("project"))?;
    Ok(RepositoryParam::Path { path: GitPath::parse(&text), text })
}

/// Gitaly's hint of the client must at least be one, though nothing in it decides here.
fn check_client_context(params: &Params) -> Result<(), RestError> {
    let Some(text) = params.text("gitaly_client_context_bin")?.filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    let json =
        STANDARD.decode(text).ok().and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok());
    match json {
        Some(serde_json::Value::Object(_)) => Ok(()),
        _ => Err(RestError::BadRequest("malformed gitaly_client_context_bin".to_owned())),
    }
}
