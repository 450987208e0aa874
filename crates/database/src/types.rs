//! SQL types which Diesel's multi connection lacks. Our code reads such columns as text, with a cast.
use diesel::query_builder::QueryId;
use diesel::sql_types::SqlType;

/// `jsonb`, on SQLite text.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 3802, array_oid = 3807), sqlite_type(name = "Text"))]
pub struct Jsonb;

/// `bigint[]`, on SQLite text that holds JSON.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1016, array_oid = 0), sqlite_type(name = "Text"))]
pub struct BigIntArray;

/// `integer[]`, on SQLite text that holds JSON.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1007, array_oid = 0), sqlite_type(name = "Text"))]
pub struct IntegerArray;

/// `text[]`, on SQLite text that holds JSON.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1009, array_oid = 0), sqlite_type(name = "Text"))]
pub struct TextArray;

/// `uuid`, on SQLite its text.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Text"))]
pub struct Uuid;
