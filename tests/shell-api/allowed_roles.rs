//! The authorisations that are computed from memberships equal those of a reference statement, and apply to
//! the next request.
use super::shell_api;
use super::support::{ALLOWED, NO_DOWNLOAD, NOT_FOUND, verdict};
use database::Conn;
use database::memberships::Source;
use database::schema::project_authorizations as authorizations;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use domain::Role;
use testkit::fixture::{self, P, Q, THEN};

const NO_PUSH: (u16, &str) = (401, "You are not allowed to push code to this project.");

/// The reference statement, in PostgreSQL's dialect.
const STATEMENT: &str = "
WITH RECURSIVE mine AS (
  SELECT source_id AS group_id, access_level FROM members
  WHERE user_id = $1 AND type = 'GroupMember' AND source_type = 'Namespace' AND access_level > 5
    AND requested_at IS NULL AND invite_token IS NULL AND state = 0
    AND (expires_at IS NULL OR expires_at > current_date)
), reach (group_id, access_level) AS (
  (SELECT group_id, access_level FROM mine
   UNION
   SELECT l.shared_group_id, least(m.access_level, l.group_access)
   FROM group_group_links l JOIN mine m ON m.group_id = l.shared_with_group_id)
  UNION
  SELECT n.id, greatest(m.access_level, r.access_level)
  FROM reach r
  JOIN namespaces n ON n.parent_id = r.group_id AND n.type = 'Group'
  LEFT JOIN mine m ON m.group_id = n.id
)
SELECT project_id, max(access_level) AS access_level FROM (
  SELECT source_id AS project_id, access_level FROM members
  WHERE user_id = $1 AND type = 'ProjectMember' AND source_type = 'Project' AND access_level > 5
    AND requested_at IS NULL AND invite_token IS NULL AND state = 0
    AND (expires_at IS NULL OR expires_at > current_date)
  UNION ALL
  SELECT p.id, 50 FROM projects p JOIN namespaces n ON n.id = p.namespace_id
  WHERE n.type = 'User' AND n.owner_id = $1
  UNION ALL
  SELECT p.id, r.access_level FROM reach r JOIN projects p ON p.namespace_id = r.group_id
  UNION ALL
  SELECT l.project_id, least(r.access_level, l.group_access)
  FROM reach r
  JOIN project_group_links l ON l.group_id = r.group_id
  JOIN projects p ON p.id = l.project_id
  JOIN namespaces n ON n.id = p.namespace_id AND n.share_with_group_lock IS FALSE
) AS x GROUP BY project_id ORDER BY project_id";

#[derive(QueryableByName)]
struct Authorization {
    #[diesel(sql_type = BigInt)]
    project_id: i64,
    #[diesel(sql_type = Integer)]
    access_level: i32,
}

fn wanted(conn: &mut Conn, user_id: i64) -> Vec<(i64, i32)> {
    let text = match conn {
        Conn::Postgresql(_) => STATEMENT.to_owned(),
        // SQLite has `min` and `max` of two arguments, which return NULL for NULL, and rejects the
        // parentheses.
        Conn::Sqlite(_) => STATEMENT
            .replace("greatest(m.access_level, ", "max(COALESCE(m.access_level, 0), ")
            .replace("least(", "min(")
            .replace("  (SELECT group_id", "  SELECT group_id")
            .replace("l.shared_with_group_id)\n", "l.shared_with_group_id\n"),
    };
    let rows: Vec<Authorization> = diesel::sql_query(text).bind::<BigInt, _>(user_id).load(conn).unwrap();
    rows.into_iter().map(|row| (row.project_id, row.access_level)).collect()
}

fn kept(conn: &mut Conn, user_id: i64) -> Vec<(i64, i32)> {
    authorizations::table
        .filter(authorizations::user_id.eq(user_id))
        .order(authorizations::project_id)
        .select((authorizations::project_id, authorizations::access_level))
        .load(conn)
        .unwrap()
}

/// Pseudorandom numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.roll(list.len() as u64)).unwrap()]
    }
}

const GROUPS: std::ops::Range<i64> = 100..112;
const PEOPLE: std::ops::RangeInclusive<i64> = 1..=8;

