//! The body of a request that creates or replaces a user.
use serde_json::Value;

use super::{Email, SentAttributes, chosen, keep_one_primary};
use crate::json::{self, Object};
use crate::{Error, Result};

/// The maximum length of a stored string, in characters.
const MAX_TEXT: usize = 1024;
/// The maximum length of a user name or external id, in characters.
const MAX_NAME: usize = 255;
const MAX_EMAILS: usize = 100;

/// The contents of a POST or PUT body. Missing attributes are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// `externalId`.
    pub external_id: Option<String>,
    /// `userName`.
    pub user_name: Option<String>,
    /// `name.formatted`.
    pub formatted: Option<String>,
    /// `name.familyName`.
    pub family_name: Option<String>,
    /// `name.givenName`.
    pub given_name: Option<String>,
    /// `displayName`.
    pub display_name: Option<String>,
    /// `emails`.
    pub emails: Option<Vec<Email>>,
    /// `active`.
    pub active: Option<bool>,
}

/// A validated user to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// `None` if the server generates it.
    pub external_id: Option<String>,
    /// Whether the user has access.
    pub active: bool,
    /// The full name of a new account.
    pub name: String,
    /// The e-mail address of a new account, in lower case. An existing account with this address is linked.
    pub email: String,
    /// Everything that the client sent; `user_name` is always present.
    pub sent: SentAttributes,
    /// `userName`, from which the username of a new account is derived.
    pub user_name: String,
}

impl Draft {
    /// Parses a body. Reads only the attributes that are stored.
    pub fn read(body: &Object) -> Result<Self> {
        let text = |name: &str| body.get(name).map(|value| short(name, json::text(name, value)?)).transpose();
        let mut draft = Self {
            external_id: body.get("externalId").map(user_external_id).transpose()?,
            user_name: text("userName")?.filter(|name| !name.trim().is_empty()),
            formatted: text("name.formatted")?,
            family_name: text("name.familyName")?,
            given_name: text("name.givenName")?,
            display_name: text("displayName")?,
            emails: body.get("emails").map(emails_of).transpose()?,
            active: body.get("active").map(|value| json::bool("active", value)).transpose()?,
        };
        if let Some(value) = body.get("name") {
            let invalid = || Error::invalid_value("name is not an object");
            let name = Object::from_value(&json::unquoted(value)).ok_or_else(invalid)?;
            let part =
                |part: &str| name.get(part).map(|value| short(part, json::text(part, value)?)).transpose();
            draft.formatted = part("formatted")?.or(draft.formatted);
            draft.family_name = part("familyName")?.or(draft.family_name);
            draft.given_name = part("givenName")?.or(draft.given_name);
        }
        for part in
            [&mut draft.formatted, &mut draft.family_name, &mut draft.given_name, &mut draft.display_name]
        {
            part.take_if(|text| text.trim().is_empty());
        }
        Ok(draft)
    }

    /// Returns `userName`, which is required.
    pub fn required_user_name(&self) -> Result<&str> {
        self.user_name.as_deref().ok_or_else(|| Error::invalid_value("userName is missing"))
    }

    /// Whether the body has a name: the full name, the display name or a part of the name.
    pub fn has_name(&self) -> bool {
        [&self.formatted, &self.display_name, &self.given_name, &self.family_name]
            .into_iter()
            .flatten()
            .any(|name| !name.trim().is_empty())
    }

    /// Fills in the optional attributes: a `userName` that is an address is also the address, and it is the
    /// name if no name was sent.
    pub fn complete(self) -> Result<NewUser> {
        let user_name = self.required_user_name()?.to_owned();
        let emails = match self.emails {
            Some(emails) if !emails.is_empty() => emails,
            _ if check_email(&user_name).is_ok() => {
                vec![Email {
                    value: user_name.clone(),
                    kind: Some("work".to_owned()),
                    display: None,
                    primary: Some(true),
                }]
            }
            _ => return Err(Error::invalid_value("emails are missing")),
        };
        let sent = SentAttributes {
            user_name: Some(user_name.clone()),
            formatted: self.formatted,
            family_name: self.family_name,
            given_name: self.given_name,
            display_name: self.display_name,
            emails,
        };
        let email = sent.account_email().unwrap_or_default();
        let name = sent.account_name().unwrap_or_else(|| cut(&user_name));
        Ok(NewUser {
            external_id: self.external_id,
            active: self.active != Some(false),
            name,
            email,
            sent,
            user_name,
        })
    }
}

