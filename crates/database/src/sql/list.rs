//! Lists of values.
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::BigInt;

use crate::MultiBackend;

/// A list of values such as `(1, 2, 3)`, which Diesel's multi connection does not support. It must not be
/// empty. The statement has one text for each length, so it is not cached.
#[derive(Debug)]
pub(crate) struct List<'a, T>(pub &'a [T]);

impl List<'_, i64> {
    pub(crate) fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        for (index, id) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", " });
            out.push_bind_param::<BigInt, _>(id)?;
        }
        out.push_sql(")");
        Ok(())
    }
}
