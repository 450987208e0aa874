//! Inserts rows whose columns depend on the GitLab release of the database.
use std::collections::HashSet;

use chrono::{NaiveDate, NaiveDateTime};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Date, Nullable, Text, Timestamp};

use crate::{Conn, MultiBackend, Result};

/// The value of a column.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Integer(i64),
    Bool(bool),
    Text(String),
    Date(NaiveDate),
    Time(NaiveDateTime),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<NaiveDate> for Value {
    fn from(value: NaiveDate) -> Self {
        Self::Date(value)
    }
}

impl From<NaiveDateTime> for Value {
    fn from(value: NaiveDateTime) -> Self {
        Self::Time(value)
    }
}

/// The columns and values of a row. Columns that the table does not have are skipped.
pub(crate) type Values = Vec<(&'static str, Value)>;

/// Inserts a row. Returns whether the table exists.
pub(crate) fn insert(conn: &mut Conn, table: &'static str, values: Values) -> Result<bool> {
    let known = columns(conn, table)?;
    if known.is_empty() {
        return Ok(false);
    }
    Insert::new(table, values, &known).execute(conn)?;
    Ok(true)
}

/// Inserts a row into a table that exists and returns its id.
pub(crate) fn insert_returning_id(conn: &mut Conn, table: &'static str, values: Values) -> Result<i64> {
    let known = columns(conn, table)?;
    Ok(Returning(Insert::new(table, values, &known)).get_result(conn)?)
}

/// Reads one value as text. `None` if the column, the row or the value does not exist.
pub(crate) fn text(
    conn: &mut Conn,
    table: &'static str,
    column: &'static str,
    condition: &str,
) -> Result<Option<String>> {
    if !columns(conn, table)?.contains(column) {
        return Ok(None);
    }
    let query = format!("(SELECT CAST({column} AS text) FROM {table} WHERE {condition})");
    Ok(diesel::select(sql::<Nullable<Text>>(&query)).get_result(conn)?)
}

/// The names of the table's columns; empty if the table does not exist.
fn columns(conn: &mut Conn, table: &'static str) -> Result<HashSet<String>> {
    Ok(Columns { table, is_postgresql: matches!(conn, Conn::Postgresql(_)) }
        .load::<String>(conn)?
        .into_iter()
        .collect())
}

/// The two databases have different catalogues.
struct Columns {
    table: &'static str,
    is_postgresql: bool,
}

impl QueryFragment<MultiBackend> for Columns {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        if self.is_postgresql {
            out.push_sql("SELECT CAST(attname AS text) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid = to_regclass(");
            out.push_bind_param::<Text, _>(self.table)?;
            out.push_sql(")");
        } else {
            out.push_sql("SELECT name FROM pragma_table_info(");
            out.push_bind_param::<Text, _>(self.table)?;
            out.push_sql(")");
        }
        Ok(())
    }
}

impl QueryId for Columns {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Columns {
    type SqlType = Text;
}

impl<C> RunQueryDsl<C> for Columns {}

struct Insert {
    table: &'static str,
    values: Values,
}

impl Insert {
    fn new(table: &'static str, values: Values, known: &HashSet<String>) -> Self {
        let values = values.into_iter().filter(|(column, _)| known.contains(*column)).collect();
        Self { table, values }
    }
}

impl QueryFragment<MultiBackend> for Insert {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
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
                Value::Time(value) => out.push_bind_param::<Timestamp, _>(value)?,
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

impl QueryId for Insert {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> RunQueryDsl<C> for Insert {}

struct Returning(Insert);

impl QueryFragment<MultiBackend> for Returning {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" RETURNING id");
        Ok(())
    }
}

impl QueryId for Returning {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Returning {
    type SqlType = BigInt;
}

impl<C> RunQueryDsl<C> for Returning {}
