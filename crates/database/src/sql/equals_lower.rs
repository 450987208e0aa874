//! Comparison of paths and names, for which GitLab has indexes on `lower`.

/// A condition of the query DSL: a column equals a string, both in lower case.
macro_rules! equals_lower {
    ($column:literal, $text:expr) => {
        diesel::dsl::sql::<diesel::sql_types::Bool>(concat!("lower(", $column, ") = lower("))
            .bind::<diesel::sql_types::Text, _>($text)
            .sql(")")
    };
}
pub(crate) use equals_lower;
