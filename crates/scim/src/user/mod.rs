//! The user resource as the server stores it.
mod draft;
mod render;
#[cfg(test)]
pub(crate) mod tests;

use chrono::{DateTime, Utc};

pub use draft::is_email;
pub use draft::{Draft, NewUser};
pub(crate) use draft::{check_email, emails_of, external_id, short, user_external_id};
pub(crate) use render::timestamp;

use crate::Mutability;
use crate::attribute::{EmailPart, TextAttribute};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The identifier of the server.
    pub id: String,
    /// The identifier of the client.
    pub external_id: String,
    /// Whether the user has access.
    pub active: bool,
    /// The account.
    pub account: Account,
    /// The attributes that the client sent.
    pub sent: SentAttributes,
    /// Time of creation.
    pub created: DateTime<Utc>,
    /// Time of the last change.
    pub last_modified: DateTime<Utc>,
    /// The number of changes.
    pub version: i64,
}

/// The account of the user. A server that must not reveal the account to a tenant uses the tenant's values
/// here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The username.
    pub username: String,
    /// The full name.
    pub name: String,
    /// The primary address.
    pub email: String,
}

/// The attributes that the client sent. `None` means never sent: the account's value applies. An empty
/// string means that the client has removed the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentAttributes {
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
    pub emails: Vec<Email>,
}

/// An e-mail address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Email {
    /// The address.
    pub value: String,
    /// `type`, such as `work`.
    pub kind: Option<String>,
    /// The display name of the address.
    pub display: Option<String>,
    /// Whether this is the preferred address.
    pub primary: Option<bool>,
}

impl Email {
    /// Returns a string sub-attribute.
    pub fn text(&self, part: EmailPart) -> Option<&str> {
        match part {
            EmailPart::Value => Some(&self.value),
            EmailPart::Type => self.kind.as_deref(),
            EmailPart::Display => self.display.as_deref(),
            EmailPart::Primary => None,
        }
    }

    fn is_work(&self) -> bool {
        self.kind.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case("work"))
    }
}

/// The preferred address: primary work address, else work address, else primary address, else the first.
pub fn chosen(emails: &[Email]) -> Option<&Email> {
    chosen_index(emails).map(|at| &emails[at])
}

/// Keeps one primary address: the first primary work address, else the first primary one.
pub(crate) fn keep_one_primary(emails: &mut [Email]) {
    let is_primary = |email: &Email| email.primary == Some(true);
    let work = emails.iter().position(|email| is_primary(email) && email.is_work());
    let Some(kept) = work.or_else(|| emails.iter().position(is_primary)) else { return };
    for (index, email) in emails.iter_mut().enumerate() {
        if index != kept && is_primary(email) {
            email.primary = Some(false);
        }
    }
}

pub(crate) fn chosen_index(emails: &[Email]) -> Option<usize> {
    let primary = |email: &Email| email.primary == Some(true);
    let find = |wanted: &dyn Fn(&Email) -> bool| emails.iter().position(wanted);
    find(&|email| email.is_work() && primary(email))
        .or_else(|| find(&Email::is_work))
        .or_else(|| find(&primary))
        .or_else(|| find(&|_| true))
}

/// Splits a full name into given and family name. The last word is the family name. A single word is both.
fn split(name: &str) -> (&str, &str) {
    let name = name.trim_matches(' ');
    name.rsplit_once(' ').map_or((name, name), |(given, family)| (given.trim_end_matches(' '), family))
}

impl User {
    /// Returns a string attribute, if it is assigned.
    pub fn text(&self, attribute: TextAttribute) -> Option<String> {
        let sent = &self.sent;
        let (said, account) = match attribute {
            TextAttribute::Id => return Some(self.id.clone()),
            TextAttribute::ExternalId => return Some(self.external_id.clone()),
            TextAttribute::UserName => (&sent.user_name, self.account.username.as_str()),
            TextAttribute::Formatted => (&sent.formatted, self.account.name.as_str()),
            TextAttribute::FamilyName => {
                return self.name_part(sent.family_name.as_deref(), |(_, family)| family);
            }
            TextAttribute::GivenName => {
                return self.name_part(sent.given_name.as_deref(), |(given, _)| given);
            }
            TextAttribute::DisplayName => (&sent.display_name, self.account.name.as_str()),
        };
        let text = said.as_deref().unwrap_or(account);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Returns a part of the name: as sent, or derived from the full name in the same response.
    fn name_part(
        &self,
        sent: Option<&str>,
        part: impl for<'a> FnOnce((&'a str, &'a str)) -> &'a str,
    ) -> Option<String> {
        let text = match sent {
            Some(text) => text.to_owned(),
            None => part(split(&self.text(TextAttribute::Formatted)?)).to_owned(),
        };
        (!text.is_empty()).then_some(text)
    }

    /// The `userName` in responses.
    pub fn shown_user_name(&self, mutability: Mutability) -> &str {
        let is_shown = |name: &&String| mutability == Mutability::ReadWrite && !name.is_empty();
        let sent = self.sent.user_name.as_ref().filter(is_shown);
        sent.unwrap_or(&self.account.username)
    }

    /// The addresses as sent, or else the account's address.
    pub fn emails(&self) -> Vec<Email> {
        if !self.sent.emails.is_empty() {
            return self.sent.emails.clone();
        }
        let (value, kind) = (self.account.email.clone(), Some("work".to_owned()));
        vec![Email { value, kind, display: None, primary: Some(true) }]
    }

    /// `W/"1"`
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }
}
