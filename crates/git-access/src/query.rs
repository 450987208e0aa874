//! The parameters of an access check.
use std::rc::Rc;
use std::time::Instant;

use database::git_access::ActorId;
use domain::access::{Action, Request};
use domain::git::changes::Changes;
use domain::{GitPath, GlRepository};
use repository::Quarantine;

/// The parameters of an access check.
#[derive(Debug)]
pub struct Query {
    pub request: Request,
    pub actor: ActorId,
    pub repository: RepositoryParam,
    pub quarantine: Quarantine,
    /// The client's context as JSON, for calls to Gitaly.
    pub client_context: Option<Vec<u8>>,
    /// The id of this request in the logs of all services.
    pub correlation_id: Option<Rc<str>>,
    /// When this request times out.
    pub deadline: Option<Instant>,
}

/// Parses `user-1`, `key-11`, `username-root` or `deploy-token-1`. Anything else is anonymous.
pub fn actor_from_identifier(identifier: &str) -> ActorId {
    let is_number = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let id = |digits: &str| Some(digits).filter(is_number)?.parse().ok();
    if let Some(digits) = identifier.strip_prefix("deploy-token-") {
        return id(digits).map_or(ActorId::Anonymous, ActorId::DeployToken);
    }
    match identifier.split_once('-') {
        Some(("user", digits)) => id(digits).map_or(ActorId::Anonymous, ActorId::User),
        Some(("key", digits)) => id(digits).map_or(ActorId::Anonymous, ActorId::Key),
        Some(("username", name)) => ActorId::Username(name.to_owned()),
        _ => ActorId::Anonymous,
    }
}

/// The actor with a username or an e-mail address.
pub fn actor_from_name(name: String) -> ActorId {
    if name.contains('@') { ActorId::Email(name) } else { ActorId::Username(name) }
}

/// The repository as the caller names it. Gitaly sends both forms; then `project` is a path on its disk and
/// is ignored.
#[derive(Debug)]
pub enum RepositoryParam {
    Id { repository: GlRepository, project: Option<String> },
    Path { path: GitPath, text: String },
}

impl RepositoryParam {
    /// The repository at a path, as a client of git names it.
    pub fn from_path(text: String) -> Self {
        Self::Path { path: GitPath::parse(&text), text }
    }

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

impl Query {
    /// A query that no client sent: without a quarantine, a context or a deadline.
    pub fn new(request: Request, actor: ActorId, repository: RepositoryParam) -> Self {
        Self {
            request,
            actor,
            repository,
            quarantine: Quarantine::default(),
            client_context: None,
            correlation_id: None,
            deadline: None,
        }
    }

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
