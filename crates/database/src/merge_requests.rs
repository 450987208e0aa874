//! Merge requests, as far as a push meets them.
use std::collections::HashMap;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Integer, Nullable, Text};

use crate::schema::merge_requests as mr;
use crate::schema::{project_authorizations as authorizations, project_features, projects};
use crate::{Conn, MultiBackend, Result};
use domain::access::push::MergeRequests;
use domain::{FeatureLevel, Role};

const OPENED: i16 = 1;
const LOCKED: i16 = 4;

/// Open merge requests that let `user_id` push to branches of the project, and merges into it that are happening
/// now. One statement.
pub fn bearing_on_push(conn: &mut Conn, project_id: i64, user_id: Option<i64>) -> Result<MergeRequests> {
    let developer_in_target = authorizations::table
        .filter(authorizations::user_id.eq(user_id.unwrap_or(-1)))
        .filter(authorizations::project_id.eq(mr::target_project_id))
        .filter(authorizations::access_level.ge(Role::DEVELOPER.0));
    let collaboration = mr::source_project_id
        .eq(project_id)
        .and(mr::target_project_id.ne(project_id))
        .and(mr::state_id.eq(OPENED))
        .and(mr::allow_maintainer_to_push.eq(true))
        .and(diesel::dsl::exists(developer_in_target));
    let merging = mr::target_project_id
        .eq(project_id)
        .and(mr::state_id.eq(LOCKED))
        .and(mr::in_progress_merge_commit_sha.is_not_null());

    let rows: Vec<(i16, String, String, Option<String>)> = mr::table
        .filter(collaboration.assume_not_null().or(merging))
        .select((mr::state_id, mr::source_branch, mr::target_branch, mr::in_progress_merge_commit_sha))
        .load(conn)?;
    let mut found = MergeRequests::default();
    for (state, source, target, commit) in rows {
        match commit {
            Some(commit) if state == LOCKED => drop(found.merging.insert((target, commit))),
            _ => drop(found.collaboration_branches.insert(source)),
        }
    }
    Ok(found)
}

/// Whether the project takes merge requests.
pub fn are_enabled(conn: &mut Conn, project_id: i64) -> Result<bool> {
    let level: Option<Option<i32>> = project_features::table
        .filter(project_features::project_id.eq(project_id))
        .select(project_features::merge_requests_access_level)
        .first(conn)
        .optional()?;
    Ok(FeatureLevel::from_level(level.flatten()) != FeatureLevel::Disabled)
}

/// Whether a push to the project is answered with links to merge requests.
pub fn are_linked(conn: &mut Conn, project_id: i64) -> Result<bool> {
    let row: Option<(bool, Option<i32>)> = projects::table
        .left_join(project_features::table.on(project_features::project_id.eq(projects::id)))
        .filter(projects::id.eq(project_id))
        .select((
            projects::printing_merge_request_link_enabled,
            project_features::merge_requests_access_level.nullable(),
        ))
        .first(conn)
        .optional()?;
    Ok(row
        .is_some_and(|(printed, level)| printed && FeatureLevel::from_level(level) != FeatureLevel::Disabled))
}

/// The newest open merge request from each of the branches: the path of its target, and its number. One statement.
pub fn open_from(
    conn: &mut Conn,
    project_id: i64,
    branches: &[String],
) -> Result<HashMap<String, (String, i32)>> {
    if branches.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String, Option<i32>)> = OpenFrom { project_id, branches }.load(conn)?;
    Ok(rows.into_iter().filter_map(|(branch, path, iid)| Some((branch, (path, iid?)))).collect())
}

/// A list of values has no form in Diesel's multi connection.
struct OpenFrom<'a> {
    project_id: i64,
    branches: &'a [String],
}

impl QueryFragment<MultiBackend> for OpenFrom<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        // As many texts as there are numbers of branches: not worth a place in the cache.
        out.unsafe_to_cache_prepared();
        out.push_sql(
            "SELECT m.source_branch, r.path, m.iid FROM merge_requests m \
             JOIN routes r ON r.source_type = 'Project' AND r.source_id = m.target_project_id \
             WHERE m.state_id = 1 AND m.source_project_id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.project_id)?;
        for (index, branch) in self.branches.iter().enumerate() {
            out.push_sql(if index == 0 { " AND m.source_branch IN (" } else { ", " });
            out.push_bind_param::<Text, _>(branch)?;
        }
        out.push_sql(") ORDER BY m.id");
        Ok(())
    }
}

impl QueryId for OpenFrom<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for OpenFrom<'_> {
    type SqlType = (Text, Text, Nullable<Integer>);
}

impl<C> RunQueryDsl<C> for OpenFrom<'_> {}
