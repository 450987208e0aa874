//! Renders groups for responses.
use super::{Group, Member};
use crate::user::timestamp;
use crate::{GROUP, Node, encode_segment};

impl Group {
    /// Renders the resource (RFC 7643 §4.2). `groups_url` is the prefix of its location.
    pub fn render(&self, groups_url: &str) -> Node {
        let mut members = vec![("schemas", Node::strings([GROUP])), ("id", self.id.as_str().into())];
        members.extend(self.external_id.as_deref().map(|id| ("externalId", id.into())));
        members.push(("displayName", self.display_name.as_str().into()));
        members.push(("members", Node::List(self.members.iter().map(Member::render).collect())));
        let meta = Node::Object(vec![
            ("resourceType", "Group".into()),
            ("created", timestamp(self.created).into()),
            ("lastModified", timestamp(self.last_modified).into()),
            ("location", self.location(groups_url).into()),
            ("version", self.etag().into()),
        ]);
        members.push(("meta", meta));
        Node::Object(members)
    }

    /// The URL of the resource.
    pub fn location(&self, groups_url: &str) -> String {
        format!("{groups_url}/{}", encode_segment(&self.id))
    }
}

impl Member {
    fn render(&self) -> Node {
        let mut parts = vec![("value", self.value.as_str().into())];
        parts.extend(self.display.as_deref().map(|display| ("display", display.into())));
        parts.push(("type", Self::TYPE.into()));
        Node::Object(parts)
    }
}
