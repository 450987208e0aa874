//! SQL types that Diesel's multi connection lacks. Columns of these types are read as text, with a cast.
use diesel::query_builder::QueryId;
use diesel::sql_types::SqlType;

/// `jsonb`; text on SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 3802, array_oid = 3807), sqlite_type(name = "Text"))]
pub struct Jsonb;

/// `bigint[]`; JSON text on SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1016, array_oid = 0), sqlite_type(name = "Text"))]
pub struct BigIntArray;

/// `integer[]`; JSON text on SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1007, array_oid = 0), sqlite_type(name = "Text"))]
pub struct IntegerArray;

/// `text[]`; JSON text on SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1009, array_oid = 0), sqlite_type(name = "Text"))]
pub struct TextArray;

/// `uuid`; text on SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Text"))]
pub struct Uuid;
