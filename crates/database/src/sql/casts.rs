//! Values of SQL types that Diesel's multi connection lacks, bound as strings that PostgreSQL casts.
use std::marker::PhantomData;

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Nullable, SqlType, Text};

use crate::MultiBackend;
use crate::types::{BigIntArray, Jsonb, TextArray, Uuid};

/// A string that represents a value of the SQL type `ST`.
#[derive(Debug, Clone)]
pub(crate) struct Typed<ST> {
    text: String,
    /// The SQL before and after the value on PostgreSQL. SQLite stores the string itself.
    around: (&'static str, &'static str),
    sql_type: PhantomData<ST>,
}

/// A document that is JSON text already.
pub(crate) fn json_text(text: &str) -> Typed<Jsonb> {
    Typed::new(text.to_owned(), ("CAST(", " AS jsonb)"))
}

/// A document that is JSON text already, for a nullable column.
pub(crate) fn nullable_json_text(text: &str) -> Typed<Nullable<Jsonb>> {
    Typed::new(text.to_owned(), ("CAST(", " AS jsonb)"))
}

/// A UUID in its usual string form.
pub(crate) fn uuid(text: &str) -> Typed<Uuid> {
    Typed::new(text.to_owned(), ("CAST(", " AS uuid)"))
}

/// A list of integers, given as a JSON array.
pub(crate) fn bigints_from_json(json: &str) -> Typed<BigIntArray> {
    let around = ("ARRAY(SELECT CAST(jsonb_array_elements_text(CAST(", " AS jsonb)) AS bigint))");
    Typed::new(json.to_owned(), around)
}

/// An array of strings.
pub(crate) fn text_array(list: &[String]) -> Typed<TextArray> {
    let json = serde_json::Value::from(list).to_string();
    Typed::new(json, ("ARRAY(SELECT jsonb_array_elements_text(CAST(", " AS jsonb)))"))
}

impl<ST> Typed<ST> {
    fn new(text: String, around: (&'static str, &'static str)) -> Self {
        Self { text, around, sql_type: PhantomData }
    }
}

impl<ST: SqlType + diesel::expression::TypedExpressionType> Expression for Typed<ST> {
    type SqlType = ST;
}

impl<ST> ValidGrouping<()> for Typed<ST> {
    type IsAggregate = is_aggregate::Never;
}

impl<ST, T> AppearsOnTable<T> for Typed<ST> where Self: Expression {}

impl<ST, T> SelectableExpression<T> for Typed<ST> where Self: Expression {}

impl<ST> QueryFragment<MultiBackend> for Typed<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        // The SQL differs between the databases, but the query id does not. Connections of one cache are all
        // of the same kind.
        let casts = matches!(out.backend(), MultiBackend::Postgresql(_));
        if casts {
            out.push_sql(self.around.0);
        }
        out.push_bind_param::<Text, _>(&self.text)?;
        if casts {
            out.push_sql(self.around.1);
        }
        Ok(())
    }
}

impl<ST: 'static> QueryId for Typed<ST> {
    type QueryId = Typed<ST>;
    const HAS_STATIC_QUERY_ID: bool = true;
}
