//! Billing data of namespaces: subscriptions, compute minutes, add-ons, limits and upcoming reconciliations.
//!
//! Every change of a namespace's data runs inside [`namespaces::change`], which locks the namespace's row.
pub mod add_ons;
pub mod cards;
pub mod limits;
pub mod namespaces;
pub mod overview;
pub mod owners;
pub mod packs;
mod plans;
pub mod provision;
pub mod reconciliations;
pub mod seats;
pub mod subscriptions;

pub use namespaces::{Key, Namespace};
