//! The access of users to an agent's cluster through kas.
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Date, Integer, Nullable, Text};
use domain::Role;
use serde_json::Value;

use crate::memberships::conditions::{effective_membership, unexpired};
use crate::schema::cluster_agents;
use crate::sql::statement::query;
use crate::{Conn, MultiBackend, Result};

/// The access that an agent grants to a user.
#[derive(Debug, Clone, PartialEq)]
pub struct Access {
    pub config_project_id: i64,
    /// The configuration that all grants share. `None` without any grant.
    pub config: Option<Value>,
    /// The projects with a grant, and the user's role there.
    pub projects: Vec<(i64, Role)>,
    /// The groups with a grant, and the user's role there.
    pub groups: Vec<(i64, Role)>,
}

/// The access that an agent grants to a user. `None` if the agent does not exist.
pub fn find(conn: &mut Conn, agent_id: i64, user_id: i64, today: NaiveDate) -> Result<Option<Access>> {
    let agent = cluster_agents::table.find(agent_id).select(cluster_agents::project_id);
    let Some(config_project_id) = agent.first(conn).optional()? else { return Ok(None) };
    let projects: Vec<Grant> = Granted { agent_id, user_id, today, kind: Kind::Projects }.load(conn)?;
    let groups: Vec<Grant> = Granted { agent_id, user_id, today, kind: Kind::Groups }.load(conn)?;
    let config =
        projects.first().or(groups.first()).and_then(|(_, config, _)| serde_json::from_str(config).ok());
    Ok(Some(Access { config_project_id, config, projects: roles(projects), groups: roles(groups) }))
}

type Grant = (i64, String, Option<i32>);

fn roles(grants: Vec<Grant>) -> Vec<(i64, Role)> {
    grants.into_iter().map(|(id, _, level)| (id, Role(level.unwrap_or_default()))).collect()
}

struct Granted {
    agent_id: i64,
    user_id: i64,
    today: NaiveDate,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Projects,
    Groups,
}

/// A user's role in a group comes from a membership in the group, in one of its ancestors, or in a group that
/// one of these is shared with.
const GROUPS: &str = concat!(
    "), up AS (SELECT a.id AS grant_id, a.group_id AS id, n.parent_id \
      FROM agent_user_access_group_authorizations a JOIN namespaces n ON n.id = a.group_id \
     WHERE a.agent_id = (SELECT agent_id FROM parameters) \
    UNION ALL SELECT up.grant_id, n.id, n.parent_id FROM up JOIN namespaces n ON n.id = up.parent_id), \
    mine AS (SELECT source_id AS group_id, access_level FROM members \
      WHERE type = 'GroupMember' AND source_type = 'Namespace' AND user_id = (SELECT user_id FROM parameters) \
        AND ",
    effective_membership!("members", "(SELECT today FROM parameters)"),
    "), \
    levels AS (SELECT up.grant_id, mine.access_level FROM up JOIN mine ON mine.group_id = up.id \
    UNION ALL SELECT up.grant_id, \
        CASE WHEN mine.access_level < l.group_access THEN mine.access_level ELSE l.group_access END \
      FROM up JOIN group_group_links l ON l.shared_group_id = up.id \
      JOIN mine ON mine.group_id = l.shared_with_group_id \
     WHERE ",
    unexpired!("l", "(SELECT today FROM parameters)"),
    ") \
    SELECT a.group_id, CAST(a.config AS text), \
        CAST((SELECT max(access_level) FROM levels WHERE levels.grant_id = a.id) AS integer) \
      FROM agent_user_access_group_authorizations a WHERE a.agent_id = (SELECT agent_id FROM parameters) \
     ORDER BY a.group_id"
);

const PROJECTS: &str = ") SELECT a.project_id, CAST(a.config AS text), \
        (SELECT max(p.access_level) FROM project_authorizations p \
          WHERE p.project_id = a.project_id AND p.user_id = (SELECT user_id FROM parameters)) \
      FROM agent_user_access_project_authorizations a WHERE a.agent_id = (SELECT agent_id FROM parameters) \
     ORDER BY a.project_id";

impl QueryFragment<MultiBackend> for Granted {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE parameters AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.agent_id)?;
        out.push_sql(" AS agent_id, ");
        out.push_bind_param::<BigInt, _>(&self.user_id)?;
        out.push_sql(" AS user_id, ");
        out.push_bind_param::<Date, _>(&self.today)?;
        out.push_sql(" AS today");
        out.push_sql(match self.kind {
            Kind::Projects => PROJECTS,
            Kind::Groups => GROUPS,
        });
        Ok(())
    }
}

query!(Granted, (BigInt, Text, Nullable<Integer>));
