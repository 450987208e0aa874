//! Reads SAML group links, individually and as SCIM groups.
use ::scim::{Group, Search};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};

use super::super::sql::Sql;
use super::super::{Result, Tenant, scim_statement};
use super::members;
use crate::Conn;
use crate::sql::statement::{Columns, StatementColumns, statement};

statement! {
    struct LinkRow {
        group_id: BigInt = "l.group_id",
        name: Text = "l.saml_group_name",
        uid: Nullable<Text> = "CAST(l.scim_group_uid AS text)",
        created_at: Timestamp = "l.created_at",
        updated_at: Timestamp = "l.updated_at",
    }
}

statement! {
    /// A row of `scim_api_groups`.
    #[derive(Debug, Clone)]
    struct RecordRow {
        external_id: Nullable<Text> = "g.external_id",
        version: BigInt = "g.version",
        created_at: Timestamp = "g.created_at",
        updated_at: Timestamp = "g.updated_at",
    }
}

scim_statement!(Links, (Columns<LinkRow>, Columns<Option<RecordRow>>));
scim_statement!(Exists, BigInt);

/// A link between an identity provider's group and a GitLab group, with our record of its SCIM group.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub group_id: i64,
    pub name: String,
    pub uid: Option<String>,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
    record: Option<RecordRow>,
}

impl From<(LinkRow, Option<RecordRow>)> for Link {
    fn from((link, record): (LinkRow, Option<RecordRow>)) -> Self {
        let LinkRow { group_id, name, uid, created_at, updated_at } = link;
        Self { group_id, name, uid, created_at, updated_at, record }
    }
}

/// Loads the links that meet a condition on `l`, oldest first.
pub(super) fn load(conn: &mut Conn, condition: impl FnOnce(&mut Sql)) -> Result<Vec<Link>> {
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    let columns = [LinkRow::EXPRESSIONS, RecordRow::EXPRESSIONS].concat().join(", ");
    sql.push(format!("SELECT {columns}")).push(
        " FROM saml_group_links l LEFT JOIN scim_api_groups g ON g.scim_group_uid = l.scim_group_uid WHERE ",
    );
    condition(&mut sql);
    sql.push(" ORDER BY l.id");
    let rows: Vec<(LinkRow, Option<RecordRow>)> = Links(sql).load(conn)?;
    Ok(rows.into_iter().map(Link::from).collect())
}

/// The links of a SCIM group.
pub(super) fn of_group(conn: &mut Conn, uid: &str) -> Result<Vec<Link>> {
    load(conn, |sql| {
        sql.push("l.scim_group_uid = ").uuid(uid);
    })
}

/// Whether the instance has any link, so that a group can be created.
pub fn has_links(conn: &mut Conn) -> Result<bool> {
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.push("SELECT CAST(id AS bigint) FROM saml_group_links LIMIT 1");
    Ok(Exists(sql).get_result::<i64>(conn).optional()?.is_some())
}

/// Combines links into groups, in the order of the links. Does not load the members.
fn groups(links: &[Link]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut positions = std::collections::HashMap::new();
    for link in links {
        let Some(uid) = &link.uid else { continue };
        let position = *positions.entry(uid.clone()).or_insert(groups.len());
        if let Some(group) = groups.get_mut(position) {
            // Our record has the more accurate time of the last change.
            if link.record.is_none() && link.updated_at.and_utc() > group.last_modified {
                group.last_modified = link.updated_at.and_utc();
                group.version = link.updated_at.and_utc().timestamp_micros();
            }
            continue;
        }
        let record = link.record.as_ref();
        groups.push(Group {
            id: uid.clone(),
            external_id: record.and_then(|record| record.external_id.clone()),
            display_name: link.name.clone(),
            members: Vec::new(),
            created: record.map_or(link.created_at, |record| record.created_at).and_utc(),
            last_modified: record.map_or(link.updated_at, |record| record.updated_at).and_utc(),
            version: record
                .map_or_else(|| link.updated_at.and_utc().timestamp_micros(), |record| record.version),
        });
    }
    groups
}

/// Builds the group of links that all have the same uid.
pub(super) fn group(links: &[Link]) -> Option<Group> {
    groups(links).pop()
}

/// A page of a list and the total length of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPage {
    /// The groups of the page.
    pub groups: Vec<Group>,
    /// The number of groups that match the filter.
    pub total: i64,
}

/// Returns the requested page. There are few groups, so the filter and order are evaluated in memory.
pub fn list(conn: &mut Conn, tenant: &Tenant, search: &Search, with_members: bool) -> Result<GroupPage> {
    let links = load(conn, |sql| _ = sql.push("l.scim_group_uid IS NOT NULL"))?;
    let mut groups = groups(&links);
    let needs_members = search.condition.as_ref().is_some_and(::scim::Condition::tests_elements)
        || search.sort.is_some_and(|sort| sort.by.is_element());
    if needs_members {
        members::fill(conn, tenant, &mut groups)?;
    }
    if let Some(condition) = &search.condition {
        groups.retain(|group| condition.holds_for_group(group));
    }
    if let Some(sort) = search.sort {
        groups.sort_by(|a, b| {
            let order = a.compare(b, sort.by);
            if sort.descending { order.reverse() } else { order }
        });
    }
    let total = i64::try_from(groups.len()).unwrap_or(i64::MAX);
    let skipped = usize::try_from(search.start_index - 1).unwrap_or(usize::MAX);
    let count = usize::try_from(search.count).unwrap_or_default();
    let mut groups: Vec<Group> = groups.into_iter().skip(skipped).take(count).collect();
    if with_members && !needs_members {
        members::fill(conn, tenant, &mut groups)?;
    }
    Ok(GroupPage { groups, total })
}

/// Finds the group with this id, case-insensitively.
pub fn find(conn: &mut Conn, tenant: &Tenant, id: &str, with_members: bool) -> Result<Option<Group>> {
    let Some(uid) = parse_uid(id) else { return Ok(None) };
    let Some(mut group) = group(&of_group(conn, &uid)?) else { return Ok(None) };
    if with_members {
        members::fill(conn, tenant, std::slice::from_mut(&mut group))?;
    }
    Ok(Some(group))
}

/// Parses a UUID in its hyphenated form. Returns it in lower case.
pub(super) fn parse_uid(text: &str) -> Option<String> {
    const LENGTH: usize = 36;
    let uuid = uuid::Uuid::try_parse(text).ok().filter(|_| text.len() == LENGTH)?;
    Some(uuid.hyphenated().to_string())
}
