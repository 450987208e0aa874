//! The tables and columns that exist in this database.
//!
//! GitLab adds and drops columns every month, so a statement may name an optional column only if the
//! database has it: `conn.catalogue()?.has("namespaces", "state")`. The text of a statement depends only on
//! the catalogue, never on a request.
use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use crate::schema::each_table;
use crate::{Conn, Result, registry};

/// The tables and columns of a database that a service may use.
#[derive(Debug, Default)]
pub struct Catalogue {
    columns: HashMap<String, HashMap<String, Column>>,
    triggers: Vec<Trigger>,
}

/// A column of a table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The type as PostgreSQL's `format_type` writes it, or the declared type on SQLite.
    pub data_type: String,
    /// Whether the column is NOT NULL or has an equivalent CHECK constraint, whether or not existing rows
    /// were validated.
    pub is_required: bool,
    /// Whether it has a default, is an identity column or is generated.
    pub has_default: bool,
    pub may_select: bool,
    pub may_insert: bool,
    pub may_update: bool,
}

/// An enabled trigger.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Trigger {
    #[diesel(sql_type = Text)]
    pub table: String,
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The name of the function that it calls.
    #[diesel(sql_type = Text)]
    pub function: String,
    #[diesel(sql_type = Bool)]
    pub is_before_insert: bool,
    #[diesel(sql_type = Bool)]
    writes_organization_push_rules: bool,
}

#[derive(QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    column: String,
    #[diesel(sql_type = Text)]
    data_type: String,
    #[diesel(sql_type = Bool)]
    is_required: bool,
    #[diesel(sql_type = Bool)]
    has_default: bool,
    #[diesel(sql_type = Bool)]
    may_select: bool,
    #[diesel(sql_type = Bool)]
    may_insert: bool,
    #[diesel(sql_type = Bool)]
    may_update: bool,
}

/// Uses `pg_catalog` because `information_schema` hides columns that the role has no rights on. Names are
/// resolved by `search_path`, so that our own tables are found in their schema.
const COLUMNS_OF_POSTGRESQL: &str = "SELECT c.relname::text AS \"table\", a.attname::text AS \"column\", \
       format_type(a.atttypid, NULL) AS data_type, \
       a.attnotnull OR EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' \
         AND k.conkey = ARRAY[a.attnum] \
         AND pg_get_constraintdef(k.oid) LIKE 'CHECK ((%IS NOT NULL))%') AS is_required, \
       a.atthasdef OR a.attidentity <> '' AS has_default, \
       has_column_privilege(c.oid, a.attnum, 'SELECT') AS may_select, \
       has_column_privilege(c.oid, a.attnum, 'INSERT') AS may_insert, \
       has_column_privilege(c.oid, a.attnum, 'UPDATE') AS may_update \
  FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace \
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
 WHERE s.nspname IN ('public', 'internal_api') AND c.relkind IN ('r', 'p', 'v') AND c.relname = ANY (string_to_array($1, ',')) \
 ORDER BY s.nspname, 1, a.attnum";

const TRIGGERS_OF_POSTGRESQL: &str = "SELECT c.relname::text AS \"table\", t.tgname::text AS name, \
       f.proname::text AS function, t.tgtype & 7 = 7 AS is_before_insert, \
       f.prosrc LIKE '%organization_push_rules%' AS writes_organization_push_rules \
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace s ON s.oid = c.relnamespace \
  JOIN pg_proc f ON f.oid = t.tgfoid \
 WHERE s.nspname = 'public' AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND c.relname = ANY (string_to_array($1, ',')) ORDER BY 1, 2";

const COLUMNS_OF_SQLITE: &str = "SELECT m.name AS \"table\", c.name AS \"column\", c.type AS data_type, \
       c.\"notnull\" <> 0 OR c.pk <> 0 AS is_required, c.dflt_value IS NOT NULL OR c.pk <> 0 AS has_default, \
       1 AS may_select, 1 AS may_insert, 1 AS may_update \
  FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') ORDER BY 1, c.cid";

