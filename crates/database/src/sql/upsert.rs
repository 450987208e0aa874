//! SQL that both databases support but Diesel's multi connection does not.
use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};

/// `insert ON CONFLICT (target) DO UPDATE SET c = excluded.c, …`, or `DO NOTHING` if there is nothing to
/// set.
#[derive(Debug)]
pub struct Upsert<I> {
    pub insert: I,
    pub target: &'static [&'static str],
    pub set: &'static [&'static str],
}

impl<I, DB: Backend> QueryFragment<DB> for Upsert<I>
where
    I: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.insert.walk_ast(out.reborrow())?;
        for (i, column) in self.target.iter().enumerate() {
            out.push_sql(if i == 0 { " ON CONFLICT (" } else { ", " });
            out.push_identifier(column)?;
        }
        out.push_sql(if self.set.is_empty() { ") DO NOTHING" } else { ") DO UPDATE SET " });
        for (i, column) in self.set.iter().enumerate() {
            out.push_sql(if i == 0 { "" } else { ", " });
            out.push_identifier(column)?;
            out.push_sql(" = excluded.");
            out.push_identifier(column)?;
        }
        Ok(())
    }
}

impl<I> QueryId for Upsert<I> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<I, C> RunQueryDsl<C> for Upsert<I> {}

/// A list of values such as `(1, 2, 3)`, which Diesel's multi connection does not support. It must not be
/// empty. The statement has one text for each length, so it is not cached.
#[derive(Debug)]
pub(crate) struct List<'a, T>(pub &'a [T]);

impl List<'_, i64> {
    pub(crate) fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, crate::MultiBackend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        for (index, id) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", " });
            out.push_bind_param::<diesel::sql_types::BigInt, _>(id)?;
        }
        out.push_sql(")");
        Ok(())
    }
}
