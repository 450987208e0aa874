//! Lists groups and personal namespaces to choose from.
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::{Page, Total, Window, alike, pattern};
use crate::{Conn, Result};

#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Choice {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub path: String,
    /// `Group` or `User`.
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub full_path: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub parent_id: Option<i64>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Lists groups and personal namespaces whose name or path contains `search`. If `search` has a slash, it is
/// matched against the full path.
pub fn list(conn: &mut Conn, search: &str, top_level_only: bool, window: Window) -> Result<Page<Choice>> {
    let text = alike(conn, if search.contains('/') { &["r.path"] } else { &["n.name", "n.path"] });
    let narrowed = format!(
        "FROM namespaces n LEFT JOIN routes r ON r.source_type = 'Namespace' AND r.source_id = n.id \
         WHERE %1 AND n.type <> 'Project' AND (%2 = '' OR {text}) AND (%3 = %4 OR n.parent_id IS NULL)"
    );
    let search = if search.is_empty() { String::new() } else { pattern(conn, search) };
    let (condition, order) = window.clauses("n.id");
    let (bound, limit, offset) = window.binds();
    let filled = |condition: &str, first: u8| {
        let text = narrowed.replace("%1", condition).replace("%2", &format!("${first}"));
        text.replace("%3", &format!("${}", first + 1)).replace("%4", "false")
    };
    let rows = sql_query(format!(
        "SELECT n.id, n.name, n.path, n.type AS kind, COALESCE(r.path, n.path) AS full_path, n.parent_id {} {order}",
        filled(&condition, 2)
    ));
    let rows = rows
        .bind::<BigInt, _>(bound)
        .bind::<Text, _>(&search)
        .bind::<Bool, _>(top_level_only)
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(offset);
    let rows = rows.load(conn)?;
    if !matches!(window, Window::Offset { .. }) {
        return Ok(Page { rows, total: None });
    }
    let counted = sql_query(format!(
        "SELECT COUNT(*) AS count FROM (SELECT 1 {} LIMIT {}) AS counted",
        filled("1 = 1", 1),
        Total::LIMIT
    ));
    let counted = counted.bind::<Text, _>(&search).bind::<Bool, _>(top_level_only);
    let count: Count = counted.get_result(conn)?;
    Ok(Page { rows, total: Some(Total::from_count(count.count)) })
}
