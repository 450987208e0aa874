//! Users as identity providers see them: the identities of a tenant, with what the provider has said of each.
//!
//! An identity is a row of `scim_identities`; the ones of a group have a twin in `group_scim_identities`, which is read
//! where it stands alone. `scim_api_records` and `scim_api_emails` are ours; an identity without a record was made by
//! GitLab itself. Every change is one transaction.
mod account;
mod activation;
mod candidates;
mod change;
mod create;
mod order;
mod query;
mod record;
mod sql;
mod tokens;

use chrono::NaiveDateTime;

use crate::{Conn, is_owned_by_rails, memberships};
use ::scim::{Mode, User};

pub use change::{change, delete};
pub use create::{Request, create};
pub use query::{Page, find, list};
pub(crate) use sql::register;
pub use tokens::{Access, Scope, authenticate, set_token};

/// Whose users: those of a top-level group with single sign-on, or of the whole instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub group: Option<Group>,
    pub mode: Mode,
    /// Show what was deleted as inactive, as GitLab does.
    pub deleted_visible: bool,
    /// A group's deactivated user keeps the row in `identities`.
    pub keep_saml_identity: bool,
}

/// A group and its single sign-on.
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

    /// Whether somebody without access stays known to single sign-on.
    fn keeps_saml_identity(&self) -> bool {
        self.group.is_none() || self.keep_saml_identity
    }

    /// As `scim_api_records` counts them.
    fn scope(&self) -> i16 {
        i16::from(self.group.is_some())
    }
}

/// A user, and which rows it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Negative where the row stands in `group_scim_identities` alone.
    pub identity_id: i64,
    pub user_id: i64,
    pub is_deleted: bool,
    pub user: User,
}

impl Stored {
    fn is_live(&self) -> bool {
        self.user.active && !self.is_deleted
    }
}

/// What is left to do outside of the database, once it has committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// People whose roles a real GitLab must work out again.
    pub reauthorize: Vec<i64>,
    /// People whose sessions end.
    pub sign_out: Vec<i64>,
    /// What has changed, by name, for the log.
    pub fields: Vec<&'static str>,
}

/// A refusal in SCIM's words, or the database's own failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Refused(#[from] ::scim::Error),
    #[error(transparent)]
    Storage(#[from] crate::Error),
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::Storage(error.into())
    }
}

type Result<T, E = Error> = std::result::Result<T, E>;

/// Somebody has what was asked for.
fn taken() -> Error {
    ::scim::Error::uniqueness("User has already been taken").into()
}

/// Runs `f` in a transaction which a refusal rolls back. Writers of one tenant come one after the other, because no index
/// of a real GitLab keeps two instance identities apart.
fn write<T>(conn: &mut Conn, tenant: &Tenant, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
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
            Error::Refused(error) => {
                let marker = domain::Error::Invalid(error.detail.clone());
                refusal = Some(error);
                marker.into()
            }
        })
    });
    match (done, refusal) {
        (_, Some(refusal)) => Err(refusal.into()),
        // Another writer, GitLab itself perhaps, was there first.
        (Err(crate::Error::Domain(domain::Error::Taken(_))), None) => Err(taken()),
        (done, None) => Ok(done?),
    }
}

/// What follows from a changed membership: put right here, or left to the GitLab that owns the tables.
fn reauthorize(conn: &mut Conn, user_id: i64, now: NaiveDateTime, effects: &mut Effects) -> Result<()> {
    if is_owned_by_rails(conn)? {
        effects.reauthorize.push(user_id);
        return Ok(());
    }
    Ok(memberships::recompute(conn, user_id, now.date())?)
}

/// A moment as clients see it: to the millisecond.
fn shown(now: NaiveDateTime) -> NaiveDateTime {
    use chrono::SubsecRound;
    now.trunc_subsecs(3)
}
