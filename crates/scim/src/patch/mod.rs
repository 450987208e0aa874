//! PATCH operations on a user (RFC 7644 §3.5.2), in the dialects of the providers: names and operations in
//! any case, strings for booleans, arrays with one element, and values without a path whose keys are paths.
mod apply;
mod emails;
mod path;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::attribute::TextAttribute as T;
use crate::json::{self, Object};
use crate::user::{SentAttributes, User};
use crate::{Draft, Error, Result, USER};

pub(crate) use path::names_unknown_part;
pub use path::{Path, Target};

/// The type of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Adds a value.
    Add,
    /// Replaces a value.
    Replace,
    /// Removes a value.
    Remove,
}

/// One operation, on one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The type of the operation.
    pub action: Action,
    /// The attribute to change.
    pub target: Target,
    /// The new value; `null` if none is given.
    pub value: Value,
}

/// The operations of a request, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    operations: Vec<Operation>,
    ignored: Ignored,
}

/// The result of a request: the changed user and its effects on the account.
///
/// The account's name and e-mail address are derived from [`User::sent`] if the request sets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The user after the request, with its account unchanged.
    pub user: User,
    /// Whether the request explicitly activates the user.
    pub activates: bool,
    /// Whether the request sets the name or a part of it.
    pub sets_name: bool,
    /// Whether the request sets the addresses.
    pub sets_email: bool,
}

/// The names of unknown attributes, for the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ignored(Vec<String>);

impl Ignored {
    const MAX_NAMES: usize = 10;
    const MAX_CHARACTERS: usize = 64;

