//! Who takes a seat of a subscription: GitLab's billable members.
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Date, Integer};

use super::namespaces::{lock_ids, transaction};
use super::{Namespace, subscriptions};
use crate::schema::gitlab_subscriptions;
use crate::{Conn, MultiBackend, Result};

/// How long a count is good for.
const DAY: TimeDelta = TimeDelta::hours(24);

/// What is counted in a namespace and below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct Counts {
    pub billable_members: i64,
    /// Members of groups and projects here, not through groups that were invited.
    pub members: i64,
    pub projects: i64,
}

/// Counts members and projects, one statement.
pub fn count(conn: &mut Conn, namespace_id: i64, exclude_guests: bool, today: NaiveDate) -> Result<Counts> {
    let floor = if exclude_guests { 10 } else { 5 };
    Ok(Count { namespace_id, floor, today }.get_result(conn)?)
}

/// Seats in use. A personal namespace takes one at least: its owner's.
pub(super) fn in_use(
    conn: &mut Conn,
    namespace: &Namespace,
    exclude_guests: bool,
    today: NaiveDate,
) -> Result<i32> {
    let billable = count(conn, namespace.id, exclude_guests, today)?.billable_members;
    let seats = i32::try_from(billable).unwrap_or(i32::MAX);
    Ok(if namespace.is_personal() { seats.max(1) } else { seats })
}

/// Counts the seats of every subscription that were counted a day ago or earlier. Returns how many they were.
pub fn refresh_stale(conn: &mut Conn, now: NaiveDateTime) -> Result<usize> {
    let stale = stale(conn, now)?;
    for namespace_id in &stale {
        refresh(conn, *namespace_id, now)?;
    }
    Ok(stale.len())
}

/// The namespaces whose seats were counted a day ago or earlier.
pub(crate) fn stale(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<i64>> {
    use gitlab_subscriptions as s;
    Ok(s::table
        .filter(s::last_seat_refresh_at.is_null().or(s::last_seat_refresh_at.le(now - DAY)))
        .order(s::namespace_id)
        .select(s::namespace_id)
        .load(conn)?)
}

/// Counts the seats of one namespace's subscription.
pub(crate) fn refresh(conn: &mut Conn, namespace_id: i64, now: NaiveDateTime) -> Result<()> {
    transaction(conn, |conn| {
        // It may have been deleted since.
        lock_ids(conn, &[namespace_id])?
            .first()
            .map_or(Ok(()), |namespace| subscriptions::refresh_seats(conn, namespace, now))
    })
}

struct Count {
    namespace_id: i64,
    /// Roles above it count.
    floor: i32,
    today: NaiveDate,
}

const COUNTS: &str = "m.requested_at IS NULL AND m.invite_token IS NULL AND m.state = 0 \
    AND (m.expires_at IS NULL OR m.expires_at > (SELECT today FROM asked))";

impl QueryFragment<MultiBackend> for Count {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE asked AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.namespace_id)?;
        out.push_sql(" AS id, ");
        out.push_bind_param::<Integer, _>(&self.floor)?;
        out.push_sql(" AS floor, ");
        out.push_bind_param::<Date, _>(&self.today)?;
        out.push_sql(
            " AS today), tree (id) AS (SELECT id FROM asked UNION \
               SELECT n.id FROM tree t JOIN namespaces n ON n.parent_id = t.id AND n.type = 'Group'), \
             places (id, locked) AS (SELECT p.id, COALESCE(n.share_with_group_lock, false) FROM tree t \
               JOIN projects p ON p.namespace_id = t.id JOIN namespaces n ON n.id = t.id), \
             invited (id, access_level) AS (\
               SELECT id, access_level FROM (\
                 SELECT l.shared_with_group_id AS id, CAST(l.group_access AS integer) AS access_level \
                   FROM group_group_links l JOIN tree t ON t.id = l.shared_group_id \
                  WHERE l.expires_at IS NULL OR l.expires_at > (SELECT today FROM asked) UNION \
                 SELECT l.group_id, CAST(l.group_access AS integer) \
                   FROM project_group_links l JOIN places p ON p.id = l.project_id AND NOT p.locked \
                  WHERE l.expires_at IS NULL OR l.expires_at > (SELECT today FROM asked)) AS links UNION \
               SELECT n.parent_id, i.access_level FROM invited i JOIN namespaces n ON n.id = i.id \
                WHERE n.parent_id IS NOT NULL), \
             counted (user_id, access_level, own) AS (\
               SELECT m.user_id, m.access_level, 1 FROM tree t \
                 JOIN members m ON m.source_type = 'Namespace' AND m.source_id = t.id WHERE ",
        );
        out.push_sql(COUNTS);
        out.push_sql(
            " UNION ALL SELECT m.user_id, m.access_level, 1 FROM places p \
                JOIN members m ON m.source_type = 'Project' AND m.source_id = p.id WHERE ",
        );
        out.push_sql(COUNTS);
        out.push_sql(
            " UNION ALL SELECT m.user_id, \
                CASE WHEN m.access_level < i.access_level THEN m.access_level ELSE i.access_level END, 0 \
                FROM invited i JOIN members m ON m.source_type = 'Namespace' AND m.source_id = i.id WHERE ",
        );
        out.push_sql(COUNTS);
        out.push_sql(
            " UNION ALL SELECT n.owner_id, 50, 1 FROM namespaces n WHERE n.id = (SELECT id FROM asked) AND n.type = 'User') \
             SELECT count(DISTINCT CASE WHEN c.access_level > (SELECT floor FROM asked) THEN u.id END), \
                    count(DISTINCT CASE WHEN c.own = 1 THEN u.id END), (SELECT count(*) FROM places) \
               FROM counted c JOIN users u ON u.id = c.user_id AND u.state = 'active' AND u.user_type = 0 \
              WHERE c.access_level > 5",
        );
        Ok(())
    }
}

impl QueryId for Count {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Count {
    type SqlType = (BigInt, BigInt, BigInt);
}

impl<C> RunQueryDsl<C> for Count {}
