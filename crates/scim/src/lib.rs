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
//! ambiguous. Output follows the RFCs: a server with a dialect of its own changes it outside of this crate.
//!
//! To add an attribute, add it to [`Attribute`], to the resource with its input and rendering, and to [`schema`].
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
pub use user::{Draft, Email, NewUser, User, is_email};

/// URN of the schema of groups.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// URN of the schema of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The result of reading a request.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The mutability of the attributes that are stored in an account (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// The client cannot change the account, and responses show the account's values.
    Immutable,
    /// The client's values change the account.
    ReadWrite,
}
