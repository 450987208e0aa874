//! `INSERT … ON CONFLICT`, which both databases support but Diesel's multi connection does not.
use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};

/// `insert ON CONFLICT (target) DO UPDATE SET c = excluded.c, …`, or `DO NOTHING` if there is nothing to
/// set.
#[derive(Debug)]
pub(crate) struct Upsert<I> {
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
