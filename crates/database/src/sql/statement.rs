//! Hand-written statements: one list of columns gives the SELECT list, the SQL types and the fields of the row.
//!
//! A statement is a query node: static text with typed binds, which a connection prepares once and caches.
//! [`statement!`] declares a row, and [`query!`] makes a `QueryFragment` a statement that returns such rows.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::query_builder::AstPass;
use diesel::sql_types::{BigInt, Binary, Bool, Date, Integer, Nullable, SmallInt, Text, Timestamp};

use crate::MultiBackend;

/// The SQL type of a column, and the Rust type of its field.
pub trait ColumnType {
    type Field;

    /// The name of the type in SQL.
    const NAME: &'static str;
}

macro_rules! column_types {
    ($($sql_type:ty => $field:ty, $name:literal);* $(;)?) => {
        $(impl ColumnType for $sql_type {
            type Field = $field;
            const NAME: &'static str = $name;
        })*
    };
}
column_types! {
    BigInt => i64, "bigint";
    Binary => Vec<u8>, "bytea";
    Bool => bool, "boolean";
    Date => NaiveDate, "date";
    Integer => i32, "integer";
    SmallInt => i16, "smallint";
    Text => String, "text";
    Timestamp => NaiveDateTime, "timestamp";
}

impl<T: ColumnType> ColumnType for Nullable<T> {
    type Field = Option<T::Field>;
    const NAME: &'static str = T::NAME;
}

/// A row, or a part of a row, that [`statement!`] has declared.
pub(crate) trait StatementRow {
    /// The SQL types of the columns, as a tuple.
    type Columns;

    /// Appends the SELECT list.
    fn select(out: &mut AstPass<'_, '_, MultiBackend>);
}

/// The columns of a row that has no parts.
pub(crate) trait StatementColumns {
    /// The expressions of the SELECT list.
    const EXPRESSIONS: &'static [&'static str];
    /// The name of each field, with the name of its SQL type.
    const FIELDS: &'static [(&'static str, &'static str)];
}

/// The SQL types of a row.
pub(crate) type Columns<R> = <R as StatementRow>::Columns;

/// A part that is absent if a column of it that cannot be NULL is NULL, as after a `LEFT JOIN`.
impl<R: StatementRow> StatementRow for Option<R> {
    type Columns = Nullable<R::Columns>;

    fn select(out: &mut AstPass<'_, '_, MultiBackend>) {
        R::select(out);
    }
}

/// Declares the row of a hand-written statement.
///
/// A field is a column with its SQL type and its expression: `id: BigInt = "p.id"`. A row may also consist of
/// other rows: `project: Option<ProjectRow>`.
macro_rules! statement {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $row:ident {
            $($(#[$field_meta:meta])* $field_visibility:vis $field:ident: $sql_type:ty = $expression:expr),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(diesel::Queryable)]
        $visibility struct $row {
            $(
                $(#[$field_meta])*
                $field_visibility $field: <$sql_type as $crate::sql::statement::ColumnType>::Field,
            )+
        }

        impl $crate::sql::statement::StatementRow for $row {
            type Columns = ($($sql_type,)+);

            fn select(out: &mut diesel::query_builder::AstPass<'_, '_, $crate::MultiBackend>) {
                use $crate::sql::statement::StatementColumns;
                for (index, expression) in Self::EXPRESSIONS.iter().enumerate() {
                    out.push_sql(if index == 0 { "" } else { ", " });
                    out.push_sql(expression);
                }
            }
        }

        impl $crate::sql::statement::StatementColumns for $row {
            const EXPRESSIONS: &'static [&'static str] = &[$($expression),+];
            const FIELDS: &'static [(&'static str, &'static str)] = &[
                $((stringify!($field), <$sql_type as $crate::sql::statement::ColumnType>::NAME)),+
            ];
        }
    };
    (
        $(#[$meta:meta])*
        $visibility:vis struct $row:ident {
            $($(#[$field_meta:meta])* $field_visibility:vis $field:ident: $part:ty),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(diesel::Queryable)]
        $visibility struct $row {
            $($(#[$field_meta])* $field_visibility $field: $part,)+
        }

        impl $crate::sql::statement::StatementRow for $row {
            type Columns = ($(<$part as $crate::sql::statement::StatementRow>::Columns,)+);

            fn select(out: &mut diesel::query_builder::AstPass<'_, '_, $crate::MultiBackend>) {
                let parts: &[fn(&mut diesel::query_builder::AstPass<'_, '_, $crate::MultiBackend>)] =
                    &[$(<$part as $crate::sql::statement::StatementRow>::select),+];
                for (index, select) in parts.iter().enumerate() {
                    out.push_sql(if index == 0 { "" } else { ", " });
                    select(out);
                }
            }
        }
    };
}
pub(crate) use statement;

/// Makes a `QueryFragment` a statement: `query!(Node<'_>, SqlType)`, or `query!(Node<'_>, row Row)` for the
/// columns of a row. `query!(Node<'_>)` returns no rows.
///
/// A connection caches the statement by its text. With `static`, the text never changes, and the connection
/// finds the statement without it.
macro_rules! query {
    ($node:ty, row $row:ty) => {
        $crate::sql::statement::query!($node, $crate::sql::statement::Columns<$row>);
    };
    (static $node:ty, row $row:ty) => {
        $crate::sql::statement::query!(static $node, $crate::sql::statement::Columns<$row>);
    };
    (static $node:ty, $sql_type:ty) => {
        $crate::sql::statement::query!(static $node);
        impl diesel::query_builder::Query for $node {
            type SqlType = $sql_type;
        }
    };
    ($node:ty, $sql_type:ty) => {
        $crate::sql::statement::query!($node);
        impl diesel::query_builder::Query for $node {
            type SqlType = $sql_type;
        }
    };
    (static $node:ty) => {
        impl diesel::query_builder::QueryId for $node {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }
        impl<C> diesel::RunQueryDsl<C> for $node {}
    };
    ($node:ty) => {
        impl diesel::query_builder::QueryId for $node {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
        impl<C> diesel::RunQueryDsl<C> for $node {}
    };
}
pub(crate) use query;
