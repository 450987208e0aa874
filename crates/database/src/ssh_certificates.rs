//! SSH certificates: the group that owns a certificate authority, and the users of that group.
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Date};

use crate::git_access::ActorId;
use crate::memberships::conditions::effective_membership;
use crate::schema::{group_ssh_certificates as certificates, namespaces, routes, user_details, users};
use crate::sql::statement::query;
use crate::{Conn, MultiBackend, Result};
use domain::user::State;

/// A group with a certificate authority.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Authority {
    pub group_id: i64,
    pub full_path: String,
}

/// The user of a certificate and the user's relation to the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub user_id: i64,
    pub username: String,
    pub state: State,
    /// A member of the group, or of any group or project in it.
    pub is_member: bool,
    /// The group owns the account.
    pub is_enterprise_user: bool,
}

/// Finds the top-level group of the certificate authority with this raw SHA-256 fingerprint. One statement.
pub fn find_authority(conn: &mut Conn, fingerprint: &[u8; 32]) -> Result<Option<Authority>> {
    Ok(certificates::table
        .inner_join(
            routes::table.on(routes::source_id
                .eq(certificates::namespace_id)
                .and(routes::source_type.eq("Namespace"))),
        )
        .inner_join(namespaces::table.on(namespaces::id.eq(certificates::namespace_id)))
        .filter(certificates::fingerprint.eq(fingerprint.as_slice()).and(namespaces::parent_id.is_null()))
        .select((certificates::namespace_id, routes::path))
        .first(conn)
        .optional()?)
}

/// Finds the user of a certificate, by username or else by a confirmed primary address.
pub fn find_holder(conn: &mut Conn, named: &str, group_id: i64, today: NaiveDate) -> Result<Option<Holder>> {
    let mut person = crate::users::find(conn, &ActorId::Username(named.to_owned()))?;
    if person.is_none() {
        person = crate::users::find(conn, &ActorId::Email(named.to_owned()))?;
    }
    let Some(person) = person else { return Ok(None) };
    let (state, enterprise_group): (Option<String>, Option<i64>) = users::table
        .left_join(user_details::table.on(user_details::user_id.eq(users::id)))
        .filter(users::id.eq(person.id))
        .select((users::state, user_details::enterprise_group_id.nullable()))
        .first(conn)?;
    let is_member = Membership { user_id: person.id, group_id, today }.get_result(conn)?;
    Ok(Some(Holder {
        user_id: person.id,
        username: person.username.unwrap_or_default(),
        state: State::from_name(state.as_deref()),
        is_member,
        is_enterprise_user: enterprise_group == Some(group_id),
    }))
}

/// Selects whether a user is a member of a group, or of a group or project in it. Access requests,
/// invitations, expired memberships and minimal access do not count.
#[derive(Debug)]
struct Membership {
    user_id: i64,
    group_id: i64,
    today: NaiveDate,
}

impl QueryFragment<MultiBackend> for Membership {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE parameters AS (SELECT ");
        out.push_bind_param::<Date, _>(&self.today)?;
        out.push_sql(" AS today), below AS (SELECT id FROM namespaces WHERE id = ");
        out.push_bind_param::<BigInt, _>(&self.group_id)?;
        out.push_sql(
            " UNION SELECT n.id FROM namespaces n JOIN below b ON n.parent_id = b.id) \
             SELECT EXISTS (SELECT 1 FROM members m WHERE m.user_id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.user_id)?;
        out.push_sql(" AND ");
        out.push_sql(effective_membership!("m", "(SELECT today FROM parameters)"));
        out.push_sql(
            " AND ((m.source_type = 'Namespace' AND m.source_id IN (SELECT id FROM below)) \
             OR (m.source_type = 'Project' AND m.source_id IN \
             (SELECT p.id FROM projects p JOIN below b ON p.namespace_id = b.id))))",
        );
        Ok(())
    }
}

query!(Membership, Bool);
