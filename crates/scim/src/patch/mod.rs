//! Operations on a user (RFC 7644 §3.5.2), in the dialects of the providers: names and operations in any case, texts for
//! truth values, arrays of one, values without a path whose members are paths.
mod apply;
mod emails;
mod path;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::json::{self, Object};
use crate::user::User;
use crate::{Draft, Error, Mode, Result, USER};

pub use path::{Path, Target};

/// What one operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Add,
    Replace,
    Remove,
}

/// One operation, on one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub action: Action,
    pub target: Target,
    /// `null` where nothing is given.
    pub value: Value,
}

/// The operations of a request, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch(Vec<Operation>);

impl Patch {
    /// Reads a body.
    pub fn read(body: &Object) -> Result<Self> {
        let invalid = || Error::invalid_syntax("Operations is not a list of operations");
        let operations = body.get("Operations").map(json::unquoted).ok_or_else(invalid)?;
        let operations = operations.as_array().filter(|list| !list.is_empty()).ok_or_else(invalid)?;
        let mut patch = Vec::with_capacity(operations.len());
        for operation in operations {
            read_operation(&Object::of(operation).ok_or_else(invalid)?, &mut patch)?;
        }
        Ok(Self(patch))
    }

    /// The user after all of the operations, or the first error.
    pub fn apply(&self, user: &User, mode: Mode) -> Result<User> {
        let mut changed = user.clone();
        self.0.iter().try_for_each(|operation| apply::apply(&mut changed, operation, mode))?;
        Ok(within_mode(user, changed, mode))
    }
}

fn read_operation(operation: &Object, all: &mut Vec<Operation>) -> Result<()> {
    let name = operation.get("op").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let action = match name.as_str() {
        "add" => Action::Add,
        // As the page's example says it.
        "replace" | "update" => Action::Replace,
        "remove" => Action::Remove,
        _ => return Err(Error::invalid_syntax("op is none of add, replace and remove")),
    };
    let path = match operation.get("path") {
        None => None,
        Some(Value::String(path)) if path.trim().is_empty() || path.eq_ignore_ascii_case(USER) => None,
        Some(Value::String(path)) => Some(path.as_str()),
        Some(_) => return Err(Error::invalid_path("path is not a string")),
    };
    // Here `null` says something.
    let value =
        operation.members().find(|(key, _)| key.eq_ignore_ascii_case("value")).map(|(_, value)| value);
    match (path, action, value) {
        (Some(path), _, Some(value)) => {
            all.push(Operation { action, target: Target::parse(path)?, value: value.clone() });
        }
        (Some(path), Action::Remove, None) => {
            all.push(Operation { action, target: Target::parse(path)?, value: Value::Null });
        }
        (None, Action::Remove, _) => return Err(Error::no_target("remove needs a path")),
        (_, _, None) => return Err(Error::invalid_syntax("the operation needs a value")),
        (None, _, Some(value)) => {
            read_members(action, &json::unquoted(value), all)?;
        }
    }
    Ok(())
}

/// A value whose members are paths. A schema's name may stand around them.
fn read_members(action: Action, value: &Value, all: &mut Vec<Operation>) -> Result<()> {
    let invalid = || Error::invalid_value("without a path the value is an object");
    for (path, value) in value.as_object().ok_or_else(invalid)? {
        if path.eq_ignore_ascii_case(USER) {
            read_members(action, value, all)?;
        } else if !["id", "schemas", "meta"].contains(&path.to_ascii_lowercase().as_str()) {
            // Those three are what clients merely send back.
            all.push(Operation { action, target: Target::parse(path)?, value: value.clone() });
        }
    }
    Ok(())
}

impl Draft {
    /// The user after a PUT of this: what is not said is unassigned, but for what a provider cannot have meant to take away.
    pub fn replace(self, user: &User, mode: Mode) -> Result<User> {
        let user_name = self.required_user_name()?.to_owned();
        let mut changed = user.clone();
        if let Some(external_id) = self.external_id {
            apply::set_external_id(&mut changed, external_id, mode);
        }
        changed.active = self.active.unwrap_or(user.active);
        changed.sent.user_name = Some(user_name);
        let unassigned = |text: Option<String>| Some(text.unwrap_or_default());
        changed.sent.formatted = unassigned(self.formatted);
        changed.sent.family_name = unassigned(self.family_name);
        changed.sent.given_name = unassigned(self.given_name);
        changed.sent.display_name = unassigned(self.display_name);
        if let Some(emails) = self.emails.filter(|emails| !emails.is_empty()) {
            changed.sent.emails = emails;
        }
        Ok(within_mode(user, changed, mode))
    }
}

/// What the mode lets a provider change; the account follows the name and the address that count.
fn within_mode(before: &User, mut after: User, mode: Mode) -> User {
    if mode == Mode::GitLab {
        after.sent = before.sent.clone();
        return after;
    }
    let names = |user: &User| {
        let sent = &user.sent;
        (sent.formatted.clone(), sent.family_name.clone(), sent.given_name.clone())
    };
    if names(before) != names(&after)
        && let Some(name) = after.sent.account_name()
    {
        after.account.name = name;
    }
    if before.emails() != after.emails()
        && let Some(email) = crate::user::chosen(&after.emails())
    {
        after.account.email.clone_from(&email.value);
    }
    after
}
