//! What git sends: changes, ref names, objects, push options and the identifiers of repositories.
pub mod changes;
pub mod objects;
pub mod push_options;
pub mod ref_name;
pub(crate) mod repository_id;
pub mod wildcard;
