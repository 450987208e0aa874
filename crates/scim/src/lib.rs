//! SCIM 2.0 (RFC 7643, RFC 7644) for users and groups, without HTTP and without a database.
//!
//! | module | contents |
//! |---|---|
//! | [`filter`] | the filter language: [`Filter`] is parsed and printed without a schema |
//! | [`condition`] | filters checked against a schema: a [`Condition`] can be evaluated or translated to SQL |
//! | [`user`] | users: the client's input ([`Draft`]), the stored resource ([`User`]), and its rendering |
//! | [`group`] | the same for groups |
//! | [`patch`] | PATCH operations on a user, with the dialects of the identity providers |
//! | [`search`] | the parameters of a list: page, order, filter, attributes |
//! | [`message`], [`schema`] | envelopes, errors and discovery documents |
//!
//! Providers differ from the standard and from each other. Their input is accepted wherever it is not
//! ambiguous.
#![warn(missing_docs)]

pub mod attribute;
pub mod condition;
mod error;
pub mod filter;
pub mod group;
mod json;
pub mod message;
mod node;
pub mod patch;
pub mod schema;
pub mod search;
mod selection;
mod text;
pub mod user;

pub use attribute::Attribute;
pub use condition::Condition;
pub use error::Error;
pub use filter::Filter;
pub use group::{Group, GroupDraft, GroupPatch, MemberChange};
pub use json::Object;
pub use node::Node;
pub use search::Search;
pub use selection::Selection;
pub use text::{decode_segment, encode_segment, fold};
pub use user::{Draft, Email, NewUser, User};

/// URN of the schema of groups.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// URN of the schema of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The result of reading a request.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How a scope behaves where GitLab and the RFC differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// GitLab's behaviour: the provider cannot change an existing account.
    GitLab,
    /// The RFC's behaviour: the provider is authoritative.
    Rfc,
}

/// The format of a user in responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// GitLab's seven keys, with a flat `name.formatted`.
    GitLab,
    /// The standard's keys (RFC 7643 §4.1).
    Rfc,
}