impl Catalogue {
    /// Reads the catalogue: two statements on PostgreSQL, one on SQLite.
    pub(crate) fn read(conn: &mut Conn) -> Result<Self> {
        let (rows, triggers) = match conn {
            Conn::Postgresql(pg) => {
                let tables = table_names().collect::<Vec<_>>().join(",");
                let columns = diesel::sql_query(COLUMNS_OF_POSTGRESQL).bind::<Text, _>(&tables);
                let rows: Vec<ColumnRow> = columns.load(pg)?;
                let triggers = diesel::sql_query(TRIGGERS_OF_POSTGRESQL).bind::<Text, _>(&tables);
                (rows, triggers.load(pg)?)
            }
            Conn::Sqlite(sqlite) => (diesel::sql_query(COLUMNS_OF_SQLITE).load(sqlite)?, Vec::new()),
        };
        let mut columns: HashMap<String, HashMap<String, Column>> = HashMap::new();
        for row in rows {
            let column = Column {
                data_type: row.data_type,
                is_required: row.is_required,
                has_default: row.has_default,
                may_select: row.may_select,
                may_insert: row.may_insert,
                may_update: row.may_update,
            };
            columns.entry(row.table).or_default().insert(row.column, column);
        }
        Ok(Self { columns, triggers })
    }

    /// Whether the table has the column.
    pub fn has(&self, table: &str, column: &str) -> bool {
        self.column(table, column).is_some()
    }

    /// Whether a table or view with this name exists.
    pub fn has_table(&self, table: &str) -> bool {
        self.columns.contains_key(table)
    }

    pub fn column(&self, table: &str, column: &str) -> Option<&Column> {
        self.columns.get(table)?.get(column)
    }

    /// Returns the column of a table, or `fallback` if the database does not have it.
    pub(crate) fn column_or<'a>(&self, table: &str, column: &'a str, fallback: &'a str) -> &'a str {
        if self.has(table, column) { column } else { fallback }
    }

    /// The columns of a table, in arbitrary order.
    pub fn columns(&self, table: &str) -> impl Iterator<Item = (&str, &Column)> {
        self.columns.get(table).into_iter().flatten().map(|(name, column)| (name.as_str(), column))
    }

    /// Whether a trigger of GitLab refuses writes, because the table's rows are in another database.
    pub fn is_locked(&self, table: &str) -> bool {
        self.triggers(table).any(|trigger| trigger.name.starts_with("gitlab_schema_write_trigger_for_"))
    }

    /// The enabled triggers of a table.
    pub fn triggers(&self, table: &str) -> impl Iterator<Item = &Trigger> {
        self.triggers.iter().filter(move |trigger| trigger.table == table)
    }

    /// The location of the push rule of the instance.
    ///
    /// GitLab 18.0 to 19.0 store it in the sample row of `push_rules`, and triggers copy it. Since 19.1 it
    /// is the row of the project's organization in `organization_push_rules`, and the sample row is ignored.
    pub(crate) fn instance_push_rule(&self) -> InstancePushRule {
        let is_copied = self.triggers("push_rules").any(|trigger| trigger.writes_organization_push_rules);
        if is_copied || !self.has_table("organization_push_rules") {
            InstancePushRule::SampleRow
        } else {
            InstancePushRule::Organization
        }
    }
}

/// The location of the push rule of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstancePushRule {
    SampleRow,
    Organization,
}

/// Every table that a statement may name.
fn table_names() -> impl Iterator<Item = &'static str> {
    macro_rules! names {
        ($($table:ident),* $(,)?) => { [$(stringify!($table)),*] };
    }
    let tables: HashSet<&str> = each_table!(names).into_iter().chain(registry::undeclared_tables()).collect();
    tables.into_iter()
}
