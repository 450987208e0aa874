//! Members of groups and projects.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use domain::{Error as DomainError, Role};

use crate::memberships::owners;
use crate::memberships::{self, Source};
use crate::schema::{members, users};
use crate::{Conn, Result};

/// A member, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct MemberRow {
    pub user_id: i64,
    pub username: Option<String>,
    pub access_level: i32,
    pub expires_at: Option<NaiveDate>,
    pub created_at: Option<NaiveDateTime>,
}

fn of_source(source: Source) -> (&'static str, i64) {
    match source {
        Source::Group(id) => ("Namespace", id),
        Source::Project(id) => ("Project", id),
    }
}

/// Makes a user a member, or changes the role of a member.
pub fn add_member(
    conn: &mut Conn,
    user_id: i64,
    source: Source,
    role: Role,
    expires_at: Option<NaiveDate>,
    now: NaiveDateTime,
) -> Result<()> {
    conn.write(|conn| {
        if role < Role::OWNER {
            keep_last_owner(conn, user_id, source, now.date())?;
        }
        memberships::grant(conn, user_id, source, role, now)?;
        let (source_type, source_id) = of_source(source);
        let membership = members::table
            .filter(members::user_id.eq(user_id))
            .filter(members::source_type.eq(source_type))
            .filter(members::source_id.eq(source_id));
        diesel::update(membership).set(members::expires_at.eq(expires_at)).execute(conn)?;
        memberships::recompute(conn, user_id, now.date())
    })
}

/// Ends a membership. Returns whether there was one. The last owner of a group stays.
pub fn remove_member(conn: &mut Conn, user_id: i64, source: Source, now: NaiveDateTime) -> Result<bool> {
    conn.write(|conn| {
        keep_last_owner(conn, user_id, source, now.date())?;
        let (source_type, source_id) = of_source(source);
        let membership = members::table
            .filter(members::user_id.eq(user_id))
            .filter(members::source_type.eq(source_type))
            .filter(members::source_id.eq(source_id));
        let removed = diesel::delete(membership).execute(conn)?;
        memberships::recompute(conn, user_id, now.date())?;
        Ok(removed > 0)
    })
}

fn keep_last_owner(conn: &mut Conn, user_id: i64, source: Source, today: NaiveDate) -> Result<()> {
    let Source::Group(group_id) = source else { return Ok(()) };
    if owners::is_last(conn, group_id, user_id, today)? {
        return Err(DomainError::Invalid("the last owner of a group cannot be removed".to_owned()).into());
    }
    Ok(())
}

/// Lists the members of a group or project itself, by user id.
pub fn list_members(conn: &mut Conn, source: Source) -> Result<Vec<MemberRow>> {
    let (source_type, source_id) = of_source(source);
    Ok(members::table
        .inner_join(users::table.on(members::user_id.eq(users::id.nullable())))
        .filter(members::source_type.eq(source_type))
        .filter(members::source_id.eq(source_id))
        .order(users::id)
        .select((users::id, users::username, members::access_level, members::expires_at, members::created_at))
        .load(conn)?)
}
