//! The grammar of SCIM 2.0 (RFC 7643, RFC 7644) for users, without HTTP and without a database.
//!
//! | module | holds |
//! |---|---|
//! | [`filter`] | the filter language: [`Filter`] is parsed, printed, and knows no schema |
//! | [`condition`] | a filter that fits the schema of a user: [`Condition`] can be evaluated, or be turned into SQL |
//! | [`user`] | users: what a client sends ([`Draft`]), what a server keeps ([`User`]), how it is shown |
//! | [`group`] | the same for groups |
//! | [`patch`] | operations on a user, with the dialects of the identity providers |
//! | [`search`] | what a list is asked for: page, order, filter, attributes |
//! | [`message`], [`schema`] | envelopes, errors and the documents of discovery |
//!
//! Providers differ from the standard and from each other; what they send is understood wherever it is not ambiguous.
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

/// How closely a scope keeps to GitLab where GitLab and the RFC differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As GitLab: an account is never changed by the provider once it is there.
    GitLab,
    /// As the RFC: the provider is the authority.
    Rfc,
}

/// How a user is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// GitLab's seven keys, with a flat `name.formatted`.
    GitLab,
    /// The standard's keys (RFC 7643 §4.1).
    Rfc,
}
