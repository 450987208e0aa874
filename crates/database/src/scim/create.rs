//! `POST /Users`: the rows of the contract's table §7.3, in order, each with its number.
use ::scim::user::NewUser;
use ::scim::{Error as Refusal, Mode, User};
use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{
    Effects, Error, Result, Stored, Tenant, account, activation, query, record, shown, taken, write,
};
use crate::Conn;
use crate::schema::allowed_email_domains as domains;

/// Who is to be made.
#[derive(Debug, Clone)]
pub struct Request {
    pub new: NewUser,
    /// Taken where none was sent.
    pub fresh_id: String,
    /// Stands where the hash of a password would, and is that of none.
    pub password: String,
}

impl Request {
    fn external_id(&self) -> &str {
        self.new.external_id.as_deref().unwrap_or(&self.fresh_id)
    }
}

const DOMAIN: &str =
    "The member's email address is not allowed for this group. Check with your administrator.";
const NOT_LINKED: &str =
    "The member's email address is not linked to a SAML account or has an inactive SCIM identity.";

/// Makes a user, links an account, or gives access back.
pub fn create(
    conn: &mut Conn,
    tenant: &Tenant,
    request: &Request,
    now: NaiveDateTime,
) -> Result<(Stored, Effects)> {
    const ATTEMPTS: u32 = 10;
    for _ in 1..ATTEMPTS {
        let made = write(conn, tenant, |conn| decide(conn, tenant, request, now).map_err(mark_race));
        match made {
            // A name went to somebody else in between: now it is seen.
            Err(Error::Refused(refusal)) if refusal.detail == RACE => {}
            made => return made,
        }
    }
    Err(taken())
}

/// Not for clients: an index refused a row.
const RACE: &str = "race";

fn mark_race(error: Error) -> Error {
    match error {
        Error::Storage(crate::Error::Domain(domain::Error::Taken(_))) => Refusal::uniqueness(RACE).into(),
        error => error,
    }
}

fn decide(
    conn: &mut Conn,
    tenant: &Tenant,
    request: &Request,
    now: NaiveDateTime,
) -> Result<(Stored, Effects)> {
    let new = &request.new;
    let external_id = request.external_id();
    let others = query::by_ids(conn, tenant, external_id)?;
    let same_external =
        |stored: &&Stored| ::scim::fold(&stored.user.external_id) == ::scim::fold(external_id);
    let existing = others.iter().find(same_external);
    // 1, 1'
    if existing.is_some_and(Stored::is_live)
        || others.iter().any(|other| !same_external(&other) && !other.is_deleted)
    {
        return Err(taken());
    }
    // 2
    if let Some(existing) = existing {
        return take_back(conn, tenant, existing.clone(), request, now);
    }
    // 3
    if new.external_id.is_none()
        && query::by_user_name(conn, tenant, &new.user_name)?.iter().any(|other| !other.is_deleted)
    {
        return Err(taken());
    }
    // 4
    if let Some(group_id) = tenant.group_id()
        && !is_allowed(conn, group_id, &new.email)?
    {
        return Err(Refusal::new(412, DOMAIN).into());
    }
    // 6
    let Some((user_id, user_type)) = account::owner_of(conn, &new.email)? else {
        let user_id = account::make(conn, tenant, new, &request.password, now)?;
        return link(conn, tenant, user_id, request, now);
    };
    // A bot is nobody's.
    if user_type != 0 {
        return Err(taken());
    }
    if let Some(known) = query::by_user(conn, tenant, user_id)? {
        return match (known.is_deleted, known.user.active, &tenant.group) {
            // 5a''
            (true, _, _) => take_back(conn, tenant, known, request, now),
            // 5a
            (false, true, _) | (false, false, None) => Err(taken()),
            // 5a'
            (false, false, Some(_)) => Err(Refusal::new(412, NOT_LINKED).into()),
        };
    }
    // 5b, 5c, 5d
    if let Some(group) = &tenant.group
        && group.enforced_sso
        && !activation::is_member(conn, group.id, user_id, now)?
        && !account::has_saml_identity(conn, group.provider_id, user_id)?
    {
        return Err(Refusal::new(412, NOT_LINKED).into());
    }
    link(conn, tenant, user_id, request, now)
}

fn is_allowed(conn: &mut Conn, group_id: i64, email: &str) -> Result<bool> {
    let allowed: Vec<String> =
        domains::table.filter(domains::group_id.eq(group_id)).select(domains::domain).load(conn)?;
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    Ok(allowed.is_empty() || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain)))
}

/// Makes an identity for an account, whose own name and address stay.
fn link(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    request: &Request,
    now: NaiveDateTime,
) -> Result<(Stored, Effects)> {
    let (new, external_id) = (&request.new, request.external_id());
    let mut effects = Effects::default();
    let identity_id = record::insert_identity(conn, tenant, user_id, external_id, new.active, now)?;
    let row = record::Record { identity_id, user_id, id: external_id, version: 1 };
    record::remember(conn, tenant, &row, &new.sent, None)?;
    account::put_saml_identity(conn, tenant, user_id, external_id, now)?;
    if let (Some(group), true) = (&tenant.group, new.active) {
        activation::admit(conn, group, user_id, now, &mut effects)?;
    }
    if !new.active {
        activation::deactivate(conn, tenant, user_id, now, &mut effects)?;
    }
    Ok((again(conn, tenant, user_id)?, effects))
}

/// Gives an identity back what it had, under the id and with the words of today.
fn take_back(
    conn: &mut Conn,
    tenant: &Tenant,
    mut stored: Stored,
    request: &Request,
    now: NaiveDateTime,
) -> Result<(Stored, Effects)> {
    let (new, mut effects) = (&request.new, Effects::default());
    let external_id = request.external_id().to_owned();
    // Whoever was to be seen all the while keeps their id.
    let keeps_id = tenant.mode == Mode::Rfc && !stored.is_deleted;
    stored.user = User {
        id: if keeps_id { stored.user.id } else { external_id.clone() },
        external_id,
        active: new.active,
        sent: new.sent.clone(),
        version: stored.user.version + 1,
        ..stored.user
    };
    if new.active {
        activation::activate(conn, tenant, &stored, now, &mut effects)?;
    } else {
        activation::deactivate(conn, tenant, stored.user_id, now, &mut effects)?;
        if tenant.keeps_saml_identity() {
            account::put_saml_identity(conn, tenant, stored.user_id, &stored.user.external_id, now)?;
        }
    }
    record::update(conn, tenant, &stored, false, now)?;
    stored.is_deleted = false;
    stored.user.last_modified = shown(now).and_utc();
    Ok((stored, effects))
}

fn again(conn: &mut Conn, tenant: &Tenant, user_id: i64) -> Result<Stored> {
    let stored = query::by_user(conn, tenant, user_id)?;
    Ok(stored.ok_or(domain::Error::NotFound("User")).map_err(crate::Error::from)?)
}
