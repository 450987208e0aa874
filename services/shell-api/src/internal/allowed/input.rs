//! The parameters of `/allowed`.
use std::rc::Rc;
use std::time::Instant;

use database::git_access::ActorId;
use domain::access::{Action, ClientAddress, Protocol, Request};
use domain::git::changes::Changes;
use domain::{GitPath, GlRepository};
use endpoint::{Context, Params, RestError};
use repository::Quarantine;

use crate::actor;
use crate::client_context::ClientContext;
use crate::error::invalid_quarantine;

#[derive(Debug)]
pub(crate) struct Input {
    pub request: Request,
    /// The action as sent by the caller.
    pub action: String,
    pub actor: ActorId,
    pub repository: RepositoryParam,
    pub quarantine: Quarantine,
    /// The parameter `gitaly_client_context_bin`, for calls to Gitaly.
    pub client_context: Option<ClientContext>,
    /// The id of this request in the logs of all services.
    pub correlation_id: Option<Rc<str>>,
    /// When this request times out.
    pub deadline: Option<Instant>,
}

/// The repository as the caller names it. Gitaly sends both forms; then `project` is a path on its disk and
/// is ignored.
#[derive(Debug)]
pub(crate) enum RepositoryParam {
    Id { repository: GlRepository, project: Option<String> },
    Path { path: GitPath, text: String },
}

impl RepositoryParam {
    /// A common spelling for all names of the same repository, in the form that GitLab Shell usually sends:
    /// `grp/p.git`.
    pub fn normalized(&self) -> String {
        match self {
            Self::Id { repository, .. } => repository.to_string(),
            Self::Path { text, .. } => {
                let path = domain::text::fold(text.trim_start_matches('/'));
                format!("{}.git", path.trim_end_matches(".git"))
            }
        }
    }
}

impl Input {
    pub fn read(params: &Params, context: Option<&Context>) -> Result<Self, RestError> {
        let action = params.required_text("action")?;
        let protocol = params.required_text("protocol")?;
        let repository = named(params)?;
        let changes = match (Action::parse(&action), params.text("changes")?) {
            (Action::Push, Some(text)) => Changes::parse(text),
            // No other action has changes.
            _ => Changes::Any,
        };
        if let Changes::List(list) = &changes
            && !list.iter().all(|change| change.is_well_formed())
        {
            return Err(RestError::invalid("changes"));
        }
        // Decides nothing here, but must not get lost in a wrong shape.
        params.check_list("push_options")?;
        let client_context = ClientContext::from_params(params)?;
        let check_ip = params.text("check_ip")?;
        let env = params.text("env")?.unwrap_or_default();
        let quarantine = Quarantine::parse(&env, params.text("relative_path")?);
        Ok(Self {
            request: Request {
                action: Action::parse(&action),
                protocol: Protocol::parse(&protocol).ok_or_else(|| RestError::invalid("protocol"))?,
                changes,
                check_ip: check_ip.as_deref().map(ClientAddress::from_text),
                namespace_path: params.text("namespace_path")?.filter(|path| !path.is_empty()),
            },
            action,
            actor: actor::from_params(params)?,
            repository,
            quarantine: quarantine.map_err(invalid_quarantine)?,
            client_context,
            correlation_id: context.map(|context| Rc::clone(&context.correlation_id)),
            deadline: context.map(|context| context.deadline.get().into_std()),
        })
    }
}

impl Input {
    /// Whether this is the general check of a push, before the changes are known.
    pub fn asks_generally(&self) -> bool {
        self.request.action == Action::Push && self.request.changes == Changes::Any
    }

    /// The repository as the caller names it, if by its id.
    pub fn gl_repository(&self) -> Option<String> {
        match &self.repository {
            RepositoryParam::Id { repository, .. } => Some(repository.to_string()),
            RepositoryParam::Path { .. } => None,
        }
    }

    /// Namespace and name of the project that a push may create. The path must be plain and have at least
    /// two segments.
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
