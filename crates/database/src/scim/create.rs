//! `POST /Users`: creates a user, links an account or reactivates an identity. The checks run in the order
//! of the table in `docs/api/scim-api.md`.
use ::scim::patch::Change;
use ::scim::user::NewUser;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::addresses::{self, AddressOwner};
use super::change::store;
use super::{
    Attempt, Effects, Mode, Refusal, Result, StoredUser, Tenant, account, activation, attempt, query, record,
    sign_in,
};
use crate::Conn;
use crate::schema::allowed_email_domains as domains;

/// The body of `POST /Users`, with generated values.
#[derive(Debug, Clone)]
pub struct Request {
    pub new: NewUser,
    /// The `externalId` to use if the client sent none.
    pub fresh_id: String,
    /// The value of `users.encrypted_password`: a string in the format of a hash that matches no password.
    pub password: String,
}

impl Request {
    fn external_id(&self) -> &str {
        self.new.external_id.as_deref().unwrap_or(&self.fresh_id)
    }
}

/// Creates a user, links an account, or restores access.
pub fn create(
    conn: &mut Conn,
    tenant: &Tenant,
    request: &Request,
    now: NaiveDateTime,
) -> Result<(StoredUser, Effects)> {
    const MAX_ATTEMPTS: u32 = 10;
    for _ in 0..MAX_ATTEMPTS {
        // After a conflict, the next attempt sees the name that the other process has taken.
        if let Attempt::Done(created) = attempt(conn, tenant, |conn| decide(conn, tenant, request, now))? {
            return Ok(created);
        }
    }
    Err(Refusal::UserTaken.into())
}

fn decide(
    conn: &mut Conn,
    tenant: &Tenant,
    request: &Request,
    now: NaiveDateTime,
) -> Result<(StoredUser, Effects)> {
    let new = &request.new;
    let external_id = request.external_id();
    let others = query::by_ids(conn, tenant, external_id)?;
    let has_external_id =
        |stored: &&StoredUser| ::scim::fold(&stored.user.external_id) == ::scim::fold(external_id);
    let existing = others.iter().find(has_external_id);
    let is_id_of_another = others.iter().any(|other| !has_external_id(&other) && !other.is_deleted);
    if existing.is_some_and(StoredUser::is_live) || is_id_of_another {
        return Err(Refusal::UserTaken.into());
    }
    if let Some(existing) = existing {
        return take_back(conn, tenant, existing, request, now);
    }
    if new.external_id.is_none()
        && query::showing_user_name(conn, tenant, &new.user_name)?.iter().any(|other| !other.is_deleted)
    {
        return Err(Refusal::UserTaken.into());
    }
    if let Some(group_id) = tenant.group_id()
        && !is_allowed(conn, group_id, &new.email)?
    {
        return Err(Refusal::EmailDomain.into());
    }
    match addresses::owner_of(conn, tenant, &new.email)? {
        AddressOwner::Person(user_id) => link_person(conn, tenant, user_id, request, now),
        AddressOwner::Unconfirmed => Err(Refusal::EmailTaken.into()),
        AddressOwner::Bot => Err(Refusal::UserTaken.into()),
        AddressOwner::None => {
            sign_in::check_name_id(conn, tenant, external_id, None)?;
            let user_id = account::create(conn, tenant, new, &request.password, now)?;
            sign_in::insert_if_missing(conn, tenant, user_id, external_id, now)?;
            link(conn, tenant, user_id, request, now)
        }
    }
}

/// Links the account of the user who owns the address, or restores their deleted identity.
fn link_person(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    request: &Request,
    now: NaiveDateTime,
) -> Result<(StoredUser, Effects)> {
    let not_linked = || Err(Refusal::NotLinked.into());
    if let Some(known) = query::by_user(conn, tenant, user_id)? {
        return match (known.is_deleted, known.user.active, &tenant.group) {
            (true, _, _) => take_back(conn, tenant, &known, request, now),
            (false, true, _) | (false, false, None) => Err(Refusal::UserTaken.into()),
            (false, false, Some(_)) => not_linked(),
        };
    }
    if let Some(group) = &tenant.group
        && group.enforced_sso
        && !activation::is_member(conn, group.id, user_id, now)?
        && !sign_in::exists(conn, tenant, user_id)?
    {
        return not_linked();
    }
    sign_in::check_name_id(conn, tenant, request.external_id(), Some(user_id))?;
    if tenant.group.is_some() && account::is_own(conn, tenant, user_id)? {
        sign_in::insert_if_missing(conn, tenant, user_id, request.external_id(), now)?;
    }
    link(conn, tenant, user_id, request, now)
}

fn is_allowed(conn: &mut Conn, group_id: i64, email: &str) -> Result<bool> {
    let allowed: Vec<String> =
        domains::table.filter(domains::group_id.eq(group_id)).select(domains::domain).load(conn)?;
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    Ok(allowed.is_empty() || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain)))
}

/// Creates an identity for an account, without changing the account.
fn link(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    request: &Request,
    now: NaiveDateTime,
) -> Result<(StoredUser, Effects)> {
    let (new, external_id) = (&request.new, request.external_id());
    let mut effects = Effects::default();
    let identity_id = record::insert_identity(conn, tenant, user_id, external_id, new.active, now)?;
    let is_foreign = !account::is_own(conn, tenant, user_id)?;
    let mut sent = new.sent.clone();
    if is_foreign {
        // The group cannot see the account, so the record must be complete.
        sent.formatted = Some(new.name.clone());
    }
    let row = record::Record { identity_id, user_id, id: external_id, version: 1, is_foreign };
    record::replace(conn, tenant, &row, &sent, None)?;
    if let (Some(group), true) = (&tenant.group, new.active) {
        activation::add_member(conn, group, user_id, now, &mut effects)?;
    }
    if !new.active {
        activation::deactivate(conn, tenant, user_id, now, &mut effects)?;
    }
    let stored = query::by_user(conn, tenant, user_id)?;
    let stored = stored.ok_or(domain::Error::NotFound("User")).map_err(crate::Error::from)?;
    Ok((stored, effects))
}

/// Reactivates an identity, as a PUT of the same body with a new `externalId` would.
fn take_back(
    conn: &mut Conn,
    tenant: &Tenant,
    before: &StoredUser,
    request: &Request,
    now: NaiveDateTime,
) -> Result<(StoredUser, Effects)> {
    let (new, external_id) = (&request.new, request.external_id().to_owned());
    sign_in::check_name_id(conn, tenant, &external_id, Some(before.user_id))?;
    // A resource that was never hidden keeps its id.
    let keeps_id = tenant.mode == Mode::Rfc && !before.is_deleted;
    let mut user = before.user.clone();
    if !keeps_id {
        user.id.clone_from(&external_id);
    }
    user.external_id = external_id;
    user.active = new.active;
    let sets_email = user.sent.replace_with(new.sent.clone());
    let change = Change { user, activates: new.active, sets_name: true, sets_email };
    store(conn, tenant, before, change, false, now)
}
