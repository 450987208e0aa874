//! Renders users for responses.
use chrono::{DateTime, SecondsFormat, Timelike, Utc};

use super::{Email, User};
use crate::attribute::TextAttribute as T;
use crate::{Mutability, Node, USER, encode_segment};

impl User {
    /// Renders the resource (RFC 7643 §4.1). `users_url` is the prefix of its location.
    pub fn render(&self, mutability: Mutability, users_url: &str) -> Node {
        let name: Vec<_> =
            [("formatted", T::Formatted), ("familyName", T::FamilyName), ("givenName", T::GivenName)]
                .into_iter()
                .filter_map(|(name, attribute)| Some((name, self.text(attribute)?.into())))
                .collect();
        let mut members = vec![
            ("schemas", Node::strings([USER])),
            ("id", self.id.as_str().into()),
            ("externalId", self.external_id.as_str().into()),
            ("userName", self.shown_user_name(mutability).into()),
        ];
        if !name.is_empty() {
            members.push(("name", Node::Object(name)));
        }
        // Unlike the name, the display name is included only if the client sent it.
        if let Some(display_name) = self.sent.display_name.as_ref().filter(|name| !name.is_empty()) {
            members.push(("displayName", display_name.as_str().into()));
        }
        members.push(("active", self.active.into()));
        members.push(("emails", Node::List(self.emails().iter().map(Email::render).collect())));
        members.push(("meta", self.meta(users_url)));
        Node::Object(members)
    }

    /// The URL of the resource.
    pub fn location(&self, users_url: &str) -> String {
        format!("{users_url}/{}", encode_segment(&self.id))
    }

    fn meta(&self, users_url: &str) -> Node {
        Node::Object(vec![
            ("resourceType", "User".into()),
            ("created", timestamp(self.created).into()),
            ("lastModified", timestamp(self.last_modified).into()),
            ("location", self.location(users_url).into()),
            ("version", self.etag().into()),
        ])
    }
}

impl Email {
    fn render(&self) -> Node {
        let mut members = vec![("value", self.value.as_str().into())];
        members.extend(self.display.as_deref().map(|display| ("display", display.into())));
        members.extend(self.kind.as_deref().map(|kind| ("type", kind.into())));
        members.extend(self.primary.map(|primary| ("primary", primary.into())));
        Node::Object(members)
    }
}

/// Formats a timestamp with milliseconds, or with microseconds if it is more precise. A filter on the
/// rendered value then matches.
pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    let whole = time.nanosecond().is_multiple_of(1_000_000);
    time.to_rfc3339_opts(if whole { SecondsFormat::Millis } else { SecondsFormat::Micros }, true)
}
