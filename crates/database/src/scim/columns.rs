//! Inserts rows whose columns depend on GitLab's release.
//!
//! An insert sets the columns that the database has, and skips the others. `beside-gitlab` in `docs/` lists
//! since which release a column exists.
use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::sql::Sql;
use super::{Result, statement};
use crate::Conn;

/// The existing columns of some tables.
#[derive(Debug, Default)]
pub(super) struct Columns(HashSet<(String, String)>);

statement!(Catalogue, (Text, Text));

impl Columns {
    /// Reads the columns of tables. A table that does not exist has none.
    pub(super) fn load(conn: &mut Conn, tables: &[&'static str]) -> Result<Self> {
        let statement = |table: &&'static str| match conn {
            Conn::Postgresql(_) => format!(
                "SELECT '{table}', CAST(attname AS text) FROM pg_attribute \
                 WHERE attrelid = to_regclass('{table}') AND attnum > 0 AND NOT attisdropped"
            ),
            Conn::Sqlite(_) => format!("SELECT '{table}', name FROM pragma_table_info('{table}')"),
        };
        let statements: Vec<String> = tables.iter().map(statement).collect();
        let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
        sql.push(statements.join(" UNION ALL "));
        let rows: Vec<(String, String)> = Catalogue(sql).load(conn)?;
        Ok(Self(rows.into_iter().collect()))
    }

    /// Whether a table has a column.
    pub(super) fn has(&self, table: &str, column: &str) -> bool {
        self.0.contains(&(table.to_owned(), column.to_owned()))
    }
}

/// A row to insert.
#[derive(Debug)]
pub(super) struct NewRow<'a> {
    table: &'static str,
    known: &'a Columns,
    names: Vec<&'static str>,
    values: Sql,
}

impl<'a> NewRow<'a> {
    pub(super) fn new(conn: &Conn, known: &'a Columns, table: &'static str) -> Self {
        let values = Sql::new(matches!(conn, Conn::Postgresql(_)));
        Self { table, known, names: Vec::new(), values }
    }

    /// Sets a column, if the table has it.
    pub(super) fn set(mut self, column: &'static str, push: impl FnOnce(&mut Sql)) -> Self {
        if self.known.has(self.table, column) {
            if !self.names.is_empty() {
                self.values.push(", ");
            }
            self.names.push(column);
            push(&mut self.values);
        }
        self
    }

    pub(super) fn text(self, column: &'static str, text: &str) -> Self {
        self.set(column, |sql| _ = sql.text(text))
    }

    pub(super) fn number(self, column: &'static str, number: impl Into<i64>) -> Self {
        self.set(column, |sql| _ = sql.number(number.into()))
    }

    pub(super) fn flag(self, column: &'static str, flag: bool) -> Self {
        self.set(column, |sql| _ = sql.push(if flag { "true" } else { "false" }))
    }

    pub(super) fn timestamp(self, column: &'static str, timestamp: chrono::NaiveDateTime) -> Self {
        self.set(column, |sql| _ = sql.timestamp(timestamp))
    }

    fn statement(self, end: &'static str) -> Sql {
        let Self { table, names, values, .. } = self;
        let mut statement = Sql::new(values.is_postgresql);
        statement.push(format!("INSERT INTO {table} ({}) VALUES (", names.join(", ")));
        statement.append(values);
        statement.push(") ").push(end);
        statement
    }

    /// Inserts the row, unless it conflicts with an existing one.
    pub(super) fn insert_if_absent(self, conn: &mut Conn) -> Result<()> {
        Insert(self.statement("ON CONFLICT DO NOTHING")).execute(conn)?;
        Ok(())
    }

    /// Inserts the row, and returns its id.
    pub(super) fn insert(self, conn: &mut Conn) -> Result<i64> {
        Ok(Insert(self.statement("RETURNING id")).get_result(conn)?)
    }
}

statement!(Insert, BigInt);
