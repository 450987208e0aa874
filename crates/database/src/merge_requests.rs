//! Merge requests that affect a push.
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text};

use crate::git_access::{self, ActorId, FoundProject, ProjectId};
use crate::schema::merge_requests as mr;
use crate::schema::{project_features, projects, users};
use crate::sql::statement::query;
use crate::{Conn, MultiBackend, Result, protected_refs};
use domain::access::protected_refs::ProtectedBranch;
use domain::access::push::may_update_branch;
use domain::actor::Actor;
use domain::project::{ActorAccess, Project};
use domain::{FeatureLevel, Role};

/// `merge_requests.state_id`.
const OPENED: i16 = 1;
const LOCKED: i16 = 4;

/// Returns the target branch and commit of merges in progress. One statement.
pub fn merging(conn: &mut Conn, project_id: i64) -> Result<HashSet<(String, String)>> {
    let rows: Vec<(String, String)> = mr::table
        .filter(mr::target_project_id.eq(project_id))
        .filter(mr::state_id.eq(LOCKED))
        .filter(mr::in_progress_merge_commit_sha.is_not_null())
        .select((mr::target_branch, mr::in_progress_merge_commit_sha.assume_not_null()))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Returns branches of `source` that open merge requests let the user push to although the user may not push
/// code there. The author may push to them and has allowed collaboration, and the user may push or merge to
/// the target branch. One statement, and two for each target project.
pub fn collaboration_branches(
    conn: &mut Conn,
    source: &Project,
    user_id: i64,
    today: NaiveDate,
) -> Result<HashSet<String>> {
    let mut targets: HashMap<i64, Option<Target>> = HashMap::new();
    let mut branches = HashSet::new();
    for (branch, target_id, target_branch, author_role, author_is_admin) in candidates(conn, source.id)? {
        if !source.lets_push_code(author_is_admin, Role(author_role.unwrap_or_default())) {
            continue;
        }
        let target = match targets.entry(target_id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Target::find(conn, target_id, user_id, today)?),
        };
        if target.as_ref().is_some_and(|target| target.may_update(&target_branch)) {
            branches.insert(branch);
        }
    }
    Ok(branches)
}

/// Source branch, target project and branch, the author's role in the source project, and whether the author
/// is an administrator.
type Candidate = (String, i64, String, Option<i32>, bool);

/// Open merge requests to other projects whose authors allow collaboration.
fn candidates(conn: &mut Conn, source_id: i64) -> Result<Vec<Candidate>> {
    // Diesel's multi connection has no aggregate in a correlated subquery.
    let author_role = sql::<Nullable<Integer>>(
        "(SELECT max(a.access_level) FROM project_authorizations a \
           WHERE a.user_id = merge_requests.author_id AND a.project_id = merge_requests.source_project_id)",
    );
    Ok(mr::table
        .inner_join(users::table.on(users::id.nullable().eq(mr::author_id)))
        .filter(mr::source_project_id.eq(source_id))
        .filter(mr::target_project_id.ne(source_id))
        .filter(mr::state_id.eq(OPENED))
        .filter(mr::allow_maintainer_to_push.eq(true))
        .select((mr::source_branch, mr::target_project_id, mr::target_branch, author_role, users::admin))
        .load(conn)?)
}

/// The target project of a merge request, and the user's access to it.
struct Target {
    actor: Actor,
    project: Project,
    access: ActorAccess,
    branches: Vec<ProtectedBranch>,
}

impl Target {
    fn find(conn: &mut Conn, id: i64, user_id: i64, today: NaiveDate) -> Result<Option<Self>> {
        let found = git_access::find(conn, &ActorId::User(user_id), &ProjectId::Id(id))?;
        let Some(FoundProject { project, actor_access: access, .. }) = found.project else { return Ok(None) };
        let rules = protected_refs::load(conn, id, project.root.id, Some(user_id), today)?;
        Ok(Some(Self { actor: found.actor, project, access, branches: rules.branches }))
    }

    fn may_update(&self, branch: &str) -> bool {
        let Self { actor, project, access, branches } = self;
        let takes_pushes = !project.pending_delete && !project.hidden && !project.is_archived();
        takes_pushes
            && !access.banned
            && may_update_branch(project.pusher(actor.user(), *access), branches, branch)
    }
}

/// Whether merge requests are enabled for the project.
pub fn are_enabled(conn: &mut Conn, project_id: i64) -> Result<bool> {
    let level: Option<Option<i32>> = project_features::table
        .filter(project_features::project_id.eq(project_id))
        .select(project_features::merge_requests_access_level)
        .first(conn)
        .optional()?;
    Ok(FeatureLevel::from_level(level.flatten()) != FeatureLevel::Disabled)
}

/// Whether a push to the project gets links to merge requests.
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

/// Returns the latest open merge request from each branch: the path of its target project, and its number.
/// One statement.
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

/// Diesel's multi connection cannot bind a list of values.
struct OpenFrom<'a> {
    project_id: i64,
    branches: &'a [String],
}

impl QueryFragment<MultiBackend> for OpenFrom<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        // The text depends on the number of branches, so it is not cached.
        out.unsafe_to_cache_prepared();
        out.push_sql(
            "SELECT m.source_branch, r.path, m.iid FROM merge_requests m \
             JOIN routes r ON r.source_type = 'Project' AND r.source_id = m.target_project_id \
             WHERE m.state_id = ",
        );
        out.push_bind_param::<SmallInt, _>(&OPENED)?;
        out.push_sql(" AND m.source_project_id = ");
        out.push_bind_param::<BigInt, _>(&self.project_id)?;
        for (index, branch) in self.branches.iter().enumerate() {
            out.push_sql(if index == 0 { " AND m.source_branch IN (" } else { ", " });
            out.push_bind_param::<Text, _>(branch)?;
        }
        out.push_sql(") ORDER BY m.id");
        Ok(())
    }
}

query!(OpenFrom<'_>, (Text, Text, Nullable<Integer>));
