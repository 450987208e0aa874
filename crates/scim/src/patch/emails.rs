//! Operations on `emails`.
use serde_json::Value;

use super::Action;
use super::path::Elements;
use crate::attribute::EmailPart;
use crate::json::{self, Object, unwrap_single};
use crate::user::{Email, User, check_email, chosen_index, emails_of, short};
use crate::{Error, Result};

/// Replaces the whole list, or adds elements to it.
pub(super) fn set(user: &mut User, action: Action, value: &Value) -> Result<()> {
    let given = emails_of(value)?;
    if given.is_empty() {
        return Err(Error::invalid_value("emails must have a value"));
    }
    let mut emails = if action == Action::Add { user.emails() } else { Vec::new() };
    for email in given {
        add(&mut emails, email);
    }
    keep(user, emails)
}

/// Adds an address unless it is present. A new primary address replaces the old one.
fn add(emails: &mut Vec<Email>, email: Email) {
    if emails.contains(&email) {
        return;
    }
    emails.push(email);
    let last = emails.len() - 1;
    if emails[last].primary == Some(true) {
        clear_other_primaries(emails, last);
    }
}

fn clear_other_primaries(emails: &mut [Email], at: usize) {
    for (i, email) in emails.iter_mut().enumerate() {
        if i != at && email.primary == Some(true) {
            email.primary = Some(false);
        }
    }
}

fn keep(user: &mut User, emails: Vec<Email>) -> Result<()> {
    const MAX: usize = 100;
    if emails.len() > MAX {
        return Err(Error::invalid_value(format!("there are more than {MAX} emails")));
    }
    user.sent.emails = emails;
    Ok(())
}

/// Sets a sub-attribute of the preferred address.
pub(super) fn set_part(user: &mut User, part: EmailPart, value: &Value) -> Result<()> {
    let mut emails = user.emails();
    if let Some(at) = chosen_index(&emails) {
        put(&mut emails, at, part, value)?;
    }
    keep(user, emails)
}

fn put(emails: &mut [Email], at: usize, part: EmailPart, value: &Value) -> Result<()> {
    let text = |name: &str| json::text(name, value).and_then(|text| short(name, text));
    match part {
        EmailPart::Value => {
            let address = text("emails.value")?;
            check_email(&address)?;
            emails[at].value = address;
        }
        EmailPart::Type => emails[at].kind = Some(text("emails.type")?),
        EmailPart::Display => emails[at].display = Some(text("emails.display")?),
        EmailPart::Primary => {
            emails[at].primary = Some(json::bool("emails.primary", value)?);
            if emails[at].primary == Some(true) {
                clear_other_primaries(emails, at);
            }
        }
    }
    Ok(())
}

/// Sets the matching elements. If there are none, creates one that matches.
pub(super) fn set_elements(
    user: &mut User,
    action: Action,
    elements: &Elements,
    value: &Value,
) -> Result<()> {
    let mut emails = user.emails();
    let mut fitting: Vec<usize> =
        (0..emails.len()).filter(|at| elements.condition.holds(&emails[*at])).collect();
    if fitting.is_empty() {
        // Setting a sub-attribute may create an element. The RFC does not allow replacing a whole element
        // that does not exist.
        let may_make = elements.part.is_some() || action == Action::Add;
        let template = elements.template.clone().filter(|_| may_make);
        emails.push(template.ok_or_else(|| Error::no_target("no address fits the filter"))?);
        fitting.push(emails.len() - 1);
    }
    for at in fitting {
        match elements.part {
            Some(part) => put(&mut emails, at, part, value)?,
            None => merge(&mut emails, at, value)?,
        }
        if emails[at].value.is_empty() {
            return Err(Error::invalid_value("an address needs a value"));
        }
    }
    keep(user, emails)
}

/// Merges the given sub-attributes into one element; others keep their values.
fn merge(emails: &mut [Email], at: usize, value: &Value) -> Result<()> {
    let value = match value {
        Value::Array(values) if values.len() == 1 => &values[0],
        value => value,
    };
    let Some(parts) = Object::from_value(value) else {
        return put(emails, at, EmailPart::Value, unwrap_single(value));
    };
    for (name, part) in [
        ("value", EmailPart::Value),
        ("type", EmailPart::Type),
        ("display", EmailPart::Display),
        ("primary", EmailPart::Primary),
    ] {
        if let Some(value) = parts.get(name) {
            put(emails, at, part, value)?;
        }
    }
    Ok(())
}

/// Removes sub-attributes or whole elements. An element without a value is removed. Fails if no element is
/// left.
pub(super) fn remove(user: &mut User, elements: &Elements) -> Result<()> {
    let mut emails = user.emails();
    for email in emails.iter_mut().filter(|email| elements.condition.holds(email)) {
        match elements.part {
            None | Some(EmailPart::Value) => email.value.clear(),
            Some(EmailPart::Type) => email.kind = None,
            Some(EmailPart::Display) => email.display = None,
            Some(EmailPart::Primary) => email.primary = None,
        }
    }
    emails.retain(|email| !email.value.is_empty());
    if emails.is_empty() {
        return Err(Error::mutability("the last of the emails cannot be removed"));
    }
    if emails == user.emails() { Ok(()) } else { keep(user, emails) }
}
