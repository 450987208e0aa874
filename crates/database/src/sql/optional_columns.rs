//! Tables and columns that only some releases of GitLab have, read from the database at each use.
//!
//! Inserts set the columns that the table has and skip the others. Inserts and billing are rare and must
//! follow an upgrade of GitLab at once, so they read the columns each time. Statements on a hot path use the
//! [`Catalogue`](crate::Catalogue) of the connection instead.
use std::collections::HashSet;

use chrono::{NaiveDate, NaiveDateTime};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Date, Nullable, Text, Timestamp};

use crate::sql::statement::query;
use crate::{Conn, MultiBackend, Result};

/// The existing columns of some tables.
#[derive(Debug)]
pub(crate) struct Columns(HashSet<(String, String)>);

impl Columns {
    /// Reads the columns of tables. A table that does not exist has none. One statement.
    pub(crate) fn load(conn: &mut Conn, tables: &[&'static str]) -> Result<Self> {
        let is_postgresql = matches!(conn, Conn::Postgresql(_));
        let rows: Vec<(String, String)> = SelectColumns { tables, is_postgresql }.load(conn)?;
        Ok(Self(rows.into_iter().collect()))
    }

    /// Whether a table has a column.
    pub(crate) fn has(&self, table: &str, column: &str) -> bool {
        self.0.contains(&(table.to_owned(), column.to_owned()))
    }

    fn has_table(&self, table: &str) -> bool {
        self.0.iter().any(|(name, _)| name == table)
    }

    /// Starts a row of one of the tables.
    pub(crate) fn row(&self, table: &'static str) -> NewRow<'_> {
        NewRow { columns: self, insert: Insert { table, values: Vec::new(), end: "" } }
    }
}

/// Whether a table has a column.
pub(crate) fn exists(conn: &mut Conn, table: &'static str, column: &str) -> Result<bool> {
    Ok(Columns::load(conn, &[table])?.has(table, column))
}

/// Reads one value as text. `None` if the column, the row or the value does not exist.
pub(crate) fn text(
    conn: &mut Conn,
    table: &'static str,
    column: &'static str,
    condition: &str,
) -> Result<Option<String>> {
    if !exists(conn, table, column)? {
        return Ok(None);
    }
    let query = format!("(SELECT CAST({column} AS text) FROM {table} WHERE {condition})");
    Ok(diesel::select(sql::<Nullable<Text>>(&query)).get_result(conn)?)
}

/// Inserts a row, if the table exists.
pub(crate) fn insert_if_table_exists(conn: &mut Conn, table: &'static str, values: Values) -> Result<()> {
    let columns = Columns::load(conn, &[table])?;
    if columns.has_table(table) {
        columns.row(table).set_all(values).insert.execute(conn)?;
    }
    Ok(())
}

/// Inserts a row into a table that exists and returns its id.
pub(crate) fn insert(conn: &mut Conn, table: &'static str, values: Values) -> Result<i64> {
    Columns::load(conn, &[table])?.row(table).set_all(values).insert(conn)
}

/// The columns of a row and their values.
pub(crate) type Values = Vec<(&'static str, Value)>;

/// The value of a column.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Integer(i64),
    Bool(bool),
    Text(String),
    Date(NaiveDate),
    Timestamp(NaiveDateTime),
}

macro_rules! value {
    ($($variant:ident($type:ty): $convert:expr),* $(,)?) => { $(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant($convert(value))
            }
        }
    )* };
}
value! {
    Integer(i64): i64::from,
    Integer(i32): i64::from,
    Integer(i16): i64::from,
    Bool(bool): bool::from,
    Text(&str): str::to_owned,
    Text(&String): String::clone,
    Date(NaiveDate): NaiveDate::from,
    Timestamp(NaiveDateTime): NaiveDateTime::from,
}

/// A row to insert.
#[derive(Debug)]
pub(crate) struct NewRow<'a> {
    columns: &'a Columns,
    insert: Insert,
}

impl NewRow<'_> {
    /// Sets a column, if the table has it.
    pub(crate) fn set(mut self, column: &'static str, value: impl Into<Value>) -> Self {
        if self.columns.has(self.insert.table, column) {
            self.insert.values.push((column, value.into()));
        }
        self
    }

    fn set_all(self, values: Values) -> Self {
        values.into_iter().fold(self, |row, (column, value)| row.set(column, value))
    }

    /// Inserts the row, unless it conflicts with an existing one.
    pub(crate) fn insert_if_absent(mut self, conn: &mut Conn) -> Result<()> {
        self.insert.end = " ON CONFLICT DO NOTHING";
        self.insert.execute(conn)?;
        Ok(())
    }

    /// Inserts the row and returns its id.
    pub(crate) fn insert(mut self, conn: &mut Conn) -> Result<i64> {
        self.insert.end = " RETURNING id";
        Ok(self.insert.get_result(conn)?)
    }
}

/// Selects the names of tables and their columns. The two databases have different catalogues.
struct SelectColumns<'a> {
    tables: &'a [&'static str],
    is_postgresql: bool,
}

impl QueryFragment<MultiBackend> for SelectColumns<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        for (index, table) in self.tables.iter().enumerate() {
            out.push_sql(if index == 0 { "SELECT '" } else { " UNION ALL SELECT '" });
            out.push_sql(table);
            if self.is_postgresql {
                out.push_sql("', CAST(attname AS text) FROM pg_attribute WHERE attrelid = to_regclass('");
                out.push_sql(table);
                out.push_sql("') AND attnum > 0 AND NOT attisdropped");
            } else {
                out.push_sql("', name FROM pragma_table_info('");
                out.push_sql(table);
                out.push_sql("')");
            }
        }
        Ok(())
    }
}

query!(SelectColumns<'_>, (Text, Text));

#[derive(Debug)]
struct Insert {
    table: &'static str,
    values: Values,
    /// The SQL after the values.
    end: &'static str,
}

impl QueryFragment<MultiBackend> for Insert {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ");
        out.push_identifier(self.table)?;
        for (index, (column, _)) in self.values.iter().enumerate() {
            out.push_sql(if index == 0 { " (" } else { ", " });
            out.push_identifier(column)?;
        }
        for (index, (_, value)) in self.values.iter().enumerate() {
            out.push_sql(if index == 0 { ") VALUES (" } else { ", " });
            match value {
                Value::Integer(value) => out.push_bind_param::<BigInt, _>(value)?,
                Value::Bool(value) => out.push_bind_param::<Bool, _>(value)?,
                Value::Text(value) => out.push_bind_param::<Text, _>(value)?,
                Value::Date(value) => out.push_bind_param::<Date, _>(value)?,
                Value::Timestamp(value) => out.push_bind_param::<Timestamp, _>(value)?,
            }
        }
        out.push_sql(")");
        out.push_sql(self.end);
        Ok(())
    }
}

// The text depends on the columns of the database, so a connection caches the statement by its text.
query!(Insert, BigInt);
