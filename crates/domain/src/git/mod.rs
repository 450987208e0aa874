//! Git data in requests: changes, ref names, objects, push options and repository identifiers.
pub mod changes;
pub mod objects;
pub mod push_options;
pub mod ref_name;
pub(crate) mod repository_id;
pub mod wildcard;
