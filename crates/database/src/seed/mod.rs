//! The demo data: the rows of the documented examples, for an unused database of our own.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::memberships::{self, Source};
use crate::schema::{
    cluster_agent_tokens as agent_tokens, group_ssh_certificates as certificates, keys,
    personal_access_tokens as tokens, users,
};
use crate::{Conn, Error, Result, is_owned_by_rails, migrations};
use domain::{Role, hashed_path, ssh_key};

/// The projects of the demo that have a repository.
pub const PROJECTS: [i64; 3] = [3, 7, 111];

/// The key of user `root` in a documented example.
const ROOT_KEY: i64 = 11;
const ADMIN_TOKEN: &str = "admin token";
const ROOT_KEY_TITLE: &str = "admin@example.com";

/// The usernames of the demo's pushers, ordered by decreasing rights.
const PUSHERS: [&str; 3] = ["mia", "dev", "blk"];

/// User, group and role.
const MEMBERS: &[(i64, i64, Role)] = &[
    (1, 100, Role::OWNER),
    (1, 200, Role::OWNER),
    (1, 300, Role::OWNER),
    (1, 1234, Role::OWNER),
    (1, 1235, Role::OWNER),
    (1, 4321, Role::OWNER),
    (7, 100, Role::DEVELOPER),
    (30, 300, Role::GUEST),
    (31, 300, Role::GUEST),
    (40, 100, Role::MAINTAINER),
    (41, 100, Role::DEVELOPER),
    (42, 100, Role::DEVELOPER),
];

/// The credentials of an installation. Keys are lines in the format of an `authorized_keys` file.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Stored instead of a password hash; matches no password.
    pub password: String,
    pub root: String,
    pub rubi: String,
    pub mia: String,
    pub dev: String,
    pub blk: String,
    /// Signs the certificates of the group `gitlab-org`.
    pub certificate_authority: String,
    /// The token of agent 1, as stored in its column.
    pub agent_token: String,
}

/// A description of the demo data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    pub pushers: Vec<Pusher>,
    /// The raw SHA-256 fingerprint of the key that signs certificates.
    pub certificate_authority: Vec<u8>,
}

/// A user who can push, with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pusher {
    pub username: String,
    pub user_id: i64,
    pub key_id: i64,
}

/// Whether the database contains the demo. Returns an error if it cannot be added, because the database
/// belongs to a real GitLab, has other users, or lacks tables.
pub fn is_planted(conn: &mut Conn) -> Result<bool> {
    if is_owned_by_rails(conn)? {
        return Err(Error::Schema("it belongs to a real GitLab".to_owned()));
    }
    if !migrations::is_current(conn)? {
        return Err(Error::Schema(
            "its tables are missing or older; run: internal-apictl migrate".to_owned(),
        ));
    }
    if users::table.select(users::id).first::<i64>(conn).optional()?.is_none() {
        return Ok(false);
    }
    // No other key has this id, owner, title and creation time to the millisecond.
    let mark = keys::table
        .inner_join(users::table.on(keys::user_id.eq(users::id.nullable())))
        .filter(keys::id.eq(ROOT_KEY))
        .filter(keys::title.eq(ROOT_KEY_TITLE))
        .filter(keys::created_at.eq(root_key_created_at()))
        .filter(users::id.eq(1))
        .filter(users::username.eq("root"))
        .select(keys::id);
    match mark.first::<i64>(conn).optional()? {
        Some(_) => Ok(true),
        None => Err(Error::Schema("it has users whom the demo did not make".to_owned())),
    }
}

/// Adds the demo to an empty database, in one transaction. Existing demo data is kept. Returns whether the
/// demo was added.
pub fn plant(conn: &mut Conn, credentials: &Credentials, now: NaiveDateTime) -> Result<bool> {
    conn.write(|conn| {
        if is_planted(conn)? {
            return Ok(false);
        }
        let rows = rows(conn, credentials, now);
        conn.batch_execute(&rows)?;
        for (user_id, group_id, role) in MEMBERS {
            memberships::grant(conn, *user_id, Source::Group(*group_id), *role, now)?;
        }
        add_keys(conn, credentials, now)?;
        if let Conn::Postgresql(pg) = conn {
            // Only PostgreSQL has sequences, and explicit ids do not advance them.
            pg.batch_execute(
                "SELECT setval(pg_get_serial_sequence(t, 'id'), 100000) FROM unnest(ARRAY['organizations', \
                 'application_settings', 'shards', 'plans', 'users', 'namespaces', 'projects', 'keys', \
                 'protected_branches', 'saml_providers', 'cluster_agents', 'cluster_agent_tokens', \
                 'security_orchestration_policy_configurations', 'security_policies', \
                 'namespaces_storage_limit_exclusions']) AS t",
            )?;
        }
        Ok(true)
    })
}

