//! The discovery documents (RFC 7643 §5 to §7).
use crate::search::MAX_RESULTS;
use crate::{GROUP, Mutability, Node, USER};

fn object<const N: usize>(members: [(&'static str, Node); N]) -> Node {
    Node::Object(members.into())
}

fn supported(yes: bool) -> Node {
    object([("supported", yes.into())])
}

/// The capabilities of the server. `base_url` is the prefix of every location.
pub fn service_provider_config(base_url: &str) -> Node {
    let scheme = object([
        ("type", "oauthbearertoken".into()),
        ("name", "SCIM token".into()),
        ("description", "Bearer SCIM token of the group or instance".into()),
        ("specUri", "https://www.rfc-editor.org/rfc/rfc6750".into()),
        ("primary", true.into()),
    ]);
    object([
        ("schemas", Node::strings(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"])),
        ("patch", supported(true)),
        (
            "bulk",
            object([("supported", false.into()), ("maxOperations", 0.into()), ("maxPayloadSize", 0.into())]),
        ),
        ("filter", object([("supported", true.into()), ("maxResults", MAX_RESULTS.into())])),
        ("changePassword", supported(false)),
        ("sort", supported(true)),
        ("etag", supported(true)),
        ("authenticationSchemes", Node::List(vec![scheme])),
        ("meta", meta("ServiceProviderConfig", format!("{base_url}/ServiceProviderConfig"))),
    ])
}

fn meta(resource_type: &str, location: String) -> Node {
    object([("resourceType", resource_type.into()), ("location", location.into())])
}

/// The resource type of users.
pub fn user_type(base_url: &str) -> Node {
    object([
        ("schemas", Node::strings(["urn:ietf:params:scim:schemas:core:2.0:ResourceType"])),
        ("id", "User".into()),
        ("name", "User".into()),
        ("description", "User account".into()),
        ("endpoint", "/Users".into()),
        ("schema", USER.into()),
        ("meta", meta("ResourceType", format!("{base_url}/ResourceTypes/User"))),
    ])
}

/// The resource type of groups.
pub fn group_type(base_url: &str) -> Node {
    object([
        ("schemas", Node::strings(["urn:ietf:params:scim:schemas:core:2.0:ResourceType"])),
        ("id", "Group".into()),
        ("name", "Group".into()),
        ("description", "Group of users".into()),
        ("endpoint", "/Groups".into()),
        ("schema", GROUP.into()),
        ("meta", meta("ResourceType", format!("{base_url}/ResourceTypes/Group"))),
    ])
}

/// The attributes of a group.
pub fn group_schema(base_url: &str) -> Node {
    let text = |name, description, mutability| Attribute::text(name, description, mutability);
    let members = Attribute {
        is_list: true,
        subs: vec![
            text("value", "The id of the user", "immutable"),
            text("display", "The full name of the user", "readOnly"),
            Attribute { canonical: &["User"], ..text("type", "The type of the member", "readOnly") },
        ],
        ..Attribute::new("members", "complex", "The users of the group", "readWrite")
    };
    let attributes = [
        text("displayName", "The name of the SAML group links", "immutable").required().unique(),
        text("externalId", "The identifier at the identity provider", "immutable").unique(),
        members,
    ];
    schema_document(GROUP, "Group", "Group of users", attributes.into(), base_url)
}

fn schema_document(
    urn: &'static str,
    name: &'static str,
    description: &'static str,
    attributes: Vec<Attribute>,
    base_url: &str,
) -> Node {
    object([
        ("schemas", Node::strings(["urn:ietf:params:scim:schemas:core:2.0:Schema"])),
        ("id", urn.into()),
        ("name", name.into()),
        ("description", description.into()),
        ("attributes", Node::List(attributes.into_iter().map(Attribute::render).collect())),
        ("meta", meta("Schema", format!("{base_url}/Schemas/{urn}"))),
    ])
}

/// The stored attributes of a user.
pub fn user_schema(base_url: &str, mutability: Mutability) -> Node {
    let fixed = match mutability {
        Mutability::Immutable => "immutable",
        Mutability::ReadWrite => "readWrite",
    };
    let text = |name, description, mutability| Attribute::text(name, description, mutability);
    let name = Attribute {
        subs: vec![
            text("formatted", "The whole name", fixed),
            text("familyName", "The family name", fixed),
            text("givenName", "The given name", fixed),
        ],
        ..Attribute::new("name", "complex", "The parts of the name", fixed)
    };
    let kind =
        Attribute { canonical: &["work", "home", "other"], ..text("type", "What the address is for", fixed) };
    let emails = Attribute {
        is_list: true,
        is_required: true,
        subs: vec![
            // An address without a value is dropped. Clients that send only required attributes must know
            // this.
            text("value", "The address", fixed).required(),
            text("display", "The address as it is displayed", fixed),
            kind,
            Attribute::new("primary", "boolean", "Whether this is the preferred address", fixed),
        ],
        ..Attribute::new("emails", "complex", "Addresses; the one at work counts", fixed)
    };
    let attributes = [
        text("externalId", "The identifier at the identity provider: the NameID of SAML", "readWrite")
            .required()
            .unique(),
        text("userName", "The name by which the identity provider knows the user", fixed).required().unique(),
        name,
        text("displayName", "The name to display", fixed),
        Attribute::new("active", "boolean", "Whether the user has access", "readWrite").required(),
        emails,
    ];
    schema_document(USER, "User", "User account", attributes.into(), base_url)
}

struct Attribute {
    name: &'static str,
    kind: &'static str,
    description: &'static str,
    is_list: bool,
    is_required: bool,
    mutability: &'static str,
    uniqueness: &'static str,
    canonical: &'static [&'static str],
    subs: Vec<Attribute>,
}

impl Attribute {
    fn new(
        name: &'static str,
        kind: &'static str,
        description: &'static str,
        mutability: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            description,
            is_list: false,
            is_required: false,
            mutability,
            uniqueness: "none",
            canonical: &[],
            subs: Vec::new(),
        }
    }

    fn text(name: &'static str, description: &'static str, mutability: &'static str) -> Self {
        Self::new(name, "string", description, mutability)
    }

    fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    fn unique(self) -> Self {
        Self { uniqueness: "server", ..self }
    }

    fn render(self) -> Node {
        let mut members = vec![
            ("name", self.name.into()),
            ("type", self.kind.into()),
            ("multiValued", self.is_list.into()),
            ("description", self.description.into()),
            ("required", self.is_required.into()),
        ];
        if self.kind == "string" {
            members.push(("caseExact", false.into()));
        }
        if !self.canonical.is_empty() {
            members.push((
                "canonicalValues",
                Node::List(self.canonical.iter().map(|text| (*text).into()).collect()),
            ));
        }
        members.push(("mutability", self.mutability.into()));
        members.push(("returned", "default".into()));
        if self.kind != "boolean" {
            members.push(("uniqueness", self.uniqueness.into()));
        }
        if !self.subs.is_empty() {
            members.push(("subAttributes", Node::List(self.subs.into_iter().map(Self::render).collect())));
        }
        Node::Object(members)
    }
}
