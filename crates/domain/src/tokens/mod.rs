//! Personal access tokens: scopes, holders, and the creation of new tokens.
pub mod access_token;
pub mod personal_access_token;
pub mod token_holder;
