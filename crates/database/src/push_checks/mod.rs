//! What a push to a project is held against beside protected refs: Git LFS and push rules.
mod list;
mod statement;

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use self::list::{LinkedObjects, List, Members};
use self::statement::{PushChecksQuery, Row};
use crate::schema::{emails, lfs_file_locks as locks, users};
use crate::{Conn, Result};
use domain::access::{Identity, PushRule};

/// What is switched on for a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushChecks {
    /// Its own word, or that of the nearest group that says one; on where nobody does.
    pub lfs_enabled: bool,
    /// Somebody has said that it is on, or has used it.
    pub lfs_in_use: bool,
    /// Others than the pusher hold locks.
    pub locked: bool,
    /// Whether any commit was counted: what is known of a repository that nobody can look into.
    pub has_commits: bool,
    /// The project's own, else the installation's.
    pub push_rule: Option<PushRule>,
}

/// What a push by `user_id` to the project is held against. One statement.
pub fn load(conn: &mut Conn, project_id: i64, user_id: Option<i64>) -> Result<PushChecks> {
    let catalogue = conn.catalogue()?;
    let query = PushChecksQuery { project: project_id, user: user_id.unwrap_or(-1), catalogue: &catalogue };
    let row: Row = query.get_result(conn)?;
    let Row { lfs, rule, .. } = row;
    Ok(PushChecks {
        lfs_enabled: lfs.enabled != Some(false),
        lfs_in_use: lfs.enabled == Some(true) || lfs.has_objects || lfs.locked,
        locked: lfs.locked,
        has_commits: row.has_commits,
        push_rule: rule.map(PushRule::from),
    })
}

/// Paths that others than `user_id` have locked, with their usernames. One statement.
pub fn locks(conn: &mut Conn, project_id: i64, user_id: Option<i64>) -> Result<HashMap<String, String>> {
    let rows: Vec<(Option<String>, Option<String>)> = locks::table
        .left_join(users::table.on(users::id.eq(locks::user_id)))
        .filter(locks::project_id.eq(project_id))
        .filter(locks::user_id.ne(user_id.unwrap_or(-1)))
        .select((locks::path, users::username.nullable()))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(path, username)| Some((path?, username.unwrap_or_default()))).collect())
}

/// Which of these objects of Git LFS the project has. One statement.
pub fn linked_lfs_objects(conn: &mut Conn, project_id: i64, oids: &[String]) -> Result<HashSet<String>> {
    let list = List::new(conn, oids);
    let oids: Vec<String> = LinkedObjects { list, project_id }.load(conn)?;
    Ok(oids.into_iter().collect())
}

/// Which of these addresses are confirmed ones of users, in lower case. One statement.
pub fn members(conn: &mut Conn, addresses: &[String]) -> Result<HashSet<String>> {
    let list = List::new(conn, addresses);
    let members: Vec<String> = Members { list }.load(conn)?;
    Ok(members.into_iter().collect())
}

/// Name and confirmed addresses of a user; of nobody, none. One statement.
pub fn identity(conn: &mut Conn, user_id: Option<i64>) -> Result<Identity> {
    type Row = (Option<String>, String, bool, Option<String>);
    let confirmed = emails::user_id.eq(users::id).and(emails::confirmed_at.is_not_null());
    let rows: Vec<Row> = users::table
        .left_join(emails::table.on(confirmed))
        .filter(users::id.eq(user_id.unwrap_or(-1)))
        .select((users::name, users::email, users::confirmed_at.is_not_null(), emails::email.nullable()))
        .load(conn)?;
    let mut identity = Identity::default();
    for (name, primary, confirmed, further) in rows {
        identity.name = name.unwrap_or_default();
        let addresses = further.into_iter().chain(confirmed.then_some(primary));
        identity.emails.extend(addresses.map(|address| address.to_lowercase()));
    }
    Ok(identity)
}
