//! The parameter `gitaly_client_context_bin`: the client's context of a push, as sent by Gitaly.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use endpoint::{Params, RestError};
use serde_json::{Map, Value};

/// The context of a push, passed on to the job after it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClientContext(Map<String, Value>);

impl ClientContext {
    /// Decodes the parameter: base64 of a JSON object. `None` if it is absent or empty.
    pub fn from_params(params: &Params) -> Result<Option<Self>, RestError> {
        let Some(text) = params.text("gitaly_client_context_bin")?.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let json = STANDARD.decode(text).ok().and_then(|json| serde_json::from_slice(&json).ok());
        match json {
            Some(Value::Object(context)) => Ok(Some(Self(context))),
            _ => Err(RestError::BadRequest("malformed gitaly_client_context_bin".to_owned())),
        }
    }

    pub fn as_json(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The user on whose behalf a service account pushes (a composite identity).
    pub fn scoped_user_id(&self) -> Option<i64> {
        match self.0.get("scoped-user-id")? {
            Value::String(text) => text.parse().ok(),
            value => value.as_i64(),
        }
    }
}
