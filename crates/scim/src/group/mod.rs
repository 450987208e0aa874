//! The group resource as the server stores it (RFC 7643 §4.2).
mod draft;
mod patch;
mod render;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

pub use draft::GroupDraft;
pub use patch::{GroupPatch, MemberChange};

use crate::attribute::{Attribute, TextAttribute};
use crate::user::Email;

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The identifier of the server.
    pub id: String,
    /// The identifier of the client, if it sent one.
    pub external_id: Option<String>,
    /// The name.
    pub display_name: String,
    /// The members, in the server's order.
    pub members: Vec<Member>,
    /// Time of creation.
    pub created: DateTime<Utc>,
    /// Time of the last change.
    pub last_modified: DateTime<Utc>,
    /// The number of changes.
    pub version: i64,
}

/// A member of a group, always a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id of the user.
    pub value: String,
    /// The full name of the user.
    pub display: Option<String>,
}

impl Member {
    /// The type of every member.
    pub const TYPE: &str = "User";

    /// The member as an element of a multi-valued attribute, for filters on `value`, `display` and `type`.
    pub(crate) fn as_element(&self) -> Email {
        Email {
            value: self.value.clone(),
            kind: Some(Self::TYPE.to_owned()),
            display: self.display.clone(),
            primary: None,
        }
    }
}

impl Group {
    /// Returns a string attribute, if it is assigned.
    pub fn text(&self, attribute: TextAttribute) -> Option<&str> {
        match attribute {
            TextAttribute::Id => Some(&self.id),
            TextAttribute::ExternalId => self.external_id.as_deref(),
            TextAttribute::DisplayName => Some(&self.display_name),
            TextAttribute::UserName
            | TextAttribute::Formatted
            | TextAttribute::FamilyName
            | TextAttribute::GivenName => None,
        }
    }

    /// The entity tag: `W/"1"`.
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// Compares two groups by the value of an attribute; missing values come last.
    pub fn compare(&self, other: &Self, by: Attribute) -> std::cmp::Ordering {
        let key = |group: &Self| -> (bool, String) {
            let folded = |text: Option<&str>| text.map(crate::fold);
            let first = || group.members.first().map(Member::as_element);
            let text = match by {
                Attribute::Text(attribute) => folded(group.text(attribute)),
                Attribute::Location => Some(group.id.clone()),
                Attribute::Emails => first().map(|member| crate::fold(&member.value)),
                Attribute::Email(part) => first().and_then(|member| folded(member.text(part))),
                _ => None,
            };
            (text.is_none(), text.unwrap_or_default())
        };
        match by {
            Attribute::Created => self.created.cmp(&other.created),
            Attribute::LastModified => self.last_modified.cmp(&other.last_modified),
            Attribute::Version => self.version.cmp(&other.version),
            _ => key(self).cmp(&key(other)),
        }
    }
}
