//! The checks of a push beside protected refs: Git LFS and push rules.
mod list;
mod statement;

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use self::list::{LinkedObjects, List, Members};
use self::statement::{PushChecksQuery, Row};
use crate::schema::{emails, lfs_file_locks as locks, users};
use crate::{Conn, Result};
use domain::access::{Identity, PushRule};

/// The checks that are enabled for a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushChecks {
    /// The project's setting, else that of the nearest group with one, else true.
    pub lfs_enabled: bool,
    /// Whether LFS was explicitly enabled or has been used.
    pub lfs_in_use: bool,
    /// Whether other users hold file locks.
    pub locked: bool,
    /// Whether GitLab has counted any commits. Used for repositories that are not inspected.
    pub has_commits: bool,
    /// The project's own push rule, else the instance's.
    pub push_rule: Option<PushRule>,
}

/// Loads the checks for a push by `user_id` to the project. One statement.
pub fn load(conn: &mut Conn, project_id: i64, user_id: Option<i64>) -> Result<PushChecks> {
    let catalogue = conn.catalogue()?;
    let query = PushChecksQuery { project: project_id, user: user_id.unwrap_or(-1), catalogue: &catalogue };
    let row: Row = query.get_result(conn)?;
    let Row { checks, rule } = row;
    Ok(PushChecks {
        lfs_enabled: checks.lfs_enabled != Some(false),
        lfs_in_use: checks.lfs_enabled == Some(true) || checks.has_lfs_objects || checks.locked,
        locked: checks.locked,
        has_commits: checks.has_commits,
        push_rule: rule.map(PushRule::from),
    })
}

/// Returns the paths that users other than `user_id` have locked, with their usernames. One statement.
pub fn locks(conn: &mut Conn, project_id: i64, user_id: Option<i64>) -> Result<HashMap<String, String>> {
    let rows: Vec<(Option<String>, Option<String>)> = locks::table
        .left_join(users::table.on(users::id.eq(locks::user_id)))
        .filter(locks::project_id.eq(project_id))
        .filter(locks::user_id.ne(user_id.unwrap_or(-1)))
        .select((locks::path, users::username.nullable()))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(path, username)| Some((path?, username.unwrap_or_default()))).collect())
}

/// Returns those of the LFS objects that the project has. One statement.
pub fn linked_lfs_objects(conn: &mut Conn, project_id: i64, oids: &[String]) -> Result<HashSet<String>> {
    let list = List::new(conn, oids);
    let oids: Vec<String> = LinkedObjects { list, project_id }.load(conn)?;
    Ok(oids.into_iter().collect())
}

/// Returns those of the e-mail addresses that are confirmed addresses of users, in lower case. One
/// statement.
pub fn members(conn: &mut Conn, addresses: &[String]) -> Result<HashSet<String>> {
    let list = List::new(conn, addresses);
    let members: Vec<String> = Members { list }.load(conn)?;
    Ok(members.into_iter().collect())
}

/// Returns the name and confirmed addresses of a user; empty without a user. One statement.
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
        identity.emails.extend(addresses.map(|address| domain::text::fold(&address)));
    }
    Ok(identity)
}
