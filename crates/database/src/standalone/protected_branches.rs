//! Protected branches of projects.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use domain::Error as DomainError;

use crate::schema::{
    protected_branch_merge_access_levels as merge_levels, protected_branch_push_access_levels as push_levels,
    protected_branches as branches,
};
use crate::{Conn, Result};

/// A rule to add.
#[derive(Debug, Clone)]
pub struct NewProtectedBranch<'a> {
    pub project_id: i64,
    /// A name, or a pattern with `*`.
    pub name: &'a str,
    /// The lowest role that may push or merge; 0 for nobody.
    pub push_level: i32,
    pub merge_level: i32,
    pub allow_force_push: bool,
}

/// A rule, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedBranchRow {
    pub id: i64,
    pub name: String,
    pub allow_force_push: bool,
    pub push_levels: Vec<i32>,
    pub merge_levels: Vec<i32>,
}

/// Adds a rule with its access levels.
pub fn add_protected_branch(
    conn: &mut Conn,
    new: &NewProtectedBranch<'_>,
    now: NaiveDateTime,
) -> Result<i64> {
    conn.write(|conn| {
        let same = branches::table
            .filter(branches::project_id.eq(new.project_id))
            .filter(branches::name.eq(new.name))
            .select(branches::id);
        if same.first::<i64>(conn).optional()?.is_some() {
            return Err(DomainError::Taken("protected branch").into());
        }
        let id: i64 = diesel::insert_into(branches::table)
            .values((
                branches::project_id.eq(new.project_id),
                branches::name.eq(new.name),
                branches::allow_force_push.eq(new.allow_force_push),
                branches::created_at.eq(now),
                branches::updated_at.eq(now),
            ))
            .returning(branches::id)
            .get_result(conn)?;
        diesel::insert_into(push_levels::table)
            .values((
                push_levels::protected_branch_id.eq(id),
                push_levels::access_level.eq(new.push_level),
                push_levels::created_at.eq(now),
                push_levels::updated_at.eq(now),
            ))
            .execute(conn)?;
        diesel::insert_into(merge_levels::table)
            .values((
                merge_levels::protected_branch_id.eq(id),
                merge_levels::access_level.eq(new.merge_level),
                merge_levels::created_at.eq(now),
                merge_levels::updated_at.eq(now),
            ))
            .execute(conn)?;
        Ok(id)
    })
}

/// Lists the rules of a project by name.
pub fn list_protected_branches(conn: &mut Conn, project_id: i64) -> Result<Vec<ProtectedBranchRow>> {
    let rules: Vec<(i64, String, bool)> = branches::table
        .filter(branches::project_id.eq(project_id))
        .order(branches::name)
        .select((branches::id, branches::name, branches::allow_force_push))
        .load(conn)?;
    let mut rows = Vec::with_capacity(rules.len());
    for (id, name, allow_force_push) in rules {
        let push: Vec<Option<i32>> = push_levels::table
            .filter(push_levels::protected_branch_id.eq(id))
            .select(push_levels::access_level)
            .load(conn)?;
        let merge: Vec<Option<i32>> = merge_levels::table
            .filter(merge_levels::protected_branch_id.eq(id))
            .select(merge_levels::access_level)
            .load(conn)?;
        let (push_levels, merge_levels) =
            (push.into_iter().flatten().collect(), merge.into_iter().flatten().collect());
        rows.push(ProtectedBranchRow { id, name, allow_force_push, push_levels, merge_levels });
    }
    Ok(rows)
}

/// Removes a rule and its access levels. Returns whether it existed.
pub fn remove_protected_branch(conn: &mut Conn, project_id: i64, name: &str) -> Result<bool> {
    conn.write(|conn| {
        let rule =
            branches::table.filter(branches::project_id.eq(project_id)).filter(branches::name.eq(name));
        let Some(id) = rule.select(branches::id).first::<i64>(conn).optional()? else { return Ok(false) };
        diesel::delete(push_levels::table.filter(push_levels::protected_branch_id.eq(id))).execute(conn)?;
        diesel::delete(merge_levels::table.filter(merge_levels::protected_branch_id.eq(id))).execute(conn)?;
        diesel::delete(branches::table.find(id)).execute(conn)?;
        Ok(true)
    })
}
