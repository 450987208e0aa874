//! `ci_minutes_additional_packs`: compute minutes that were bought.
//!
//! No index of a real GitLab keeps purchases apart: the namespace's lock does.
use std::collections::HashMap;

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Date, Integer, Text, Timestamp};
use domain::billing::Pack;

use super::{Key, namespaces};
use crate::schema::ci_minutes_additional_packs as packs;
use crate::{Conn, MultiBackend, Result};

/// Packs in one statement.
const CHUNK: usize = 500;

/// A pack as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Stored {
    pub expires_at: Option<NaiveDate>,
    pub number_of_minutes: i32,
    pub purchase_xid: Option<String>,
}

/// What a purchase led to: a pack for each that was asked for, in that order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    pub namespace_id: i64,
    pub packs: Vec<Stored>,
    /// Those that were there already, whatever the request says of them.
    pub repeated: Vec<Stored>,
}

/// Adds packs to a namespace; a purchase that is known already adds nothing and changes nothing.
pub fn buy(conn: &mut Conn, key: &Key, wanted: &[Pack], now: NaiveDateTime) -> Result<Bought> {
    namespaces::change(conn, &[key], |conn, found| {
        let namespace_id = found[0].id;
        let mut known = known(conn, namespace_id, wanted)?;
        let repeated = wanted.iter().filter_map(|pack| known.get(&pack.purchase_xid).cloned()).collect();
        let mut new = Vec::new();
        for pack in wanted {
            known.entry(pack.purchase_xid.clone()).or_insert_with(|| {
                new.push(pack);
                Stored::from(pack)
            });
        }
        for packs in new.chunks(CHUNK) {
            Insert { namespace_id, packs, now }.execute(conn)?;
        }
        let packs = wanted.iter().filter_map(|pack| known.get(&pack.purchase_xid).cloned()).collect();
        Ok(Bought { namespace_id, packs, repeated })
    })
}

/// The packs of a namespace with these purchases' ids; of several with one id, the oldest.
fn known(conn: &mut Conn, namespace_id: i64, wanted: &[Pack]) -> Result<HashMap<String, Stored>> {
    let mut known = HashMap::new();
    for chunk in wanted.chunks(CHUNK) {
        let ids: Vec<&str> = chunk.iter().map(|pack| pack.purchase_xid.as_str()).collect();
        let stored: Vec<Stored> = packs::table
            .filter(packs::namespace_id.eq(namespace_id))
            .filter(packs::purchase_xid.eq_any(ids))
            .order(packs::id)
            .select((packs::expires_at, packs::number_of_minutes, packs::purchase_xid))
            .load(conn)?;
        for pack in stored {
            known.entry(pack.purchase_xid.clone().unwrap_or_default()).or_insert(pack);
        }
    }
    Ok(known)
}

impl From<&Pack> for Stored {
    fn from(pack: &Pack) -> Self {
        Self {
            expires_at: Some(pack.expires_at),
            number_of_minutes: pack.number_of_minutes,
            purchase_xid: Some(pack.purchase_xid.clone()),
        }
    }
}

/// Many rows at once, which Diesel's multi connection cannot say.
struct Insert<'a> {
    namespace_id: i64,
    packs: &'a [&'a Pack],
    now: NaiveDateTime,
}

impl QueryFragment<MultiBackend> for Insert<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO ci_minutes_additional_packs (namespace_id, expires_at, number_of_minutes, purchase_xid, \
             created_at, updated_at) VALUES ",
        );
        for (at, pack) in self.packs.iter().enumerate() {
            out.push_sql(if at == 0 { "(" } else { ", (" });
            out.push_bind_param::<BigInt, _>(&self.namespace_id)?;
            out.push_sql(", ");
            out.push_bind_param::<Date, _>(&pack.expires_at)?;
            out.push_sql(", ");
            out.push_bind_param::<Integer, _>(&pack.number_of_minutes)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(&pack.purchase_xid)?;
            for _ in ["created_at", "updated_at"] {
                out.push_sql(", ");
                out.push_bind_param::<Timestamp, _>(&self.now)?;
            }
            out.push_sql(")");
        }
        Ok(())
    }
}

impl QueryId for Insert<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> RunQueryDsl<C> for Insert<'_> {}

/// What a move has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub source_id: i64,
    pub target_id: i64,
    pub packs: usize,
}

/// Moves all packs of a namespace to another, expired ones too. None is ever merged with another.
pub fn move_all(conn: &mut Conn, source: &Key, target: &Key, now: NaiveDateTime) -> Result<Moved> {
    namespaces::change(conn, &[source, target], |conn, found| {
        let (source_id, target_id) = (found[0].id, found[1].id);
        if source_id == target_id {
            let same = "Source and target namespaces must be different".to_owned();
            return Err(domain::Error::Invalid(same).into());
        }
        let of_source = packs::table.filter(packs::namespace_id.eq(source_id));
        let packs = diesel::update(of_source)
            .set((packs::namespace_id.eq(target_id), packs::updated_at.eq(now)))
            .execute(conn)?;
        Ok(Moved { source_id, target_id, packs })
    })
}
