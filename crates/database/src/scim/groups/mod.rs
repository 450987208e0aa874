//! SCIM groups of the instance: sets of SAML group links with one `scim_group_uid`, and their members.
//!
//! Owners create links in GitLab. SCIM assigns them a uid and members, and the memberships of GitLab groups
//! follow. The tables are GitLab's, except `scim_api_groups` and `scim_api_prior_members`. Databases before
//! GitLab 18.1 lack some of them.
mod authorizations;
mod change;
mod gitlab_memberships;
mod links;
mod members;

use super::{Effects, Result};
use crate::Conn;
use crate::sql::optional_columns::Columns;

pub(super) use change::leave_all;
pub use change::{create, delete, patch, replace};
pub use links::{GroupPage, find, has_links, list};

/// The number of users, values or rows in one statement.
const CHUNK_SIZE: usize = 500;

/// The result of a group change, and the effects to apply after the commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupEffects {
    /// The authorizations to recompute.
    pub effects: Effects,
    /// The number of users who became members.
    pub added: usize,
    /// The number of users who are no longer members.
    pub removed: usize,
    /// The number of member values that belong to no visible user.
    pub ignored: usize,
    /// The GitLab groups of the links.
    pub gitlab_groups: Vec<i64>,
    /// GitLab groups whose last owner was kept, each with that owner.
    pub kept_owners: Vec<(i64, i64)>,
}

/// Whether the database has the tables and columns that groups need.
pub fn are_available(conn: &mut Conn) -> Result<bool> {
    const LINKS: [&str; 8] = [
        "id",
        "access_level",
        "group_id",
        "saml_group_name",
        "scim_group_uid",
        "member_role_id",
        "created_at",
        "updated_at",
    ];
    const MEMBERSHIPS: [&str; 5] = ["id", "created_at", "updated_at", "user_id", "scim_group_uid"];
    let columns = Columns::load(
        conn,
        &["saml_group_links", "scim_group_memberships", "scim_api_groups", "scim_api_prior_members"],
    )?;
    Ok(LINKS.iter().all(|column| columns.has("saml_group_links", column))
        && MEMBERSHIPS.iter().all(|column| columns.has("scim_group_memberships", column))
        && columns.has("scim_api_groups", "scim_group_uid")
        && columns.has("scim_api_prior_members", "user_id"))
}

/// Formats a list such as `(1, 2, 3)`, or one that matches nothing.
fn id_list(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    if ids.is_empty() { "(NULL)".to_owned() } else { format!("({})", ids.join(", ")) }
}
