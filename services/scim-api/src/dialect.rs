//! GitLab's dialect of SCIM: where responses and rules differ from the RFCs.
use database::scim::Mode;
use scim::patch::Change;
use scim::{Draft, Error, Group, NewUser, Node, Result, Search, USER, User, message};

/// The format of resources in responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// GitLab's seven keys, with a flat `name.formatted`.
    GitLab,
    /// The standard's keys.
    Rfc,
}

impl Representation {
    /// Renders a user. `users_url` is the prefix of its location.
    pub(crate) fn user(self, user: &User, mode: Mode, users_url: &str) -> Node {
        match self {
            Self::Rfc => user.render(mode.mutability(), users_url),
            Self::GitLab => gitlab_user(user, mode),
        }
    }

    /// Renders a group. GitLab's `meta` has only the type.
    pub(crate) fn group(self, group: &Group, groups_url: &str) -> Node {
        let node = group.render(groups_url);
        match self {
            Self::Rfc => node,
            Self::GitLab => with(node, "meta", meta("Group")),
        }
    }

    /// Builds the response to a search. GitLab's `itemsPerPage` is the requested number.
    pub(crate) fn list(self, resources: Vec<Node>, total: i64, search: &Search) -> Node {
        let node = message::list(resources, total, search.start_index);
        match self {
            Self::Rfc => node,
            Self::GitLab => with(node, "itemsPerPage", search.count.into()),
        }
    }
}

fn gitlab_user(user: &User, mode: Mode) -> Node {
    let email = vec![
        ("type", "work".into()),
        ("value", user.account.email.as_str().into()),
        ("primary", true.into()),
    ];
    Node::Object(vec![
        ("schemas", Node::strings([USER])),
        ("id", user.id.as_str().into()),
        ("active", user.active.into()),
        ("name.formatted", user.account.name.as_str().into()),
        ("userName", user.shown_user_name(mode.mutability()).into()),
        ("meta", meta("User")),
        ("emails", Node::List(vec![Node::Object(email)])),
    ])
}

fn meta(resource_type: &'static str) -> Node {
    Node::Object(vec![("resourceType", resource_type.into())])
}

/// Replaces a member of an object.
fn with(node: Node, name: &str, value: Node) -> Node {
    let Node::Object(mut members) = node else { return node };
    if let Some(member) = members.iter_mut().find(|(key, _)| *key == name) {
        member.1 = value;
    }
    Node::Object(members)
}

/// Completes the body of a creation. In [`Mode::GitLab`], the external id, an address and a name are required.
pub(crate) fn complete(draft: Draft, mode: Mode) -> Result<NewUser> {
    if mode == Mode::GitLab {
        draft.required_user_name()?;
        let has_emails = draft.emails.as_ref().is_some_and(|emails| !emails.is_empty());
        for (is_given, detail) in [
            (draft.external_id.is_some(), "externalId is missing"),
            (has_emails, "emails are missing"),
            (draft.has_name(), "Name can't be blank"),
        ] {
            if !is_given {
                return Err(Error::invalid_value(detail));
            }
        }
    }
    draft.complete()
}

/// Adapts a change of a user. In [`Mode::GitLab`], the id is always the external id.
pub(crate) fn adapt(mut change: Change, mode: Mode) -> Change {
    if mode == Mode::GitLab {
        change.user.id.clone_from(&change.user.external_id);
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;
    use scim::Object;
    use scim::patch::Patch;
    use serde_json::json;

    fn user() -> User {
        let time = endpoint::Clock::System.now().and_utc();
        User {
            id: "test_uid".to_owned(),
            external_id: "test_uid".to_owned(),
            active: true,
            account: scim::user::Account {
                username: "username".to_owned(),
                name: "Test User".to_owned(),
                email: "name@example.com".to_owned(),
            },
            sent: scim::user::SentAttributes::default(),
            created: time,
            last_modified: time,
            version: 1,
        }
    }

    fn object(body: &serde_json::Value) -> Object {
        Object::parse(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn gitlabs_representation_has_seven_keys() {
        let node = Representation::GitLab.user(&user(), Mode::GitLab, "https://h/Users");
        let expected = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"test_uid","active":true,"name.formatted":"Test User","userName":"username","meta":{"resourceType":"User"},"emails":[{"type":"work","value":"name@example.com","primary":true}]}"#;
        assert_eq!(serde_json::to_string(&node).unwrap(), expected);
    }

    #[test]
    fn gitlabs_mode_requires_external_id_address_and_name() {
        let complete = |body: &serde_json::Value, mode| complete(Draft::read(&object(body)).unwrap(), mode);
        let detail = |body: serde_json::Value| complete(&body, Mode::GitLab).unwrap_err().detail;
        assert_eq!(detail(json!({ "externalId": "x" })), "userName is missing");
        assert_eq!(detail(json!({ "userName": "u@x" })), "externalId is missing");
        assert_eq!(detail(json!({ "userName": "u@x", "externalId": "x" })), "emails are missing");
        let without_name = json!({ "userName": "u@x", "externalId": "x", "emails": "a@b" });
        assert_eq!(detail(without_name.clone()), "Name can't be blank");
        assert_eq!(complete(&without_name, Mode::Rfc).unwrap().name, "u@x");
        let without_address = complete(&json!({ "userName": "u@x" }), Mode::Rfc).unwrap();
        assert_eq!(without_address.email, "u@x");
    }

    #[test]
    fn id_follows_the_external_id_in_gitlabs_mode() {
        let operation = json!({ "op": "replace", "path": "externalId", "value": "n1" });
        let patch = Patch::read(&object(&json!({ "Operations": [operation] }))).unwrap();
        let id = |mode| adapt(patch.apply(&user()).unwrap(), mode).user.id;
        assert_eq!((id(Mode::GitLab), id(Mode::Rfc)), ("n1".to_owned(), "test_uid".to_owned()));
    }
}
