//! The statements of a list: its rows with search, order and window, and their count.
//!
//! A list names its columns, tables and conditions once. [`List::rows`] and [`List::total`] build both
//! statements from them. Values are always bound.
use std::marker::PhantomData;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};

use super::{Total, Window};
use crate::{Conn, MultiBackend, Result};

pub(super) struct List {
    /// The select list, in the order of the row's fields.
    pub columns: &'static str,
    /// `FROM` with its joins.
    pub from: &'static str,
    /// The column that orders the list and that keyset pagination continues from.
    pub id: &'static str,
    pub direction: Direction,
    pub condition: Condition,
    /// Rows that meet an earlier condition are listed first. Only with [`Window::Offset`].
    pub ranks: Vec<Condition>,
}

/// The order of ids with [`Window::Offset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    fn keyword(self) -> &'static str {
        match self {
            Self::Ascending => " ASC",
            Self::Descending => " DESC",
        }
    }
}

impl List {
    /// The statement that reads the rows of a window, with the SQL types of the columns.
    pub(super) fn rows<ST>(&self, window: Window) -> Rows<'_, ST> {
        Rows { list: self, window, sql_types: PhantomData }
    }

    /// The number of rows, if the window is one that has a total. One statement.
    pub(super) fn total(&self, conn: &mut Conn, window: Window) -> Result<Option<Total>> {
        if !matches!(window, Window::Offset { .. }) {
            return Ok(None);
        }
        let count = Count { list: self, limit: Total::LIMIT }.get_result::<i64>(conn)?;
        Ok(Some(Total::from_count(count)))
    }
}

/// A condition of a `WHERE` clause.
pub(super) enum Condition {
    /// SQL without values.
    Sql(&'static str),
    /// A column has this value.
    Id(&'static str, i64),
    /// One of the columns matches the operand, case-insensitively.
    Text { columns: &'static [&'static str], comparison: Comparison, operand: String },
    /// Every condition holds; true if there is none.
    All(Vec<Condition>),
    /// At least one condition holds; false if there is none.
    Any(Vec<Condition>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Like,
}

impl Condition {
    /// One of the columns is equal to `text`.
    pub(super) fn equals(conn: &Conn, columns: &'static [&'static str], text: &str) -> Self {
        Self::Text { columns, comparison: Comparison::Equal, operand: folded(conn, text) }
    }

    /// One of the columns begins with `text`.
    pub(super) fn begins_with(conn: &Conn, columns: &'static [&'static str], text: &str) -> Self {
        let operand = format!("{}%", escaped(&folded(conn, text)));
        Self::Text { columns, comparison: Comparison::Like, operand }
    }

    /// One of the columns contains `text`.
    pub(super) fn contains(conn: &Conn, columns: &'static [&'static str], text: &str) -> Self {
        let operand = format!("%{}%", escaped(&folded(conn, text)));
        Self::Text { columns, comparison: Comparison::Like, operand }
    }

    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        match self {
            Self::Sql(sql) => out.push_sql(sql),
            Self::Id(column, id) => {
                out.push_sql(column);
                out.push_sql(" = ");
                out.push_bind_param::<BigInt, _>(id)?;
            }
            Self::Text { columns, comparison, operand } => {
                out.push_sql("(");
                for (index, column) in columns.iter().enumerate() {
                    out.push_sql(if index == 0 { "" } else { " OR " });
                    push_comparison(out, column, *comparison, operand)?;
                }
                out.push_sql(")");
            }
            Self::All(conditions) => push_all(out, conditions, " AND ", "1 = 1")?,
            Self::Any(conditions) => push_all(out, conditions, " OR ", "1 = 0")?,
        }
        Ok(())
    }
}

/// PostgreSQL's trigram indexes support only ILIKE. SQLite's own functions ignore case only for ASCII.
fn push_comparison<'b>(
    out: &mut AstPass<'_, 'b, MultiBackend>,
    column: &str,
    comparison: Comparison,
    operand: &'b String,
) -> QueryResult<()> {
    let is_postgresql = matches!(out.backend(), MultiBackend::Postgresql(_));
    let (before, between, after) = match (is_postgresql, comparison) {
        (true, Comparison::Equal) => ("lower(", ") = lower(", ")"),
        (true, Comparison::Like) => ("", " ILIKE ", " ESCAPE '\\'"),
        (false, Comparison::Equal) => ("scim_fold(", ") = ", ""),
        (false, Comparison::Like) => ("scim_fold(", ") LIKE ", " ESCAPE '\\'"),
    };
    out.push_sql(before);
    out.push_sql(column);
    out.push_sql(between);
    out.push_bind_param::<Text, _>(operand)?;
    out.push_sql(after);
    Ok(())
}

