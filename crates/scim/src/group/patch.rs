//! PATCH operations on a group (RFC 7644 §3.5.2). Only the members can change.
use serde_json::Value;

use super::draft::members_of;
use super::{Group, Member};
use crate::attribute::{Attribute, EmailPart, TextAttribute as T};
use crate::condition::EmailCondition;
use crate::filter::{Filter, Operator, Test};
use crate::json::{self, Object};
use crate::patch::{Action, Ignored, Path, names_unknown_part, read_operations};
use crate::{Error, GROUP, Result};

/// The operations of a request, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPatch {
    changes: Vec<MemberChange>,
    ignored: Ignored,
}

/// One change of the members.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberChange {
    /// Adds users, by id.
    Add(Vec<String>),
    /// Replaces all members with these users.
    Replace(Vec<String>),
    /// Removes users, by id.
    Remove(Vec<String>),
    /// Removes the members that a filter matches.
    RemoveMatching(MemberFilter),
}

/// A filter on members.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberFilter(EmailCondition);

impl MemberFilter {
    /// Whether a member meets the filter.
    pub fn matches(&self, member: &Member) -> bool {
        self.0.holds(&member.as_element())
    }
}

impl GroupPatch {
    /// Parses a request body.
    pub fn read(body: &Object) -> Result<Self> {
        let mut patch = Self { changes: Vec::new(), ignored: Ignored::default() };
        read_operations(body, GROUP, |action, path, value| match path {
            Some(path) => patch.read_path(action, path, value),
            None => patch.read_members(action, value),
        })?;
        Ok(patch)
    }

    /// The changes, in order.
    pub fn changes(&self) -> &[MemberChange] {
        &self.changes
    }

    /// The names of unknown attributes in the request: at most ten, truncated to 64 characters.
    pub fn ignored(&self) -> &[String] {
        self.ignored.names()
    }

    /// Reads an object whose keys are paths.
    fn read_members(&mut self, action: Action, value: Option<&Value>) -> Result<()> {
        if action == Action::Remove {
            return Err(Error::no_target("remove needs a path"));
        }
        let value = value.ok_or_else(|| Error::invalid_syntax("the operation needs a value"))?;
        let value = json::unquoted(value);
        let invalid = || Error::invalid_value("without a path the value is an object");
        for (path, value) in value.as_object().ok_or_else(invalid)? {
            if path.eq_ignore_ascii_case(GROUP) {
                self.read_members(action, Some(value))?;
            } else if !["id", "schemas", "meta"].iter().any(|echoed| path.eq_ignore_ascii_case(echoed)) {
                // An invalid path is ignored, so that the other keys still take effect.
                match Path::parse(path) {
                    Ok(_) => self.read_path(action, path, Some(value))?,
                    Err(_) => self.ignored.add(path),
                }
            }
        }
        Ok(())
    }

    fn read_path(&mut self, action: Action, text: &str, value: Option<&Value>) -> Result<()> {
        let path = Path::parse(text)?;
        let attribute = Attribute::resolve_group(&path.attribute);
        match (attribute, path.elements) {
            (None, _) => self.ignored.add(text),
            (Some(Attribute::Emails), Some((filter, _))) if names_unknown_part(&filter) => {
                self.ignored.add(text);
            }
            (Some(Attribute::Emails), Some((filter, None))) => {
                let condition = EmailCondition::from_filter(&filter)
                    .map_err(|error| Error::invalid_path(format!("the path is not valid: {error}")))?;
                self.changes.push(match action {
                    Action::Remove => MemberChange::RemoveMatching(MemberFilter(condition)),
                    Action::Add | Action::Replace => MemberChange::Add(vec![required_value(&filter)?]),
                });
            }
            // The server sets the sub-attributes of members.
            (Some(Attribute::Emails), Some((_, Some(_)))) => self.ignored.add(text),
            (Some(_), Some(_)) => {
                return Err(Error::invalid_path(format!("{text} has a single value and takes no filter")));
            }
            (Some(Attribute::Emails | Attribute::Email(EmailPart::Value)), None) => {
                self.changes.push(members_change(action, value)?);
            }
            (Some(Attribute::Text(T::DisplayName | T::ExternalId)), None) => {
                if action == Action::Remove {
                    return Err(Error::mutability(format!("{text} cannot be removed")));
                }
                // Accepted without effect: the name belongs to the server.
            }
            (Some(Attribute::Email(_)), None) => self.ignored.add(text),
            (Some(_), None) => return Err(Error::mutability(format!("{text} cannot be changed"))),
        }
        Ok(())
    }
}

fn members_change(action: Action, value: Option<&Value>) -> Result<MemberChange> {
    let value = match (action, value) {
        // `null` counts as no value.
        (Action::Remove, None | Some(Value::Null)) => return Ok(MemberChange::Replace(Vec::new())),
        (_, Some(value)) => value,
        (_, None) => return Err(Error::invalid_syntax("the operation needs a value")),
    };
    let members = members_of(value)?;
    Ok(match action {
        Action::Add => MemberChange::Add(members),
        Action::Replace => MemberChange::Replace(members),
        Action::Remove => MemberChange::Remove(members),
    })
}

/// Returns the id in `members[value eq "id"]`. Any other filter does not identify a user to add.
fn required_value(filter: &Filter) -> Result<String> {
    match filter {
        Filter::Attribute(path, Test::Compare(Operator::Eq, operand))
            if path.name.eq_ignore_ascii_case("value") =>
        {
            Ok(operand.text().to_owned())
        }
        _ => Err(Error::no_target("no member matches the filter")),
    }
}

impl Group {
    /// Returns the members that match a filter.
    pub fn matching<'a>(&'a self, filter: &'a MemberFilter) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(|member| filter.matches(member))
    }
}
