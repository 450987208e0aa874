//! Personal access tokens: what they may be used for, who holds them, and how new ones are made.
pub mod access_token;
pub mod personal_access_token;
pub mod token_holder;