/// Replaces the root key, whose private key is lost. Returns whether the key has changed.
pub fn set_root_key(conn: &mut Conn, line: &str, now: NaiveDateTime) -> Result<bool> {
    let fingerprint = fingerprint(line)?;
    let changed = diesel::update(keys::table.find(ROOT_KEY))
        .filter(keys::fingerprint_sha256.ne(fingerprint.as_slice()))
        .set((
            keys::key.eq(line),
            keys::fingerprint_sha256.eq(fingerprint.as_slice()),
            keys::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(changed > 0)
}

/// Sets the token of agent 1. Returns whether it has changed.
pub fn set_agent_token(conn: &mut Conn, encrypted: &str, now: NaiveDateTime) -> Result<bool> {
    let changed = diesel::update(agent_tokens::table.find(1))
        .filter(agent_tokens::token_encrypted.ne(encrypted))
        .set((agent_tokens::token_encrypted.eq(encrypted), agent_tokens::updated_at.eq(now)))
        .execute(conn)?;
    Ok(changed > 0)
}

/// The group of the demo that an identity provider manages.
pub const SCIM_GROUP: (i64, &str) = (300, "test_group");

/// Sets the tokens of the demo's identity providers, as stored in their column: first the group's, then the
/// instance's.
pub fn set_scim_tokens(conn: &mut Conn, [group, instance]: [&str; 2], now: NaiveDateTime) -> Result<()> {
    conn.write(|conn| {
        crate::scim::set_token(conn, Some(SCIM_GROUP.0), group, now)?;
        crate::scim::set_token(conn, None, instance, now)
    })
}

/// Lets `root` act as administrator with the token of this digest, and removes older demo tokens. Returns
/// whether the token is new.
pub fn set_admin_token(conn: &mut Conn, digest: &str, now: NaiveDateTime) -> Result<bool> {
    conn.write(|conn| {
        let of_demo = tokens::table.filter(tokens::user_id.eq(1)).filter(tokens::name.eq(ADMIN_TOKEN));
        if of_demo.filter(tokens::token_digest.eq(digest)).count().get_result::<i64>(conn)? > 0 {
            return Ok(false);
        }
        diesel::delete(of_demo).execute(conn)?;
        diesel::insert_into(tokens::table)
            .values((
                tokens::user_id.eq(1),
                tokens::name.eq(ADMIN_TOKEN),
                tokens::scopes.eq("---\n- api\n- admin_mode\n"),
                tokens::token_digest.eq(digest),
                tokens::organization_id.eq(1),
                tokens::created_at.eq(now),
                tokens::updated_at.eq(now),
            ))
            .execute(conn)?;
        Ok(true)
    })
}

/// Describes the demo data in the database.
pub fn describe(conn: &mut Conn) -> Result<Demo> {
    let mut pushers = Vec::with_capacity(PUSHERS.len());
    for username in PUSHERS {
        let (user_id, key_id) = users::table
            .inner_join(keys::table.on(keys::user_id.eq(users::id.nullable())))
            .filter(users::username.eq(username))
            .order(keys::id)
            .select((users::id, keys::id))
            .first(conn)?;
        pushers.push(Pusher { username: username.to_owned(), user_id, key_id });
    }
    let certificate_authority = certificates::table
        .filter(certificates::namespace_id.eq(200))
        .order(certificates::id)
        .select(certificates::fingerprint)
        .first(conn)?;
    Ok(Demo { pushers, certificate_authority })
}

fn rows(conn: &Conn, credentials: &Credentials, now: NaiveDateTime) -> String {
    let now = now.format("'%Y-%m-%d %H:%M:%S%.6f'").to_string();
    let text = concat!(include_str!("demo.sql"), include_str!("billing.sql"), include_str!("admin.sql"));
    let text = text.replace(":now", &now).replace(":password", &format!("'{}'", credentials.password));
    let text = text.replace(":agent_token", &credentials.agent_token);
    let text = PROJECTS.iter().fold(text, |text, id| {
        // Includes the closing parenthesis, because one placeholder is a prefix of another.
        text.replace(&format!(":disk_path_{id})"), &format!("'{}')", hashed_path("@hashed", *id)))
    });
    match conn {
        Conn::Postgresql(_) => text,
        Conn::Sqlite(_) => text.replace("'{", "'[").replace("}'", "]'"),
    }
}

fn add_keys(conn: &mut Conn, credentials: &Credentials, now: NaiveDateTime) -> Result<()> {
    let of_people = [
        (ROOT_KEY, 1, ROOT_KEY_TITLE, &credentials.root, root_key_created_at()),
        (7, 7, "rubi laptop", &credentials.rubi, Some(now)),
        (40, 40, "mia laptop", &credentials.mia, Some(now)),
        (41, 41, "dev laptop", &credentials.dev, Some(now)),
        (42, 42, "blk laptop", &credentials.blk, Some(now)),
    ];
    for (id, user_id, title, line, created_at) in of_people {
        diesel::insert_into(keys::table)
            .values((
                keys::id.eq(id),
                keys::user_id.eq(user_id),
                keys::title.eq(title),
                keys::key.eq(line),
                keys::fingerprint_sha256.eq(fingerprint(line)?.as_slice()),
                keys::created_at.eq(created_at),
                keys::updated_at.eq(now),
            ))
            .execute(conn)?;
    }
    let line = &credentials.certificate_authority;
    diesel::insert_into(certificates::table)
        .values((
            certificates::namespace_id.eq(200),
            certificates::title.eq("CA"),
            certificates::key.eq(line),
            certificates::fingerprint.eq(fingerprint(line)?.as_slice()),
            certificates::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// The creation time in the documented example.
fn root_key_created_at() -> Option<NaiveDateTime> {
    NaiveDate::from_ymd_opt(2019, 6, 27)?.and_hms_milli_opt(15, 29, 2, 219)
}

fn fingerprint(line: &str) -> Result<[u8; 32]> {
    let invalid = || domain::Error::Invalid("not an SSH key".to_owned());
    Ok(ssh_key::fingerprint(line).ok_or_else(invalid)?)
}
