//! The identities of a user at identity providers: single sign-on and SCIM.
use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;

use crate::schema::{
    group_scim_identities as of_groups, identities, namespaces, saml_providers as providers,
    scim_identities as scim, users,
};
use crate::{Conn, Result};

#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Identity {
    pub provider: Option<String>,
    pub extern_uid: Option<String>,
    pub saml_provider_id: Option<i64>,
    pub group_id: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ScimIdentity {
    pub id: i64,
    pub extern_uid: String,
    /// `None` for the whole instance.
    pub group_id: Option<i64>,
    pub active: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities {
    pub single_sign_on: Vec<Identity>,
    pub scim: Vec<ScimIdentity>,
    /// The names of the groups that the identities refer to.
    pub groups: BTreeMap<i64, String>,
}

/// Returns all identities of a user, or `None` if the user does not exist. Five statements.
pub fn find(conn: &mut Conn, user_id: i64) -> Result<Option<Identities>> {
    if users::table.find(user_id).select(users::id).first::<i64>(conn).optional()?.is_none() {
        return Ok(None);
    }
    let single_sign_on: Vec<Identity> = identities::table
        .left_join(providers::table.on(identities::saml_provider_id.eq(providers::id.nullable())))
        .filter(identities::user_id.eq(user_id))
        .order(identities::id)
        .select((
            identities::provider,
            identities::extern_uid,
            identities::saml_provider_id,
            providers::group_id.nullable(),
        ))
        .load(conn)?;
    let scim = scim_of(conn, user_id)?;
    let spoken_of = single_sign_on.iter().filter_map(|identity| identity.group_id);
    let ids: BTreeSet<i64> = spoken_of.chain(scim.iter().filter_map(|identity| identity.group_id)).collect();
    let groups = namespaces::table
        .filter(namespaces::id.eq_any(ids))
        .select((namespaces::id, namespaces::name))
        .load_iter(conn)?
        .collect::<QueryResult<_>>()?;
    Ok(Some(Identities { single_sign_on, scim, groups }))
}

/// Reads the SCIM identities. GitLab is moving those of groups to another table; an identity in both tables
/// is listed once.
fn scim_of(conn: &mut Conn, user_id: i64) -> Result<Vec<ScimIdentity>> {
    type Row = (i64, String, Option<i64>, Option<bool>);
    let first: Vec<Row> = scim::table
        .filter(scim::user_id.eq(user_id))
        .order(scim::id)
        .select((scim::id, scim::extern_uid, scim::group_id, scim::active))
        .load(conn)?;
    let second: Vec<Row> = of_groups::table
        .filter(of_groups::user_id.eq(user_id))
        .order(of_groups::id)
        .select((of_groups::id, of_groups::extern_uid, of_groups::group_id.nullable(), of_groups::active))
        .load(conn)?;
    let mut all: Vec<ScimIdentity> = Vec::new();
    for (id, extern_uid, group_id, active) in first.into_iter().chain(second) {
        let is_same = |known: &ScimIdentity| {
            known.group_id == group_id && ::scim::fold(&known.extern_uid) == ::scim::fold(&extern_uid)
        };
        if group_id.is_none() || !all.iter().any(is_same) {
            all.push(ScimIdentity { id, extern_uid, group_id, active: active == Some(true) });
        }
    }
    // The instance first, then by group.
    all.sort_by_key(|identity| (identity.group_id, identity.id));
    Ok(all)
}
