//! Reads the parameters of `/allowed`.
use std::rc::Rc;

use domain::access::{Action, ClientAddress, Protocol, Request};
use domain::git::changes::Changes;
use endpoint::{Context, Params, RestError};
use git_access::{Query, RepositoryParam};
use repository::Quarantine;

use crate::actor;
use crate::client_context::ClientContext;
use crate::error::invalid_quarantine;

#[derive(Debug)]
pub(crate) struct Input {
    pub query: Query,
    /// The action as sent by the caller.
    pub action: String,
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
        let client_context = client_context.and_then(|context| serde_json::to_vec(context.as_json()).ok());
        let query = Query {
            request: Request {
                action: Action::parse(&action),
                protocol: Protocol::parse(&protocol).ok_or_else(|| RestError::invalid("protocol"))?,
                changes,
                check_ip: check_ip.as_deref().map(ClientAddress::from_text),
                namespace_path: params.text("namespace_path")?.filter(|path| !path.is_empty()),
            },
            actor: actor::from_params(params)?,
            repository,
            quarantine: quarantine.map_err(invalid_quarantine)?,
            client_context,
            correlation_id: context.map(|context| Rc::clone(&context.correlation_id)),
            deadline: context.map(|context| context.deadline.get().into_std()),
        };
        Ok(Self { query, action })
    }
}

pub(crate) fn named(params: &Params) -> Result<RepositoryParam, RestError> {
    let text = |name| params.text(name).map(|text| text.filter(|text| !text.trim().is_empty()));
    let project = text("project")?;
    if let Some(repository) = text("gl_repository")? {
        return Ok(RepositoryParam::Id { repository: repository.parse()?, project });
    }
    let text = project.ok_or_else(|| RestError::missing("project"))?;
    Ok(RepositoryParam::from_path(text))
}
