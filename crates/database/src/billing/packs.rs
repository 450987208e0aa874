//! `ci_minutes_additional_packs`: purchased compute minutes.
//!
//! GitLab's index on the namespace and the purchase id is not unique: the row lock of the namespace prevents
//! duplicates.
use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Date, Integer, Text, Timestamp};
use domain::billing::Pack;

use super::{Key, Namespace, namespaces};
use crate::schema::ci_minutes_additional_packs as packs;
use crate::{Conn, MultiBackend, Result};

/// Packs per statement.
const CHUNK_SIZE: usize = 500;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct StoredPack {
    pub id: i64,
    pub expires_at: Option<NaiveDate>,
    pub number_of_minutes: i32,
    pub purchase_xid: Option<String>,
}

/// The result of a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseOutcome {
    pub namespace: Namespace,
    /// A stored pack for each requested one, in the order of the request.
    pub packs: Vec<StoredPack>,
    /// The ids of the packs that were inserted. The others were purchased before.
    pub inserted: BTreeSet<i64>,
}

/// Adds packs to a namespace. A repeated purchase id adds nothing and changes nothing.
///
/// Without a connection to `ci`, the packs are in the main database. Otherwise the namespace stays locked in the
/// main database until `ci` has committed.
pub fn buy(
    main: &mut Conn,
    mut ci: Option<&mut Conn>,
    key: &Key,
    wanted: &[Pack],
    now: NaiveDateTime,
) -> Result<PurchaseOutcome> {
    namespaces::change(main, &[key], |conn, found| match ci.as_deref_mut() {
        Some(ci) => ci.write(|ci| insert(ci, &found[0], wanted, now)),
        None => insert(conn, &found[0], wanted, now),
    })
}

fn insert(
    conn: &mut Conn,
    namespace: &Namespace,
    wanted: &[Pack],
    now: NaiveDateTime,
) -> Result<PurchaseOutcome> {
    let namespace_id = namespace.id;
    let known = find_by_purchase(conn, namespace_id, wanted)?;
    let mut new: Vec<&Pack> = Vec::new();
    let mut seen: HashSet<&str> = known.keys().map(String::as_str).collect();
    for pack in wanted {
        if seen.insert(&pack.purchase_xid) {
            new.push(pack);
        }
    }
    for packs in new.chunks(CHUNK_SIZE) {
        Insert { namespace_id, packs, now }.execute(conn)?;
    }
    let stored = if new.is_empty() { known.clone() } else { find_by_purchase(conn, namespace_id, wanted)? };
    let packs = wanted.iter().filter_map(|pack| stored.get(&pack.purchase_xid).cloned()).collect();
    let is_new = |(xid, pack): (&String, &StoredPack)| (!known.contains_key(xid)).then_some(pack.id);
    let inserted = stored.iter().filter_map(is_new).collect();
    Ok(PurchaseOutcome { namespace: namespace.clone(), packs, inserted })
}

/// Finds the packs of a namespace with these purchase ids. If several packs have the same purchase id, the one
/// with the lowest id counts.
fn find_by_purchase(
    conn: &mut Conn,
    namespace_id: i64,
    wanted: &[Pack],
) -> Result<HashMap<String, StoredPack>> {
    let mut found = HashMap::new();
    for chunk in wanted.chunks(CHUNK_SIZE) {
        let ids: Vec<&str> = chunk.iter().map(|pack| pack.purchase_xid.as_str()).collect();
        let stored: Vec<StoredPack> = packs::table
            .filter(packs::namespace_id.eq(namespace_id))
            .filter(packs::purchase_xid.eq_any(ids))
            .order(packs::id)
            .select((packs::id, packs::expires_at, packs::number_of_minutes, packs::purchase_xid))
            .load(conn)?;
        for pack in stored {
            found.entry(pack.purchase_xid.clone().unwrap_or_default()).or_insert(pack);
        }
    }
    Ok(found)
}

/// An insert of several rows, which Diesel's multi connection lacks.
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

/// The result of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveOutcome {
    pub source: Namespace,
    pub target: Namespace,
    /// The ids of the packs that were moved.
    pub pack_ids: BTreeSet<i64>,
    pub number_of_minutes: i64,
}

/// Moves all packs of a namespace to another one, expired ones included. Packs are never merged.
///
/// `ci` has the same meaning as in [`buy`].
pub fn move_all(
    main: &mut Conn,
    mut ci: Option<&mut Conn>,
    source: &Key,
    target: &Key,
    now: NaiveDateTime,
) -> Result<MoveOutcome> {
    namespaces::change(main, &[source, target], |conn, found| {
        let conn = ci.as_deref_mut().unwrap_or(conn);
        let [source, target] = [&found[0], &found[1]];
        if source.id == target.id {
            let same = "Source and target namespaces must be different".to_owned();
            return Err(domain::Error::Invalid(same).into());
        }
        let moved: Vec<(i64, i32)> = diesel::update(packs::table.filter(packs::namespace_id.eq(source.id)))
            .set((packs::namespace_id.eq(target.id), packs::updated_at.eq(now)))
            .returning((packs::id, packs::number_of_minutes))
            .get_results(conn)?;
        Ok(MoveOutcome {
            source: source.clone(),
            target: target.clone(),
            pack_ids: moved.iter().map(|(id, _)| *id).collect(),
            number_of_minutes: moved.iter().map(|(_, minutes)| i64::from(*minutes)).sum(),
        })
    })
}
