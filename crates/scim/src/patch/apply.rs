//! Applies one operation to a user.
use serde_json::Value;

use super::{Action, Operation, Target, emails};
use crate::attribute::TextAttribute as T;
use crate::json::{self, Object, unwrap_single};
use crate::user::{User, short, user_external_id};
use crate::{Error, Result};

pub(super) fn apply(user: &mut User, operation: &Operation) -> Result<()> {
    let Operation { action, target, value } = operation;
    // Adding `null`, or replacing with it, removes the value.
    let removes = *action == Action::Remove || value.is_null();
    match target {
        Target::Unassigned | Target::Unknown => Ok(()),
        Target::ReadOnly => Err(Error::mutability("meta and schemas are the server's own")),
        Target::Active if removes => Err(required("active", *action)),
        Target::Active => {
            user.active = json::bool("active", value)?;
            Ok(())
        }
        Target::Text(attribute) if removes => remove_text(user, *attribute, *action),
        Target::Text(attribute) => set_text(user, *attribute, value),
        Target::Name if removes => [T::Formatted, T::FamilyName, T::GivenName]
            .iter()
            .try_for_each(|part| remove_text(user, *part, *action)),
        Target::Name => set_name(user, value),
        Target::Emails | Target::EmailPart(_) if removes => Err(required("emails", *action)),
        Target::Emails => emails::set(user, *action, value),
        Target::EmailPart(part) => emails::set_part(user, *part, value),
        Target::Elements(elements) if removes => emails::remove(user, elements),
        Target::Elements(elements) => emails::set_elements(user, *action, elements, value),
    }
}

fn required(name: &str, action: Action) -> Error {
    match action {
        Action::Remove => Error::mutability(format!("{name} cannot be removed")),
        _ => Error::invalid_value(format!("{name} must have a value")),
    }
}

fn remove_text(user: &mut User, attribute: T, action: Action) -> Result<()> {
    let sent = &mut user.sent;
    let text = match attribute {
        T::Id => return Err(required("id", action)),
        T::ExternalId => return Err(required("externalId", action)),
        T::UserName => return Err(required("userName", action)),
        T::Formatted => &mut sent.formatted,
        T::FamilyName => &mut sent.family_name,
        T::GivenName => &mut sent.given_name,
        T::DisplayName => &mut sent.display_name,
    };
    *text = Some(String::new());
    Ok(())
}

fn set_text(user: &mut User, attribute: T, value: &Value) -> Result<()> {
    let sent = &mut user.sent;
    let text = |name: &str| json::text(name, value).and_then(|text| short(name, text));
    match attribute {
        T::Id => {
            user.external_id = user_external_id(unwrap_single(value))?;
            user.id.clone_from(&user.external_id);
        }
        T::ExternalId => user.external_id = user_external_id(unwrap_single(value))?,
        T::UserName => {
            let name = text("userName")?;
            if name.trim().is_empty() {
                return Err(required("userName", Action::Replace));
            }
            sent.user_name = Some(name);
        }
        T::Formatted => sent.formatted = Some(text("name.formatted")?),
        T::FamilyName => sent.family_name = Some(text("name.familyName")?),
        T::GivenName => sent.given_name = Some(text("name.givenName")?),
        T::DisplayName => sent.display_name = Some(text("displayName")?),
    }
    Ok(())
}

/// Sub-attributes that are not given keep their values.
fn set_name(user: &mut User, value: &Value) -> Result<()> {
    let invalid = || Error::invalid_value("name is not an object");
    let name = Object::from_value(&json::unquoted(value)).ok_or_else(invalid)?;
    let parts = [("formatted", T::Formatted), ("familyName", T::FamilyName), ("givenName", T::GivenName)];
    for (key, attribute) in parts {
        if let Some(value) = name.get(key) {
            set_text(user, attribute, value)?;
        }
    }
    Ok(())
}