/// Adds nested groups with a project each, a personal project, and random memberships, links and invitations.
fn world(conn: &mut Conn, dice: &mut Dice) {
    for group in GROUPS {
        let parent = (dice.roll(3) > 0 && group > GROUPS.start).then(|| {
            GROUPS.start + i64::try_from(dice.roll(u64::try_from(group - GROUPS.start).unwrap())).unwrap()
        });
        fixture::group(conn, group, &format!("group-{group}"), parent);
        fixture::project(conn, group + 100, &format!("group-{group}/p"), group, 0);
        fixture::run(
            conn,
            &format!(
                "UPDATE namespaces SET share_with_group_lock = {} WHERE id = {group}",
                dice.roll(3) == 0
            ),
        );
    }
    fixture::project(conn, 300, "alice/own", 1002, 0);
    for (left, right) in GROUPS.flat_map(|left| GROUPS.map(move |right| (left, right))) {
        let level = dice.one_of(&[10, 15, 20, 30, 40]);
        if left != right && dice.roll(12) == 0 {
            fixture::run(
                conn,
                &format!(
                    "INSERT INTO group_group_links (shared_group_id, shared_with_group_id, group_access, \
                 created_at, updated_at)
                 VALUES ({left}, {right}, {level}, '{THEN}', '{THEN}')"
                ),
            );
        }
        if left != right && dice.roll(12) == 0 {
            let project = left + 100;
            fixture::run(
                conn,
                &format!(
                    "INSERT INTO project_group_links (project_id, group_id, group_access) VALUES ({project}, \
                     {right}, {level})"
                ),
            );
        }
    }
    for user in PEOPLE {
        for group in GROUPS {
            for (kind, source_type, source) in
                [("GroupMember", "Namespace", group), ("ProjectMember", "Project", group + 100)]
            {
                if dice.roll(5) > 0 {
                    continue;
                }
                let level = dice.one_of(&[5, 10, 15, 20, 25, 30, 40, 50]);
                let (column, value) = dice.one_of(&[
                    ("state", "0"),
                    ("state", "0"),
                    ("state", "1"),
                    ("requested_at", "'2020-01-01 00:00:00'"),
                    ("expires_at", "'2020-01-01'"),
                    ("expires_at", "'2999-01-01'"),
                ]);
                fixture::run(
                    conn,
                    &format!(
                    "INSERT INTO members (access_level, source_id, source_type, user_id, notification_level, \
                     type, member_namespace_id, {column})
                     VALUES ({level}, {source}, '{source_type}', {user}, 3, '{kind}', {group}, {value})"
                ),
                );
            }
        }
    }
}

#[testkit::test]
async fn authorizations_are_those_of_the_statement(database: Database) {
    let mut conn = database.open();
    world(&mut conn, &mut Dice(2026));
    fixture::recompute(&mut conn);
    let mut rows = 0;
    for user in PEOPLE {
        let (kept, wanted) = (kept(&mut conn, user), wanted(&mut conn, user));
        assert_eq!(kept, wanted, "user {user}");
        rows += kept.len();
    }
    assert!(rows > 40, "only {rows} rows");
    // Correct rows are kept, and rows without a membership are deleted.
    fixture::recompute(&mut conn);
    assert_eq!(kept(&mut conn, 2), wanted(&mut conn, 2));
    fixture::run(
        &mut conn,
        "DELETE FROM members; DELETE FROM project_group_links; DELETE FROM group_group_links",
    );
    fixture::recompute(&mut conn);
    assert_eq!((kept(&mut conn, 2), kept(&mut conn, 5)), (vec![(300, 50)], vec![]));
}