    /// Adds a path without its filter, its quoted parts, whose values may be personal data, and control
    /// characters.
    pub(crate) fn add(&mut self, path: &str) {
        let name = path.split(['[', '"', '\'']).next().unwrap_or_default();
        let characters = name.trim_end().chars().filter(|c| !c.is_control());
        let name: String = characters.take(Self::MAX_CHARACTERS).collect();
        if self.0.len() < Self::MAX_NAMES && !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

/// Reads the operations of a body. Passes on the action, the path (unless it is the schema itself), and the
/// value of each.
pub(crate) fn read_operations(
    body: &Object,
    schema: &str,
    mut read: impl FnMut(Action, Option<&str>, Option<&Value>) -> Result<()>,
) -> Result<()> {
    let invalid = || Error::invalid_syntax("Operations is not a list of operations");
    let operations = body.get("Operations").map(json::unquoted).ok_or_else(invalid)?;
    let operations = operations.as_array().filter(|list| !list.is_empty()).ok_or_else(invalid)?;
    for operation in operations {
        let operation = Object::from_value(operation).ok_or_else(invalid)?;
        let action = action(operation.get("op").and_then(Value::as_str).unwrap_or_default())?;
        let path = match operation.get("path") {
            None => None,
            Some(Value::String(path)) if path.trim().is_empty() || path.eq_ignore_ascii_case(schema) => None,
            Some(Value::String(path)) => Some(path.as_str()),
            Some(_) => return Err(Error::invalid_path("path is not a string")),
        };
        // `null` is kept, because it differs from a missing value.
        let value =
            operation.members().find(|(key, _)| key.eq_ignore_ascii_case("value")).map(|(_, value)| value);
        read(action, path, value)?;
    }
    Ok(())
}

impl Patch {
    /// Parses a request body.
    pub fn read(body: &Object) -> Result<Self> {
        let mut patch = Self { operations: Vec::new(), ignored: Ignored::default() };
        read_operations(body, USER, |action, path, value| match path {
            Some(path) => patch.read_path(action, path, value),
            None => patch.read_without_path(action, value),
        })?;
        Ok(patch)
    }

    /// The names of unknown attributes in the request: at most ten, without filters, truncated to 64
    /// characters.
    pub fn ignored(&self) -> &[String] {
        self.ignored.names()
    }

    /// Applies all operations to a user, or returns the first error.
    pub fn apply(&self, user: &User) -> Result<Change> {
        let mut change = Change { user: user.clone(), activates: false, sets_name: false, sets_email: false };
        for operation in &self.operations {
            apply::apply(&mut change.user, operation)?;
            match operation.target {
                Target::Active => change.activates = change.user.active,
                Target::Name => change.sets_name = true,
                Target::Text(T::Formatted | T::FamilyName | T::GivenName | T::DisplayName) => {
                    change.sets_name = true;
                }
                Target::Emails | Target::EmailPart(_) | Target::Elements(_) => change.sets_email = true,
                _ => {}
            }
        }
        Ok(change)
    }

    fn read_path(&mut self, action: Action, path: &str, value: Option<&Value>) -> Result<()> {
        let target = Target::parse(path)?;
        if target == Target::Unknown {
            self.ignored.add(path);
            return Ok(());
        }
        let needs_value = action != Action::Remove && target != Target::Unassigned;
        if needs_value && value.is_none() {
            return Err(Error::invalid_syntax("the operation needs a value"));
        }
        self.operations.push(Operation { action, target, value: value.cloned().unwrap_or(Value::Null) });
        Ok(())
    }

    fn read_without_path(&mut self, action: Action, value: Option<&Value>) -> Result<()> {
        if action == Action::Remove {
            return Err(Error::no_target("remove needs a path"));
        }
        let value = value.ok_or_else(|| Error::invalid_syntax("the operation needs a value"))?;
        self.read_members(action, &json::unquoted(value))
    }

    /// Reads an object whose keys are paths. It may be nested under the URN of the schema.
    fn read_members(&mut self, action: Action, value: &Value) -> Result<()> {
        // Clients only echo these attributes.
        const ECHOED: [&str; 3] = ["id", "schemas", "meta"];
        let invalid = || Error::invalid_value("without a path the value is an object");
        for (path, value) in value.as_object().ok_or_else(invalid)? {
            if path.eq_ignore_ascii_case(USER) {
                self.read_members(action, value)?;
                continue;
            }
            if ECHOED.iter().any(|echoed| path.eq_ignore_ascii_case(echoed)) {
                continue;
            }
            match Target::parse(path) {
                Ok(Target::Unknown) | Err(_) => self.ignored.add(path),
                Ok(target) => self.operations.push(Operation { action, target, value: value.clone() }),
            }
        }
        Ok(())
    }
}

fn action(name: &str) -> Result<Action> {
    match name.to_ascii_lowercase().as_str() {
        "add" => Ok(Action::Add),
        // An example in GitLab's documentation uses `Update`.
        "replace" | "update" => Ok(Action::Replace),
        "remove" => Ok(Action::Remove),
        _ => Err(Error::invalid_syntax("op is none of add, replace and remove")),
    }
}

impl Draft {
    /// Applies a PUT of this body to a user.
    ///
    /// Parts of the name that the body leaves out become unassigned. `active`, `externalId` and `emails`
    /// keep their values.
    pub fn replace(self, user: &User) -> Result<Change> {
        let user_name = self.required_user_name()?.to_owned();
        let mut changed = user.clone();
        if let Some(external_id) = self.external_id {
            changed.external_id = external_id;
        }
        changed.active = self.active.unwrap_or(user.active);
        let sent = SentAttributes {
            user_name: Some(user_name),
            formatted: self.formatted,
            family_name: self.family_name,
            given_name: self.given_name,
            display_name: self.display_name,
            emails: self.emails.unwrap_or_default(),
        };
        let sets_email = changed.sent.replace_with(sent);
        Ok(Change { user: changed, activates: self.active == Some(true), sets_name: true, sets_email })
    }
}

impl SentAttributes {
    /// Replaces the client's values with those of a complete body, as a PUT does. Returns whether the body
    /// has addresses.
    pub fn replace_with(&mut self, body: Self) -> bool {
        let unassigned = |text: Option<String>| Some(text.unwrap_or_default());
        self.user_name = body.user_name;
        self.formatted = unassigned(body.formatted);
        self.family_name = unassigned(body.family_name);
        self.given_name = unassigned(body.given_name);
        self.display_name = unassigned(body.display_name);
        let has_emails = !body.emails.is_empty();
        if has_emails {
            self.emails = body.emails;
        }
        has_emails
    }
}
