//! The users of identity providers: the identities of a tenant, with the values that the provider sent.
//!
//! An identity is a row of `scim_identities`. An identity of a group has a copy in `group_scim_identities`,
//! which is used if only the copy exists. `scim_api_records` and `scim_api_emails` are our own tables. An
//! identity without a record was created by GitLab itself. Every change is one transaction.
mod account;
mod activation;
mod addresses;
mod candidates;
mod change;
mod create;
pub mod explain;
pub(crate) mod fold;
pub mod groups;
mod order;
mod query;
mod record;
mod refusal;
mod sign_in;
mod sql;
mod tokens;

use chrono::NaiveDateTime;

use crate::{Conn, is_owned_by_rails, memberships};
use ::scim::{Mutability, User};

pub use change::{change, delete};
pub use create::{Request, create};
pub(crate) use fold::{equals_ignoring_case, register};
pub use query::{Page, find, list};
pub use refusal::Refusal;
pub use tokens::{Access, Scope, authenticate, delete_token, set_token};

/// The owner of a set of users: a top-level group with single sign-on, or the whole instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub group: Option<Group>,
    pub mode: Mode,
    /// Whether deleted users are shown as inactive, as in GitLab.
    pub deleted_visible: bool,
    /// Whether a deactivated user of a group keeps the row in `identities`.
    pub keep_saml_identity: bool,
}

/// A group with its single sign-on settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    pub id: i64,
    pub provider_id: i64,
    pub enforced_sso: bool,
    pub default_role: i32,
    pub member_role_id: Option<i64>,
}

impl Tenant {
    pub fn group_id(&self) -> Option<i64> {
        self.group.map(|group| group.id)
    }

    /// The value of `scim_api_records.scope`.
    fn scope(&self) -> i16 {
        i16::from(self.group.is_some())
    }
}

/// How a tenant behaves where GitLab and the RFC differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// GitLab's behaviour: the provider cannot change an existing account, and the id of a user is the
    /// external id.
    GitLab,
    /// The RFC's behaviour: the provider is authoritative.
    Rfc,
}

impl Mode {
    /// Whether the provider can change an account.
    pub fn mutability(self) -> Mutability {
        match self {
            Self::GitLab => Mutability::Immutable,
            Self::Rfc => Mutability::ReadWrite,
        }
    }
}

/// A user and the rows that store it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUser {
    /// Negative if the row exists only in `group_scim_identities`.
    pub identity_id: i64,
    pub user_id: i64,
    pub is_deleted: bool,
    /// Whether the group has linked an account that it did not create. `user` then contains only what the
    /// group sent.
    pub is_foreign: bool,
    pub user: User,
}

impl StoredUser {
    fn is_live(&self) -> bool {
        self.user.active && !self.is_deleted
    }
}

/// The effects to apply outside of the database after the commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Users whose authorizations GitLab must recompute.
    pub reauthorize: Vec<i64>,
    /// Users whose sessions must end.
    pub sign_out: Vec<i64>,
    /// The names of changed attributes, for the log.
    pub fields: Vec<&'static str>,
}

/// A refusal, or a database failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Storage(#[from] crate::Error),
}

impl From<::scim::Error> for Error {
    fn from(error: ::scim::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::Storage(error.into())
    }
}

type Result<T, E = Error> = std::result::Result<T, E>;

use sql::scim_statement;

/// The result of a transaction.
enum Attempt<T> {
    Done(T),
    /// Another process has written a row with the same unique value first, possibly GitLab itself. Nothing was
    /// written.
    Conflict,
}

/// Runs `f` in a transaction, and refuses the request if another process has taken a value first.
fn write<T>(conn: &mut Conn, tenant: &Tenant, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    match attempt(conn, tenant, f)? {
        Attempt::Done(value) => Ok(value),
        Attempt::Conflict => Err(Refusal::UserTaken.into()),
    }
}

/// Runs `f` in a transaction that an error rolls back. Writes of one tenant are serialised, because GitLab's
/// database has no unique index for the identities of the instance.
fn attempt<T>(
    conn: &mut Conn,
    tenant: &Tenant,
    f: impl FnOnce(&mut Conn) -> Result<T>,
) -> Result<Attempt<T>> {
    let mut refusal = None;
    let done = conn.write(|conn| {
        if let Conn::Postgresql(pg) = conn {
            use diesel::connection::SimpleConnection;
            // "scim" in hexadecimal, and the tenant.
            let group = tenant.group_id().unwrap_or(0);
            pg.batch_execute(&format!("SELECT pg_advisory_xact_lock(x'7363696d'::int, hashint8({group}))"))?;
        }
        f(conn).map_err(|error| match error {
            Error::Storage(error) => error,
            Error::Refused(reason) => {
                // Any error rolls the transaction back. The reason itself is returned below.
                let rollback = domain::Error::Invalid(reason.to_string());
                refusal = Some(reason);
                rollback.into()
            }
        })
    });
    match (done, refusal) {
        (_, Some(refusal)) => Err(refusal.into()),
        (Err(crate::Error::Domain(domain::Error::Taken(_))), None) => Ok(Attempt::Conflict),
        (done, None) => Ok(Attempt::Done(done?)),
    }
}

/// Updates the authorizations after a membership change, either here or through a job of the GitLab that
/// owns the tables.
fn reauthorize(conn: &mut Conn, user_id: i64, now: NaiveDateTime, effects: &mut Effects) -> Result<()> {
    if is_owned_by_rails(conn)? {
        effects.reauthorize.push(user_id);
        return Ok(());
    }
    Ok(memberships::recompute(conn, user_id, now.date())?)
}

/// A timestamp with the precision that clients see: milliseconds.
fn shown(now: NaiveDateTime) -> NaiveDateTime {
    use chrono::SubsecRound;
    now.trunc_subsecs(3)
}