impl SentAttributes {
    /// The name for an account: the full name, else the display name, else given and family name. `None` if
    /// all are missing.
    pub fn account_name(&self) -> Option<String> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let joined = || {
            let parts: Vec<String> =
                [&self.given_name, &self.family_name].into_iter().filter_map(said).collect();
            (!parts.is_empty()).then(|| parts.join(" "))
        };
        said(&self.formatted).or_else(|| said(&self.display_name)).or_else(joined).map(|name| cut(&name))
    }

    /// The e-mail address for an account: the preferred address, in lower case.
    pub fn account_email(&self) -> Option<String> {
        chosen(&self.emails).map(|email| email.value.to_lowercase())
    }
}

fn cut(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}

/// Checks the length of a string.
pub(crate) fn short(name: &str, text: String) -> Result<String> {
    if text.chars().count() <= MAX_TEXT {
        Ok(text)
    } else {
        Err(Error::invalid_value(format!("{name} is longer than {MAX_TEXT} characters")))
    }
}

/// Parses the external id of a user. It may become the id of the resource, so it must not be a path segment
/// that leads elsewhere: clients resolve `.` and `..`, and `.search` is an endpoint.
pub(crate) fn user_external_id(value: &Value) -> Result<String> {
    let id = external_id(value)?;
    if [".", "..", ".search"].contains(&id.as_str()) {
        return Err(Error::invalid_value(format!("externalId cannot be {id}")));
    }
    Ok(id)
}

/// Parses an external id of 1 to 255 characters.
pub(crate) fn external_id(value: &Value) -> Result<String> {
    let id = json::text("externalId", value)?;
    if (1..=MAX_NAME).contains(&id.chars().count()) && !id.trim().is_empty() {
        Ok(id)
    } else {
        Err(Error::invalid_value(format!("externalId has 1 to {MAX_NAME} characters")))
    }
}

/// Parses addresses: an array, one object, or one string. Each may also be encoded as JSON in a string.
pub(crate) fn emails_of(value: &Value) -> Result<Vec<Email>> {
    let value = json::unquoted(value);
    let elements = match &value {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    if elements.len() > MAX_EMAILS {
        return Err(Error::invalid_value(format!("there are more than {MAX_EMAILS} emails")));
    }
    let mut emails: Vec<Email> =
        elements.iter().map(email_of).filter_map(Result::transpose).collect::<Result<_>>()?;
    keep_one_primary(&mut emails);
    Ok(emails)
}

/// Parses one address. Returns `None` for `null`, and for an element without a value.
fn email_of(element: &Value) -> Result<Option<Email>> {
    let text = |name: &str, value: &Value| short(name, json::text(name, value)?);
    let email = match element {
        Value::Null => return Ok(None),
        Value::String(value) => Email { value: value.clone(), ..Email::default() },
        Value::Object(_) => {
            let element = Object::from_value(element).unwrap_or_default();
            let Some(value) = element.get("value") else { return Ok(None) };
            Email {
                value: text("emails.value", value)?,
                kind: element.get("type").map(|value| text("emails.type", value)).transpose()?,
                display: element.get("display").map(|value| text("emails.display", value)).transpose()?,
                primary: element
                    .get("primary")
                    .map(|value| json::bool("emails.primary", value))
                    .transpose()?,
            }
        }
        _ => return Err(Error::invalid_value("emails are objects with a value")),
    };
    if email.value.is_empty() {
        return Ok(None);
    }
    check_email(&email.value)?;
    Ok(Some(email))
}

pub(crate) fn check_email(address: &str) -> Result<()> {
    if is_email(address) { Ok(()) } else { Err(Error::invalid_value("an e-mail address is not valid")) }
}

/// Whether a string is an e-mail address: one `@` with text on both sides, no white space, and within the length
/// limits.
pub fn is_email(address: &str) -> bool {
    address.split_once('@').is_some_and(|(local, domain)| {
        (1..=64).contains(&local.len())
            && !domain.is_empty()
            && !domain.contains('@')
            && address.len() <= 254
            && !address.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}
