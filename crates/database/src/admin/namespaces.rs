//! Groups and personal namespaces.
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::list::{Condition, Direction, List};
use super::{Page, Window};
use crate::{Conn, Result};

#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct NamespaceSummary {
    pub id: i64,
    pub name: String,
    pub path: String,
    /// `Group` or `User`.
    pub kind: String,
    pub full_path: String,
    pub parent_id: Option<i64>,
    pub is_excluded: bool,
}

type Columns = (BigInt, Text, Text, Text, Text, Nullable<BigInt>, Bool);

const COLUMNS: &str = "n.id, n.name, n.path, n.type, COALESCE(r.path, n.path), n.parent_id, \
    EXISTS (SELECT 1 FROM namespaces_storage_limit_exclusions e WHERE e.namespace_id = n.id)";
const FROM: &str =
    "FROM namespaces n LEFT JOIN routes r ON r.source_type = 'Namespace' AND r.source_id = n.id";
const IS_NAMESPACE: Condition = Condition::Sql("n.type <> 'Project'");
const IS_TOP_LEVEL: Condition = Condition::Sql("n.parent_id IS NULL");
const NAMES: &[&str] = &["n.name", "n.path"];
const PATHS: &[&str] = &["r.path", "n.path"];
const NAMES_AND_PATHS: &[&str] = &["r.path", "n.path", "n.name"];

/// Lists groups and personal namespaces whose name or path contains `search`, by id. If `search` has a slash,
/// it is matched against the full path.
pub fn list(
    conn: &mut Conn,
    search: &str,
    top_level_only: bool,
    window: Window,
) -> Result<Page<NamespaceSummary>> {
    let mut conditions = vec![IS_NAMESPACE];
    if top_level_only {
        conditions.push(IS_TOP_LEVEL);
    }
    if !search.is_empty() {
        let columns = if search.contains('/') { PATHS } else { NAMES };
        conditions.push(Condition::contains(conn, columns, search));
    }
    read(conn, Condition::All(conditions), Vec::new(), window)
}

/// Finds top-level namespaces, best match first: the one with the id, then names and paths that equal the
/// search, begin with it, or contain it.
pub fn find_top_level(conn: &mut Conn, search: &str, limit: i64) -> Result<Page<NamespaceSummary>> {
    let mut matches = vec![Condition::contains(conn, NAMES_AND_PATHS, search)];
    let mut ranks = Vec::new();
    if let Some(id) = parse_id(search) {
        matches.push(Condition::Id("n.id", id));
        ranks.push(Condition::Id("n.id", id));
    }
    ranks.push(Condition::equals(conn, NAMES_AND_PATHS, search));
    ranks.push(Condition::begins_with(conn, NAMES_AND_PATHS, search));
    let condition = Condition::All(vec![IS_NAMESPACE, IS_TOP_LEVEL, Condition::Any(matches)]);
    read(conn, condition, ranks, Window::Offset { offset: 0, limit })
}

/// Parses a search for an id: digits only.
pub(super) fn parse_id(search: &str) -> Option<i64> {
    search.bytes().all(|byte| byte.is_ascii_digit()).then(|| search.parse().ok())?
}

fn read(
    conn: &mut Conn,
    condition: Condition,
    ranks: Vec<Condition>,
    window: Window,
) -> Result<Page<NamespaceSummary>> {
    let direction = Direction::Ascending;
    let list = List { columns: COLUMNS, from: FROM, id: "n.id", direction, condition, ranks };
    let rows = list.rows::<Columns>(window).load(conn)?;
    Ok(Page { rows, total: list.total(conn, window)? })
}
