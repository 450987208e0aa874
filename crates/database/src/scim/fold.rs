//! Case-insensitive comparison of SCIM values in SQL.
//!
//! PostgreSQL's `lower` knows Unicode, and SQLite's only ASCII. Therefore SQLite connections have `scim_fold`.
//! Indexes on both databases are on `lower`, so a comparison with ASCII uses `lower` on both: it equals only
//! ASCII.
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

diesel::define_sql_function! {
    /// [`::scim::fold`] for SQLite.
    fn scim_fold(text: Nullable<Text>) -> Nullable<Text>;
}

/// Adds [`scim_fold`] to an SQLite connection.
pub(crate) fn register(sqlite: &mut SqliteConnection) -> QueryResult<()> {
    scim_fold_utils::register_impl(sqlite, |text: Option<String>| text.map(|text| ::scim::fold(&text)))
}

/// The function that both sides of a comparison are passed to. `is_ascii` tells about the string that a column
/// is compared with.
pub(crate) fn function(is_postgresql: bool, is_ascii: bool) -> &'static str {
    if is_postgresql || is_ascii { "lower" } else { "scim_fold" }
}

/// The value of a column as [`::scim::fold`] converts it, to compare it with a folded string of any alphabet,
/// and to sort by it.
pub(super) fn folded(is_postgresql: bool, column: &str) -> String {
    if is_postgresql {
        format!("replace(lower({column} COLLATE \"und-x-icu\"), 'ς', 'σ')")
    } else {
        format!("scim_fold({column})")
    }
}

/// A condition of the query DSL: a column equals a string, ignoring case.
macro_rules! equals_ignoring_case {
    ($conn:expr, $column:literal, $text:expr) => {{
        let is_postgresql = matches!($conn, $crate::Conn::Postgresql(_));
        let function = $crate::scim::fold::function(is_postgresql, $text.is_ascii());
        diesel::dsl::sql::<diesel::sql_types::Bool>(&format!("{function}({}) = {function}(", $column))
            .bind::<diesel::sql_types::Text, _>($text.to_owned())
            .sql(")")
    }};
}
pub(crate) use equals_ignoring_case;