/// An invitation of a group has expired on its expiry date, like a membership.
#[testkit::test]
async fn expired_invitations_give_no_access(database: Database) {
    let shell = shell_api(database).await;
    let mut conn = shell.service.database.open();
    fixture::group(&mut conn, 40, "x", None);
    fixture::member(&mut conn, 6, Source::Group(40), Role::DEVELOPER);
    fixture::project(&mut conn, 41, "grp/sub/deep", 21, 0);
    shell.sql(&format!(
        "UPDATE projects SET repository_storage = 'blind' WHERE id = 41;
             INSERT INTO project_group_links (id, project_id, group_id, group_access) VALUES (1, {P}, 40, 30);
             INSERT INTO group_group_links (id, shared_group_id, shared_with_group_id, group_access, \
                 created_at, updated_at)
             VALUES (1, 21, 40, 30, '{THEN}', '{THEN}')"
    ));
    let today = fixture::now().date();
    let (yesterday, tomorrow) = (today.pred_opt().unwrap(), today.succ_opt().unwrap());
    for (table, project) in [("project_group_links", "grp/p"), ("group_group_links", "grp/sub/deep")] {
        for (end, expected) in [
            (format!("'{tomorrow}'"), ALLOWED),
            (format!("'{today}'"), NOT_FOUND),
            ("NULL".to_owned(), ALLOWED),
            (format!("'{yesterday}'"), NOT_FOUND),
        ] {
            shell.sql(&format!("UPDATE {table} SET expires_at = {end}"));
            fixture::recompute(&mut conn);
            assert_eq!(verdict(&shell.push_any(15, project).await), expected, "{table} {end}");
        }
    }
}

#[testkit::test]
async fn a_lower_role_holds_at_the_next_request(database: Database) {
    let shell = shell_api(database).await;
    let mut conn = shell.service.database.open();
    assert_eq!(verdict(&shell.push_any(11, "grp/p").await), ALLOWED);
    for (role, clone, push) in [
        (Role::OWNER, ALLOWED, ALLOWED),
        (Role::REPORTER, ALLOWED, NO_PUSH),
        (Role::GUEST, NO_DOWNLOAD, NO_PUSH),
        (Role(5), NOT_FOUND, NOT_FOUND),
        (Role::DEVELOPER, ALLOWED, ALLOWED),
    ] {
        fixture::member(&mut conn, 2, Source::Project(P), role);
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), clone, "{role:?}");
        assert_eq!(verdict(&shell.push_any(11, "grp/p").await), push, "{role:?}");
    }
}

/// A deploy key may pull whatever the role or ban of its owner, but both restrict its pushes.
#[testkit::test]
async fn the_ban_of_an_owner_stops_pushes_of_the_key(database: Database) {
    let shell = shell_api(database).await;
    shell.sql(&format!(
        "INSERT INTO namespace_bans (id, namespace_id, user_id, created_at, updated_at) VALUES (1, 20, \
             5, '{THEN}', '{THEN}')"
    ));
    assert_eq!(verdict(&shell.clone(14, "grp/p").await), NOT_FOUND);
    assert_eq!(verdict(&shell.clone(31, "grp/p").await), ALLOWED);
    assert_eq!(verdict(&shell.push_any(31, "grp/p").await), ALLOWED);
    let (a, b) = (&shell.git.a, &shell.git.b);
    assert_eq!(verdict(&shell.push(31, &format!("{a} {b} refs/heads/f")).await), NO_PUSH);
    shell.sql("DELETE FROM namespace_bans");
    assert_eq!(verdict(&shell.push(31, &format!("{a} {b} refs/heads/f")).await), ALLOWED);
    let mut conn = shell.service.database.open();
    fixture::member(&mut conn, 5, Source::Project(P), Role(5));
    assert_eq!(verdict(&shell.clone(31, "grp/p").await), ALLOWED);
    assert_eq!(verdict(&shell.push(31, &format!("{a} {b} refs/heads/f")).await), NO_PUSH);
    assert_eq!(verdict(&shell.clone(31, "grp/pub").await), ALLOWED, "project {Q} is public");
}

/// A custom role counts as its base role: `read_code` does not let a guest pull.
#[testkit::test]
async fn a_custom_role_counts_as_its_base_role(database: Database) {
    let shell = shell_api(database).await;
    shell.sql(
        r#"INSERT INTO member_roles (id, namespace_id, base_access_level, permissions, created_at, updated_at)
           VALUES (1, 20, 10, '{"read_code": true}', '2020-01-01 00:00:00', '2020-01-01 00:00:00');
           UPDATE members SET member_role_id = 1 WHERE user_id = 3"#,
    );
    assert_eq!(verdict(&shell.clone(12, "grp/p").await), NO_DOWNLOAD);
}
