use crate::Node;

/// An error response (RFC 7644 §3.12).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Error {
    /// The HTTP status.
    pub status: u16,
    /// The error keyword for programs; present only with status 400 and 409.
    pub scim_type: Option<&'static str>,
    /// The message for people; never empty.
    pub detail: String,
}

impl Error {
    /// Creates an error with a status and no keyword.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }

    fn bad_request(scim_type: &'static str, detail: impl Into<String>) -> Self {
        Self { status: 400, scim_type: Some(scim_type), detail: detail.into() }
    }

    /// The filter is not valid.
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::bad_request("invalidFilter", detail)
    }

    /// The body has the wrong structure.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::bad_request("invalidSyntax", detail)
    }

    /// A value is missing or not valid.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::bad_request("invalidValue", detail)
    }

    /// The path of an operation is not valid.
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::bad_request("invalidPath", detail)
    }

    /// The path of an operation matches nothing.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::bad_request("noTarget", detail)
    }

    /// The attribute cannot be changed in this way.
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::bad_request("mutability", detail)
    }

    /// Another resource has the value.
    pub fn uniqueness(detail: impl Into<String>) -> Self {
        Self { status: 409, scim_type: Some("uniqueness"), detail: detail.into() }
    }

    /// The response body. The status is a string, as the RFC requires.
    pub fn message(&self) -> Node {
        let mut members = vec![("schemas", Node::strings(["urn:ietf:params:scim:api:messages:2.0:Error"]))];
        members.extend(self.scim_type.map(|keyword| ("scimType", keyword.into())));
        members.push(("detail", self.detail.as_str().into()));
        members.push(("status", self.status.to_string().into()));
        Node::Object(members)
    }
}
