//! The representation of a namespace for CustomersDot.
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::BigInt;
use domain::billing::Subscription;

use super::seats::{self, Counts};
use super::{Namespace, subscriptions};
use crate::schema::namespace_root_storage_statistics as statistics;
use crate::sql::statement::query;
use crate::{Conn, MultiBackend, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    pub namespace: Namespace,
    pub counts: Counts,
    /// The subscription of the root namespace.
    pub subscription: Option<Subscription>,
    pub root_repository_size: i64,
}

/// Loads a group or a personal namespace with its counts, its subscription and the size of its repositories.
pub fn show(conn: &mut Conn, namespace: Namespace, today: NaiveDate) -> Result<Overview> {
    let root_id = match namespace.parent_id {
        None => namespace.id,
        Some(parent_id) => Root { parent_id }.get_result(conn)?,
    };
    let subscription = subscriptions::find(conn, root_id)?;
    let exclude_guests = subscription.as_ref().is_some_and(|found| found.plan.excludes_guests());
    let counts = seats::count(conn, namespace.id, exclude_guests, today)?;
    let size = statistics::table.find(root_id).select(statistics::repository_size).first(conn);
    Ok(Overview { counts, subscription, root_repository_size: size.optional()?.unwrap_or(0), namespace })
}

/// The id of the root namespace above a group.
struct Root {
    parent_id: i64,
}

impl QueryFragment<MultiBackend> for Root {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql(
            "WITH RECURSIVE above (id, parent_id) AS (SELECT id, parent_id FROM namespaces WHERE id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.parent_id)?;
        out.push_sql(
            " UNION SELECT n.id, n.parent_id FROM above a JOIN namespaces n ON n.id = a.parent_id) \
             SELECT id FROM above WHERE parent_id IS NULL",
        );
        Ok(())
    }
}

query!(static Root, BigInt);
