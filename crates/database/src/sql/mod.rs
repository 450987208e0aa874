//! SQL that Diesel's multi connection cannot write, for all aggregates.
pub(crate) mod casts;
mod equals_lower;
mod list;
pub(crate) mod optional_columns;
pub(crate) mod statement;
mod upsert;

pub(crate) use equals_lower::equals_lower;
pub(crate) use list::List;
pub(crate) use upsert::Upsert;
