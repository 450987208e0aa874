//! The body of a POST or PUT of a group.
use serde_json::Value;

use crate::json::{self, Object};
use crate::user::{external_id, short};
use crate::{Error, Result};

/// The contents of the body. Missing attributes are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDraft {
    /// The name, which is required.
    pub display_name: String,
    /// The identifier of the client.
    pub external_id: Option<String>,
    /// The ids of the members.
    pub members: Option<Vec<String>>,
}

impl GroupDraft {
    /// Parses the body of a creation.
    pub fn read(body: &Object) -> Result<Self> {
        let external_id = body.get("externalId").map(external_id).transpose()?;
        let draft = Self::read_replacement(body)?;
        Ok(Self { external_id, display_name: json::storable("displayName", &draft.display_name)?, ..draft })
    }

    /// Parses the body of a replacement. Ignores the external id and the content of the name, which cannot
    /// change.
    pub fn read_replacement(body: &Object) -> Result<Self> {
        let missing = || Error::invalid_value("displayName is missing or not a string");
        let display_name = body.get("displayName").and_then(Value::as_str).ok_or_else(missing)?;
        if display_name.trim().is_empty() {
            return Err(missing());
        }
        Ok(Self {
            display_name: short("displayName", display_name.to_owned())?,
            external_id: None,
            members: body.get("members").map(members_of).transpose()?,
        })
    }
}

/// Extracts the ids from a value: an array of members, one member, or one id. Members without an id are
/// skipped.
pub(super) fn members_of(value: &Value) -> Result<Vec<String>> {
    let value = json::unquoted(value);
    match &value {
        Value::Null => Ok(Vec::new()),
        Value::Array(members) => members.iter().filter_map(|member| member_id(member).transpose()).collect(),
        member => Ok(member_id(member)?.into_iter().collect()),
    }
}

fn member_id(member: &Value) -> Result<Option<String>> {
    match member {
        Value::Object(_) => {
            let member = Object::from_value(member).unwrap_or_default();
            member.get("value").map(|value| json::text("members.value", value)).transpose()
        }
        Value::Null => Ok(None),
        id => json::text("members", id).map(Some),
    }
}
