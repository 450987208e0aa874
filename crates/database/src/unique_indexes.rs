//! The unique indexes that upserts need.
use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::registry::{self, Service};
use crate::{Conn, Result};

/// The unique indexes of the tables of a service; empty on SQLite, where all tables are our own.
#[derive(Debug, Default)]
pub(crate) struct UniqueIndexes {
    /// Table and columns, in alphabetical order.
    indexes: HashSet<(String, String)>,
}

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    table: String,
    /// Empty for the table itself. A view has no row.
    #[diesel(sql_type = Text)]
    columns: String,
}

/// Partial indexes and those on expressions do not serve `ON CONFLICT (columns)`.
const INDEXES: &str = "WITH tables AS (SELECT oid, relname FROM pg_class \
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') \
       AND relname = ANY (string_to_array($1, ','))) \
    SELECT relname::text AS \"table\", '' AS columns FROM tables \
    UNION ALL SELECT t.relname::text, string_agg(a.attname::text, ', ' ORDER BY a.attname::text) \
      FROM tables t JOIN pg_index i ON i.indrelid = t.oid AND i.indisunique AND i.indpred IS NULL \
       AND i.indexprs IS NULL \
      JOIN pg_attribute a ON a.attrelid = t.oid \
       AND a.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1]) \
     GROUP BY t.relname, i.indexrelid";

impl UniqueIndexes {
    pub(crate) fn read(conn: &mut Conn, service: Service) -> Result<Self> {
        let Conn::Postgresql(pg) = conn else { return Ok(Self::default()) };
        let upserted: Vec<&str> = service
            .tables()
            .filter(|table| table.is_inserted && registry::upsert_key(table.table).is_some())
            .map(|table| table.table)
            .collect();
        let rows: Vec<Index> = diesel::sql_query(INDEXES).bind::<Text, _>(upserted.join(",")).load(pg)?;
        Ok(Self { indexes: rows.into_iter().map(|row| (row.table, row.columns)).collect() })
    }

    /// Whether this is a table, not a view, and has no unique index on exactly these columns.
    pub(crate) fn is_missing(&self, table: &str, columns: &str) -> bool {
        let has = |columns: &str| self.indexes.contains(&(table.to_owned(), columns.to_owned()));
        has("") && !has(columns)
    }
}
