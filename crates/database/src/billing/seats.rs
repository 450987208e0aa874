//! Seats in use: the number of GitLab's billable members.
//!
//! Guests are free on some plans, unless a custom role of theirs occupies a seat
//! ([issue 390269](https://gitlab.com/gitlab-org/gitlab/-/issues/390269)).
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SmallInt, Text};
use domain::Role;

use super::namespaces::{lock_ids, transaction};
use super::{Namespace, subscriptions};
use crate::memberships::conditions::{gives_role, unexpired, valid_membership};
use crate::schema::gitlab_subscriptions;
use crate::sql::optional_columns;
use crate::sql::statement::{StatementRow, query, statement};
use crate::users::active_person;
use crate::{Conn, MultiBackend, Result};

/// How long a count is valid.
const REFRESH_INTERVAL: TimeDelta = TimeDelta::hours(24);

/// Counts of a namespace and everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct Counts {
    pub billable_members: i64,
    /// Members of groups and projects, without those of invited groups.
    pub members: i64,
    pub projects: i64,
}

/// Counts members and projects.
pub fn count(conn: &mut Conn, namespace_id: i64, exclude_guests: bool, today: NaiveDate) -> Result<Counts> {
    Ok(Count(Members::new(conn, namespace_id, exclude_guests, today)?).get_result(conn)?)
}

/// The memberships that [`count`] reads, each with the user it belongs to. A user takes a seat if one of their
/// memberships does.
pub fn explain(
    conn: &mut Conn,
    namespace_id: i64,
    exclude_guests: bool,
    today: NaiveDate,
) -> Result<Vec<Seat>> {
    Ok(Explain(Members::new(conn, namespace_id, exclude_guests, today)?).load(conn)?)
}

statement! {
    /// A valid membership that gives a role in a namespace, or below it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Seat {
        pub user_id: BigInt = "s.user_id",
        pub username: Nullable<Text> = "s.username",
        pub state: Nullable<Text> = "s.state",
        pub user_type: SmallInt = "s.user_type",
        /// `None` for the owner of a personal namespace.
        pub membership_id: Nullable<BigInt> = "s.member_id",
        /// `Namespace` or `Project`.
        pub source_type: Text = "s.source_type",
        pub source_id: BigInt = "s.source_id",
        /// The access level of the membership, or the lower one of the invitation of its group.
        pub access_level: Integer = "s.access_level",
        /// Whether the membership is one of an invited group.
        pub is_of_invited_group: Bool = "s.own = 0",
        pub member_role_id: Nullable<BigInt> = "s.role_id",
        /// Whether the role takes a seat.
        pub role_takes_seat: Bool = "s.role_takes_seat",
        /// Whether the user is an active person, who alone can take a seat.
        pub is_active_person: Bool = "s.is_active_person",
    }
}

impl Seat {
    /// Whether the user takes a seat by this membership.
    pub fn is_taken(&self) -> bool {
        self.role_takes_seat && self.is_active_person
    }
}

/// Seats in use. A personal namespace takes at least one, that of its owner.
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
        .filter(s::last_seat_refresh_at.is_null().or(s::last_seat_refresh_at.le(now - REFRESH_INTERVAL)))
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

/// The members of a namespace and everything below it.
struct Members {
    namespace_id: i64,
    /// The lowest access level that takes a seat without a custom role.
    lowest_role: i32,
    /// Whether the custom role `r` occupies a seat.
    custom_roles: &'static str,
    today: NaiveDate,
}

/// GitLab has this column since 16.10. A migration fills it for older roles.
const OCCUPIES_SEAT: &str = "COALESCE(r.occupies_seat, false)";
/// Without the column: a role occupies a seat if it has any permission other than `read_code`.
const ELEVATES_POSTGRESQL: &str = "EXISTS (SELECT 1 FROM jsonb_each(\
    CASE WHEN jsonb_typeof(r.permissions) = 'object' THEN r.permissions ELSE '{}' END) AS p \
    WHERE p.key <> 'read_code' AND p.value = 'true')";
/// The same on SQLite, where the column is text.
const ELEVATES_SQLITE: &str = "EXISTS (SELECT 1 FROM json_each(r.permissions) AS p \
    WHERE p.key <> 'read_code' AND p.type = 'true')";

/// The valid memberships. The role depends on the invitation too, so it is compared at the end.
const VALID: &str = valid_membership!("m", "(SELECT today FROM parameters)");
/// The common table expressions: the namespace and everything below it, its projects, and the groups that are
/// invited to any of them with their ancestors.
const SOURCES: &str = concat!(
    " AS today), tree (id) AS (SELECT id FROM parameters UNION \
       SELECT n.id FROM tree t JOIN namespaces n ON n.parent_id = t.id AND n.type = 'Group'), \
     places (id, locked) AS (SELECT p.id, COALESCE(n.share_with_group_lock, false) FROM tree t \
       JOIN projects p ON p.namespace_id = t.id JOIN namespaces n ON n.id = t.id), \
     invited (id, access_level) AS (\
       SELECT id, access_level FROM (\
         SELECT l.shared_with_group_id AS id, CAST(l.group_access AS integer) AS access_level \
           FROM group_group_links l JOIN tree t ON t.id = l.shared_group_id \
          WHERE ",
    unexpired!("l", "(SELECT today FROM parameters)"),
    " UNION \
         SELECT l.group_id, CAST(l.group_access AS integer) \
           FROM project_group_links l JOIN places p ON p.id = l.project_id AND NOT p.locked \
          WHERE ",
    unexpired!("l", "(SELECT today FROM parameters)"),
    ") AS links UNION \
       SELECT n.parent_id, i.access_level FROM invited i JOIN namespaces n ON n.id = i.id \
        WHERE n.parent_id IS NOT NULL)"
);

