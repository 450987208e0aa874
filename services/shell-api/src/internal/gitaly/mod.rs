//! Endpoints for Gitaly's housekeeping.
pub(crate) mod object_pool_members;
