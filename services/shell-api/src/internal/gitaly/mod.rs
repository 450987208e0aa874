//! What Gitaly asks for its own keeping.
pub(crate) mod object_pool_members;
