//! The resource: a user as a server keeps it.
mod draft;
mod render;
#[cfg(test)]
pub(crate) mod tests;

use chrono::{DateTime, Utc};

pub use draft::{Draft, NewUser};
pub(crate) use draft::{check_email, emails_of, external_id, short};

use crate::attribute::{EmailPart, TextAttribute};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: String,
    pub external_id: String,
    pub active: bool,
    pub account: Account,
    pub sent: Sent,
    pub created: DateTime<Utc>,
    pub last_modified: DateTime<Utc>,
    /// Counts the changes.
    pub version: i64,
}

/// What the server itself calls the person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    pub username: String,
    pub name: String,
    pub email: String,
}

/// What the client has said of the person. What it never said comes of the account; an empty text is what it took
/// away again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    pub user_name: Option<String>,
    pub formatted: Option<String>,
    pub family_name: Option<String>,
    pub given_name: Option<String>,
    pub display_name: Option<String>,
    pub emails: Vec<Email>,
}

/// An address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Email {
    pub value: String,
    pub kind: Option<String>,
    pub display: Option<String>,
    pub primary: Option<bool>,
}

impl Email {
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

/// The address that counts: at work and primary, else at work, else primary, else the first.
pub fn chosen(emails: &[Email]) -> Option<&Email> {
    chosen_index(emails).map(|at| &emails[at])
}

pub(crate) fn chosen_index(emails: &[Email]) -> Option<usize> {
    let primary = |email: &Email| email.primary == Some(true);
    let find = |wanted: &dyn Fn(&Email) -> bool| emails.iter().position(wanted);
    find(&|email| email.is_work() && primary(email))
        .or_else(|| find(&Email::is_work))
        .or_else(|| find(&primary))
        .or_else(|| find(&|_| true))
}

/// Given and family name of a whole name: the last word, and what stands before it. A single word is both.
fn split(name: &str) -> (&str, &str) {
    let name = name.trim_matches(' ');
    name.rsplit_once(' ').map_or((name, name), |(given, family)| (given.trim_end_matches(' '), family))
}

impl User {
    /// A single text, if it is assigned.
    pub fn text(&self, attribute: TextAttribute) -> Option<String> {
        let sent = &self.sent;
        let (said, account) = match attribute {
            TextAttribute::Id => return Some(self.id.clone()),
            TextAttribute::ExternalId => return Some(self.external_id.clone()),
            TextAttribute::UserName => (&sent.user_name, self.account.username.as_str()),
            TextAttribute::Formatted => (&sent.formatted, self.account.name.as_str()),
            TextAttribute::FamilyName => (&sent.family_name, split(&self.account.name).1),
            TextAttribute::GivenName => (&sent.given_name, split(&self.account.name).0),
            TextAttribute::DisplayName => (&sent.display_name, self.account.name.as_str()),
        };
        let text = said.as_deref().unwrap_or(account);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The addresses: as sent, else the one of the account.
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