/// Joins the conditions with the operator. Pushes `if_empty` if there is none.
fn push_all<'b>(
    out: &mut AstPass<'_, 'b, MultiBackend>,
    conditions: &'b [Condition],
    operator: &str,
    if_empty: &str,
) -> QueryResult<()> {
    if conditions.is_empty() {
        out.push_sql(if_empty);
        return Ok(());
    }
    out.push_sql("(");
    for (index, condition) in conditions.iter().enumerate() {
        out.push_sql(if index == 0 { "" } else { operator });
        condition.push(out)?;
    }
    out.push_sql(")");
    Ok(())
}

fn folded(conn: &Conn, text: &str) -> String {
    match conn {
        Conn::Postgresql(_) => text.to_owned(),
        Conn::Sqlite(_) => ::scim::fold(text),
    }
}

/// Escapes the wildcards of a LIKE pattern with `ESCAPE '\'`.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

pub(super) struct Rows<'a, ST> {
    list: &'a List,
    window: Window,
    sql_types: PhantomData<ST>,
}

impl<ST> QueryFragment<MultiBackend> for Rows<'_, ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let List { columns, from, id, condition, ranks, .. } = self.list;
        out.push_sql("SELECT ");
        out.push_sql(columns);
        out.push_sql(" ");
        out.push_sql(from);
        out.push_sql(" WHERE ");
        condition.push(&mut out)?;
        let direction = match &self.window {
            Window::Offset { .. } => self.list.direction,
            Window::After { id: after, .. } => {
                push_bound(&mut out, id, " > ", after)?;
                Direction::Ascending
            }
            Window::Before { id: before, .. } => {
                push_bound(&mut out, id, " < ", before)?;
                Direction::Descending
            }
        };
        out.push_sql(" ORDER BY ");
        if matches!(self.window, Window::Offset { .. }) && !ranks.is_empty() {
            push_ranks(&mut out, ranks)?;
        }
        out.push_sql(id);
        out.push_sql(direction.keyword());
        let (Window::Offset { limit, .. } | Window::After { limit, .. } | Window::Before { limit, .. }) =
            &self.window;
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(limit)?;
        if let Window::Offset { offset, .. } = &self.window {
            out.push_sql(" OFFSET ");
            out.push_bind_param::<BigInt, _>(offset)?;
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the statement borrows the values that it binds")]
fn push_bound<'b>(
    out: &mut AstPass<'_, 'b, MultiBackend>,
    id: &str,
    operator: &str,
    bound: &'b i64,
) -> QueryResult<()> {
    out.push_sql(" AND ");
    out.push_sql(id);
    out.push_sql(operator);
    out.push_bind_param::<BigInt, _>(bound)
}

fn push_ranks<'b>(out: &mut AstPass<'_, 'b, MultiBackend>, ranks: &'b [Condition]) -> QueryResult<()> {
    out.push_sql("CASE");
    for (rank, condition) in ranks.iter().enumerate() {
        out.push_sql(" WHEN ");
        condition.push(out)?;
        out.push_sql(&format!(" THEN {rank}"));
    }
    out.push_sql(&format!(" ELSE {} END, ", ranks.len()));
    Ok(())
}

impl<ST> QueryId for Rows<'_, ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Rows<'_, ST> {
    type SqlType = ST;
}

impl<ST, C> RunQueryDsl<C> for Rows<'_, ST> {}

struct Count<'a> {
    list: &'a List,
    limit: i64,
}

impl QueryFragment<MultiBackend> for Count<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT COUNT(*) FROM (SELECT 1 ");
        out.push_sql(self.list.from);
        out.push_sql(" WHERE ");
        self.list.condition.push(&mut out)?;
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(") AS counted");
        Ok(())
    }
}

impl QueryId for Count<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Count<'_> {
    type SqlType = BigInt;
}

impl<C> RunQueryDsl<C> for Count<'_> {}