impl Members {
    fn new(conn: &mut Conn, namespace_id: i64, exclude_guests: bool, today: NaiveDate) -> Result<Self> {
        let lowest_role = if exclude_guests { Role::GUEST.0 + 1 } else { Role::GUEST.0 };
        let has_column = optional_columns::exists(conn, "member_roles", "occupies_seat")?;
        let custom_roles = match conn {
            _ if has_column => OCCUPIES_SEAT,
            Conn::Postgresql(_) => ELEVATES_POSTGRESQL,
            Conn::Sqlite(_) => ELEVATES_SQLITE,
        };
        Ok(Self { namespace_id, lowest_role, custom_roles, today })
    }

    /// Appends the common table expressions. `counted` has a row for each valid membership.
    fn push_counted<'b>(&'b self, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE parameters AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.namespace_id)?;
        out.push_sql(" AS id, ");
        out.push_bind_param::<Integer, _>(&self.lowest_role)?;
        out.push_sql(" AS lowest_role, ");
        out.push_bind_param::<Date, _>(&self.today)?;
        out.push_sql(SOURCES);
        out.push_sql(
            ", counted (user_id, access_level, own, role_id, member_id, source_type, source_id) AS (\
               SELECT m.user_id, m.access_level, 1, m.member_role_id, m.id, m.source_type, m.source_id FROM tree t \
                 JOIN members m ON m.source_type = 'Namespace' AND m.source_id = t.id WHERE ",
        );
        out.push_sql(VALID);
        out.push_sql(
            " UNION ALL SELECT m.user_id, m.access_level, 1, m.member_role_id, m.id, m.source_type, m.source_id FROM places p \
                JOIN members m ON m.source_type = 'Project' AND m.source_id = p.id WHERE ",
        );
        out.push_sql(VALID);
        // An invitation that lowers the access level drops the custom role as well.
        out.push_sql(
            " UNION ALL SELECT m.user_id, \
                CASE WHEN m.access_level < i.access_level THEN m.access_level ELSE i.access_level END, 0, \
                CASE WHEN m.access_level <= i.access_level THEN m.member_role_id END, m.id, m.source_type, m.source_id \
                FROM invited i JOIN members m ON m.source_type = 'Namespace' AND m.source_id = i.id WHERE ",
        );
        out.push_sql(VALID);
        out.push_sql(
            " UNION ALL SELECT n.owner_id, 50, 1, NULL, NULL, 'Namespace', n.id FROM namespaces n \
               WHERE n.id = (SELECT id FROM parameters) AND n.type = 'User')",
        );
        Ok(())
    }

    /// Appends the condition that the role of `counted` row `c` with the custom role `r` takes a seat.
    fn push_takes_seat(&self, out: &mut AstPass<'_, '_, MultiBackend>) {
        out.push_sql(
            "(c.access_level >= (SELECT lowest_role FROM parameters) OR (c.role_id IS NOT NULL AND ",
        );
        out.push_sql(self.custom_roles);
        out.push_sql("))");
    }
}

struct Count(Members);

impl QueryFragment<MultiBackend> for Count {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.0.push_counted(&mut out)?;
        out.push_sql(" SELECT count(DISTINCT CASE WHEN ");
        self.0.push_takes_seat(&mut out);
        out.push_sql(
            " THEN u.id END), \
                    count(DISTINCT CASE WHEN c.own = 1 THEN u.id END), (SELECT count(*) FROM places) \
               FROM counted c JOIN users u ON u.id = c.user_id AND ",
        );
        out.push_sql(active_person!("u"));
        out.push_sql(" LEFT JOIN member_roles r ON r.id = c.role_id WHERE ");
        out.push_sql(gives_role!("c"));
        Ok(())
    }
}

query!(Count, (BigInt, BigInt, BigInt));

struct Explain(Members);

impl QueryFragment<MultiBackend> for Explain {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.0.push_counted(&mut out)?;
        out.push_sql(" SELECT ");
        Seat::select(&mut out);
        out.push_sql(
            " FROM (SELECT c.user_id, u.username, u.state, u.user_type, c.member_id, c.source_type, c.source_id, \
                           c.access_level, c.own, c.role_id, ",
        );
        self.0.push_takes_seat(&mut out);
        out.push_sql(" AS role_takes_seat, COALESCE(");
        out.push_sql(active_person!("u"));
        out.push_sql(
            ", false) AS is_active_person \
               FROM counted c JOIN users u ON u.id = c.user_id LEFT JOIN member_roles r ON r.id = c.role_id WHERE ",
        );
        out.push_sql(gives_role!("c"));
        out.push_sql(") AS s ORDER BY s.user_id, s.own DESC, s.access_level DESC, s.member_id");
        Ok(())
    }
}

query!(Explain, row Seat);
