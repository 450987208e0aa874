//! The plans of the statements that answer most requests, in a database that PostgreSQL believes is large.
use database::git_access::{self, ActorId, ProjectId};
use database::{Conn, keys, users};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::support::{TestDatabase, USERS, open, run};

/// A thousand projects two groups deep, and as many rows in every other table that an access decision reads.
const ROWS: &str = "\
INSERT INTO organizations (id, created_at, updated_at, name, path) \
  VALUES (1, now(), now(), 'Default', 'default');
INSERT INTO users (id, username, email, state, projects_limit) \
  SELECT n, 'u' || n, 'u' || n || '@example.com', 'active', 0 FROM generate_series(1001, 2000) n;
INSERT INTO keys (id, user_id, title, key, fingerprint_sha256) \
  SELECT n, n, 'k', 'k', sha256(n::text::bytea) FROM generate_series(1001, 2000) n;
INSERT INTO identities (extern_uid, provider, user_id) SELECT 'uid' || id, 'kerberos', id FROM users;
INSERT INTO namespaces (id, name, path, type, organization_id, traversal_ids) \
  SELECT n, 'g' || n, 'g' || n, 'Group', 1, ARRAY[n] FROM generate_series(1, 1000) n;
INSERT INTO namespaces (id, name, path, type, parent_id, organization_id, traversal_ids) \
  SELECT 1000 + n, 't' || n, 't' || n, 'Group', n, 1, ARRAY[n, 1000 + n] FROM generate_series(1, 1000) n;
INSERT INTO namespaces (id, name, path, type, parent_id, organization_id, traversal_ids) \
  SELECT 2000 + n, 'p' || n, 'p' || n, 'Project', 1000 + n, 1, ARRAY[n, 1000 + n, 2000 + n] \
    FROM generate_series(1, 1000) n;
INSERT INTO namespace_settings (namespace_id, created_at, updated_at) SELECT id, now(), now() FROM namespaces;
INSERT INTO projects (id, name, path, namespace_id, project_namespace_id, organization_id, visibility_level) \
  SELECT n, 'p' || n, 'p' || n, 1000 + n, 2000 + n, 1, 0 FROM generate_series(1, 1000) n;
INSERT INTO project_features (project_id, pages_access_level, created_at, updated_at) \
  SELECT id, 10, now(), now() FROM projects;
INSERT INTO routes (source_id, source_type, path, namespace_id) \
  SELECT id, 'Project', concat('g', id, '/t', id, '/p', id), project_namespace_id FROM projects;
INSERT INTO redirect_routes (source_id, source_type, path, namespace_id, created_at, updated_at) \
  SELECT id, 'Project', 'old/p' || id, project_namespace_id, now(), now() FROM projects;
INSERT INTO project_authorizations (user_id, project_id, access_level) SELECT 1, id, 30 FROM projects;
INSERT INTO deploy_keys_projects (deploy_key_id, project_id) SELECT 1000 + id, id FROM projects;
INSERT INTO ip_restrictions (group_id, range) SELECT n, '10.0.0.0/8' FROM generate_series(1, 1000) n;
INSERT INTO namespace_bans (namespace_id, user_id, created_at, updated_at) \
  SELECT n, 1000 + n, now(), now() FROM generate_series(1, 1000) n;
ANALYZE;
";

/// The planner multiplies the rows of a page, which the catalogue states, by the real number of pages.
const MANY_ROWS: &str = "UPDATE pg_class SET reltuples = 10000 * reltuples \
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples > 0";

/// Starting a node of a plan costs more than a look-up by an index.
const MAX_NODES: usize = 29;

#[derive(QueryableByName)]
struct Statement {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = BigInt)]
    custom_plans: i64,
    #[diesel(sql_type = BigInt)]
    generic_plans: i64,
    #[diesel(sql_type = BigInt)]
    parameters: i64,
}

#[derive(QueryableByName)]
struct PlanLine {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

fn ask(conn: &mut Conn) {
    let actors = [
        ActorId::Key(1),
        ActorId::User(1),
        ActorId::Username("user-1".to_owned()),
        ActorId::Email("user-1@example.com".to_owned()),
        ActorId::Kerberos("uid1001".to_owned()),
        ActorId::Anonymous,
    ];
    let projects =
        [ProjectId::Path("g1/t1/p1".to_owned()), ProjectId::Path("old/p1".to_owned()), ProjectId::Id(1)];
    for actor in &actors {
        for project in &projects {
            let found = git_access::find(conn, actor, project).unwrap().project.unwrap();
            let is_former = matches!(project, ProjectId::Path(path) if path == "old/p1");
            assert_eq!((found.project.full_path.as_str(), found.redirected), ("g1/t1/p1", is_former));
            assert_eq!(found.project.root.id, 1);
        }
        users::find(conn, actor).unwrap();
    }
    keys::find_by_fingerprint(conn, &[1; 32]).unwrap();
}

/// The statements that the connection has prepared.
fn statements(conn: &mut Conn) -> Vec<Statement> {
    let Conn::Postgresql(pg) = conn else { panic!("not a connection to PostgreSQL") };
    diesel::sql_query(
        "SELECT name, statement AS text, custom_plans, generic_plans, \
                cardinality(parameter_types)::bigint AS parameters \
           FROM pg_prepared_statements WHERE NOT from_sql AND statement NOT LIKE '%pg_prepared_statements%'",
    )
    .load(pg)
    .unwrap()
}

/// With a plan of its own for each request, a statement would cost five to ten times as much.
/// PostgreSQL plans the first five executions by their parameters, and then compares the costs.
#[test]
fn every_hot_statement_is_planned_once_and_uses_indexes() {
    let database = TestDatabase::new();
    run(&database.url(), ROWS);
    run(&database.url(), MANY_ROWS);
    let mut conn = open(&database.url());
    for _ in 0..USERS {
        ask(&mut conn);
    }
    let statements = statements(&mut conn);
    let decisions =
        statements.iter().filter(|statement| statement.text.contains("project_authorizations")).count();
    assert_eq!(decisions, 12, "two kinds of projects by six kinds of actors");
    let Conn::Postgresql(pg) = &mut conn else { panic!("not a connection to PostgreSQL") };
    diesel::sql_query("SET plan_cache_mode = force_generic_plan").execute(pg).unwrap();
    for Statement { name, text, custom_plans, generic_plans, parameters } in statements {
        assert!(custom_plans <= 5 && generic_plans > 0, "{custom_plans} plans for {text}");
        let nulls = vec!["NULL"; usize::try_from(parameters).unwrap()].join(", ");
        let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
        let plan: Vec<PlanLine> =
            diesel::sql_query(format!("EXPLAIN (COSTS OFF) EXECUTE {name}{arguments}")).load(pg).unwrap();
        let plan: Vec<String> = plan.into_iter().map(|row| row.line).collect();
        let is_slow = |line: &String| {
            line.contains("Seq Scan") || (line.contains("Filter:") && line.contains("lower("))
        };
        assert!(!plan.iter().any(is_slow), "{text}\n{}", plan.join("\n"));
        let nodes = plan.iter().filter(|line| line.contains("->")).count();
        assert!(nodes <= MAX_NODES, "{nodes} nodes: {text}\n{}", plan.join("\n"));
    }
}
