//! What `internal-apictl explain allowed` prints is what the service answers: both use `git_access`. Each
//! request goes to the service over HTTP, and to the explanation beside it.
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use database::git_access::ActorId;
use database::{ConnectOptions, Location, Pool, PoolOptions};
use domain::access::{Action, ClientAddress, Denial, Protocol, Refusal, Request, Rule, Verdict};
use domain::git::changes::Changes;
use endpoint::Clock;
use futures_util::{StreamExt, stream};
use git_access::explain::{RowResult, explain};
use git_access::{AccessOptions, Error, Query, RepositoryParam, Sources};
use repository::{Inspect, Storage, Storages};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::fixture;
use testkit::git::repositories;

use super::matrix;
use super::support::{Z, shell_api};

/// Explains requests from the database and the storages of a service.
struct Explainer {
    pool: Pool,
    storages: Storages,
    options: AccessOptions,
}

/// Status, message, and the row that decides.
type Answer = (u16, String, &'static str);

impl Explainer {
    fn new(url: &str, storage: &Path) -> Self {
        let default = Storage {
            address: "unix:/run/gitaly.socket".to_owned(),
            token: None,
            inspect: Some(Inspect::Local),
            path: Some(storage.to_owned()),
        };
        let blind = Storage { inspect: Some(Inspect::None), path: None, ..default.clone() };
        let storages = BTreeMap::from([("default".to_owned(), default), ("blind".to_owned(), blind)]);
        let options =
            PoolOptions { size: 4, timeout: Duration::from_secs(30), connect: ConnectOptions::default() };
        Self {
            pool: Pool::new(Location::parse(url).unwrap(), options, |_| ()),
            storages: Storages::new("explain", storages, |_| ()).unwrap(),
            options: AccessOptions {
                read_only: false,
                upload_pack: true,
                receive_pack: true,
                push_to_create: true,
                allow_uninspected_pushes: false,
                lfs_enabled: true,
                file_size_limit_mb: 0,
            },
        }
    }

    /// The explanation's decision. Its rows must be consistent: every row passes, except the one that
    /// decides.
    async fn answer(&self, body: &Value) -> Answer {
        let settings = self.pool.read(database::settings::load).await.unwrap();
        let sources = Sources {
            pool: &self.pool,
            storages: &self.storages,
            options: &self.options,
            external_url: "https://gitlab.example.com",
            is_geo_secondary: false,
            now: Clock::System.now(),
        };
        let explanation = explain(sources, &query(body), &settings).await.unwrap();
        let refusing: Vec<Rule> = explanation
            .rows
            .iter()
            .filter(|row| row.result == RowResult::Refused)
            .map(|row| row.rule)
            .collect();
        let (status, message, rule) = match &explanation.outcome {
            Ok(Verdict::ForwardToPrimary) => (300, String::new(), None),
            Ok(_) => (200, String::new(), None),
            Err(Error::Refused(refused @ Refusal { denial, rule })) => {
                let status = if matches!(denial, Denial::NotFound(_)) { 404 } else { 401 };
                (status, refused.to_string(), Some(*rule))
            }
            Err(error @ Error::NotInspected(_)) => (401, error.to_string(), None),
            Err(error @ Error::NotCreated(_)) => (422, error.to_string(), Some(Rule::PushToCreate)),
            Err(error) => panic!("{body}: {error}"),
        };
        assert_eq!(refusing, Vec::from_iter(rule), "{body}: the row that refuses");
        if let Some(rule) = rule {
            let last = explanation.rows.last().map(|row| row.rule);
            assert_eq!(last, Some(rule), "{body}: no row is read after the one that refuses");
        }
        let row = match (rule, &explanation.outcome) {
            (Some(rule), _) => rule.row(),
            (None, Ok(_)) => Rule::Allowed.row(),
            (None, Err(_)) => "",
        };
        (status, message, row)
    }
}

/// The query of a body, read independently of the service.
fn query(body: &Value) -> Query {
    let number = |name: &str| body[name].as_i64().or_else(|| body[name].as_str()?.parse().ok());
    let text = |name: &str| body[name].as_str().map(ToOwned::to_owned);
    let actor = match (number("key_id"), number("user_id"), text("username")) {
        (Some(id), ..) => ActorId::Key(id),
        (None, Some(id), _) => ActorId::User(id),
        (None, None, Some(name)) => git_access::actor_from_name(name),
        _ => ActorId::Anonymous,
    };
    let action = Action::parse(body["action"].as_str().unwrap());
    let request = Request {
        action,
        protocol: Protocol::parse(body["protocol"].as_str().unwrap()).unwrap(),
        changes: match (action, text("changes")) {
            (Action::Push, Some(changes)) => Changes::parse(changes),
            _ => Changes::Any,
        },
        check_ip: text("check_ip").as_deref().map(ClientAddress::from_text),
        namespace_path: text("namespace_path"),
    };
    let repository = match text("gl_repository") {
        Some(id) => RepositoryParam::Id { repository: id.parse().unwrap(), project: text("project") },
        None => RepositoryParam::from_path(text("project").unwrap()),
    };
    Query::new(request, actor, repository)
}

/// Status and message of the service's response, and the rows that it has counted.
fn answer((status, body): (u16, Value)) -> (u16, String) {
    let message = if body["status"] == true { "" } else { body["message"].as_str().unwrap_or_default() };
    (status, message.to_owned())
}

/// The decisions in the service's metrics, by row.
async fn counted(shell: &super::Shell) -> BTreeMap<String, u64> {
    let text = shell.service.get("/-/metrics").await.text;
    let mut rows = BTreeMap::new();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("internal_api_git_access_decisions_total{"))
        .filter_map(|line| line.split_once("row=\"")?.1.split_once("\"} "));
    for (row, count) in lines {
        *rows.entry(row.to_owned()).or_default() += count.parse::<u64>().unwrap();
    }
    rows.retain(|_, count| *count > 0);
    rows
}

/// Every cell of the tables in `matrix/`: status, message, and how often each row has decided.
#[testkit::test]
async fn explanation_agrees_with_service_in_every_table(database: Database) {
    let storage = TempDir::new().unwrap();
    let explainer = Explainer::new(database.url_for("shell-api"), storage.path());
    let shell = matrix::world(database, &storage).await;
    let (shell, explainer) = (&shell, &explainer);
    let bodies: Vec<Value> = matrix::bodies();
    let compared = bodies.iter().map(|body| async move {
        let served = answer(shell.post("/allowed", body.clone()).await);
        (body, served, explainer.answer(body).await)
    });
    let compared: Vec<_> = stream::iter(compared).buffer_unordered(8).collect().await;
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    let mut different = Vec::new();
    for (body, served, (status, message, row)) in compared {
        *rows.entry(row.to_owned()).or_default() += 1;
        if served != (status, message.clone()) {
            different.push(format!("{body}: {served:?} served, {status} {message:?} explained"));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert_eq!(rows, counted(shell).await);
}

/// Pseudorandom numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        list[usize::try_from((self.0 >> 33) % list.len() as u64).unwrap()]
    }
}

/// Changes of the rows that decisions read; about half of them take away what the others give.
const CHANGES: &[&str] = &[
    "UPDATE projects SET visibility_level = 0 WHERE id = 3",
    "UPDATE projects SET visibility_level = 20 WHERE id = 3",
    "UPDATE projects SET archived = true WHERE id = 3",
    "UPDATE projects SET archived = false WHERE id = 3",
    "UPDATE projects SET hidden = true WHERE id = 3",
    "UPDATE projects SET hidden = false, pending_delete = false WHERE id = 3",
    "UPDATE projects SET pending_delete = true WHERE id = 3",
    "UPDATE projects SET repository_read_only = true WHERE id = 3",
    "UPDATE projects SET repository_read_only = false WHERE id = 3",
    "UPDATE project_features SET repository_access_level = 10 WHERE project_id = 3",
    "UPDATE project_features SET repository_access_level = 20, wiki_access_level = 20 WHERE project_id = 3",
    "UPDATE project_features SET wiki_access_level = 0 WHERE project_id = 3",
    "UPDATE users SET state = 'blocked' WHERE id = 2",
    "UPDATE users SET state = 'active', locked_at = NULL, user_type = 0 WHERE id = 2",
    "UPDATE users SET user_type = 5 WHERE id = 5",
    "UPDATE users SET user_type = 0 WHERE id = 5",
    "UPDATE users SET external = true, admin = false WHERE id = 1",
    "UPDATE users SET external = false, admin = true WHERE id = 1",
    "UPDATE namespace_settings SET enabled_git_access_protocol = 1 WHERE namespace_id = 20",
    "UPDATE namespace_settings SET enabled_git_access_protocol = 2 WHERE namespace_id = 20",
    "UPDATE namespace_settings SET enabled_git_access_protocol = 0, repository_read_only = false \
     WHERE namespace_id = 20",
    "UPDATE namespace_settings SET repository_read_only = true WHERE namespace_id = 20",
    "DELETE FROM ip_restrictions",
    "INSERT INTO ip_restrictions (group_id, range) VALUES (20, '10.0.0.0/8')",
    "UPDATE keys SET expires_at = '2020-01-01 00:00:00' WHERE id = 14",
    "UPDATE keys SET expires_at = NULL WHERE id = 14",
    "UPDATE deploy_keys_projects SET can_push = false WHERE deploy_key_id = 31",
    "UPDATE deploy_keys_projects SET can_push = true WHERE deploy_key_id = 31",
    "DELETE FROM protected_branch_push_access_levels WHERE protected_branch_id = 1",
    "INSERT INTO push_rules (project_id, branch_name_regex) \
     VALUES (3, '^(main|x)$')",
    "DELETE FROM push_rules",
];

/// The random requests: who, what, over what, from where.
fn random_body(dice: &mut Dice) -> Value {
    let git = repositories();
    let (a, b) = (&git.a, &git.b);
    let who = dice.one_of(&[
        r#"{"key_id": 11}"#,
        r#"{"key_id": 12}"#,
        r#"{"key_id": 14}"#,
        r#"{"key_id": 15}"#,
        r#"{"key_id": 17}"#,
        r#"{"key_id": 30}"#,
        r#"{"key_id": 31}"#,
        r#"{"key_id": 40}"#,
        r#"{"key_id": 41}"#,
        r#"{"key_id": 999}"#,
        r#"{"user_id": 5}"#,
        r#"{"username": "ALICE"}"#,
        r#"{"username": "mia@example.com"}"#,
        "{}",
    ]);
    let mut body: Value = serde_json::from_str(who).unwrap();
    let fields = body.as_object_mut().unwrap();
    let action = dice.one_of(&["git-upload-pack", "git-receive-pack", "git-receive-pack", "git-frob"]);
    let project = dice.one_of(&[
        "grp/p",
        "GRP/P.git",
        "grp/pub",
        "grp/int",
        "grp/empty",
        "grp/p.wiki.git",
        "grp/none",
        "none",
        "grp.wiki.git",
        "grp/p.design.git",
        "snippets/999.git",
    ]);
    fields.insert("action".to_owned(), json!(action));
    fields.insert("project".to_owned(), json!(project));
    fields.insert("protocol".to_owned(), json!(dice.one_of(&["ssh", "ssh", "http", "web"])));
    let lines = [
        "_any".to_owned(),
        format!("{a} {b} refs/heads/main"),
        format!("{b} {a} refs/heads/main"),
        format!("{Z} {a} refs/heads/main"),
        format!("{a} {Z} refs/heads/main"),
        format!("{Z} {a} refs/heads/x"),
        format!("{Z} {a} refs/heads/y"),
        format!("{Z} {a} refs/tags/v1"),
        format!("{a} {b} refs/heads/x\n{a} {b} refs/heads/main"),
        format!("{a} {b} refs/notes/x"),
    ];
    let indexes: Vec<usize> = (0..lines.len()).collect();
    let changes = &lines[dice.one_of(&indexes)];
    if changes != "_any" && action == "git-receive-pack" {
        // Gitaly names the repository by its id.
        fields.insert("gl_repository".to_owned(), json!(dice.one_of(&["project-3", "project-3", "wiki-3"])));
    }
    fields.insert("changes".to_owned(), json!(changes));
    match dice.one_of(&[0, 0, 0, 1, 2, 3]) {
        1 => drop(fields.insert("check_ip".to_owned(), json!("10.1.1.1"))),
        2 => drop(fields.insert("check_ip".to_owned(), json!("192.0.2.1"))),
        3 => drop(fields.insert("namespace_path".to_owned(), json!("other"))),
        _ => {}
    }
    // No path may be created: that would change the database between the two answers.
    if action == "git-receive-pack" && changes == "_any" {
        fields.insert("project".to_owned(), json!(dice.one_of(&["grp/p", "grp/p.wiki.git", "none"])));
    }
    body
}

/// Random requests to databases in random states: every answer is the one that is explained.
#[testkit::test]
async fn explanation_agrees_with_service_in_random_states(database: Database) {
    fixture::run(&mut database.open(), "UPDATE application_settings SET gitlab_shell_operation_limit = 0");
    let explainer = Explainer::new(database.url_for("shell-api"), &repositories().path);
    let shell = shell_api(database).await;
    let mut dice = Dice(2026);
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..60 {
        for _ in 0..3 {
            shell.sql(dice.one_of(CHANGES));
        }
        for _ in 0..12 {
            let body = random_body(&mut dice);
            let (status, message, row) = explainer.answer(&body).await;
            *rows.entry(row.to_owned()).or_default() += 1;
            assert_eq!(answer(shell.post("/allowed", body.clone()).await), (status, message), "{body}");
        }
    }
    assert_eq!(rows, counted(&shell).await);
    assert!(rows.len() >= 14, "only these rows have decided: {rows:?}");
}

/// The row names the rows of the tables that it was read from.
#[testkit::test]
async fn a_refused_push_names_its_rule_and_the_rows(database: Database) {
    let explainer = Explainer::new(database.url_for("shell-api"), &repositories().path);
    let git = repositories();
    let body = json!({ "key_id": 11, "gl_repository": "project-3", "action": "git-receive-pack",
        "protocol": "ssh", "changes": format!("{} {} refs/heads/main", git.a, git.b) });
    let settings = explainer.pool.read(database::settings::load).await.unwrap();
    let sources = Sources {
        pool: &explainer.pool,
        storages: &explainer.storages,
        options: &explainer.options,
        external_url: "https://gitlab.example.com",
        is_geo_secondary: false,
        now: Clock::System.now(),
    };
    let explanation = explain(sources, &query(&body), &settings).await.unwrap();
    let last = explanation.rows.last().unwrap();
    assert_eq!((last.rule, last.result), (Rule::ProtectedBranchUpdate, RowResult::Refused));
    assert_eq!(last.reference.as_deref(), Some("refs/heads/main"));
    let rows: Vec<String> =
        last.evidence.iter().map(|evidence| format!("{} {}", evidence.table, evidence.row)).collect();
    assert_eq!(
        rows,
        ["protected_branches id = 1", "users id = 2", "project_authorizations user_id = 2, project_id = 3",]
    );
    assert_eq!(
        last.evidence[0].values,
        [
            ("name", "main".to_owned()),
            ("allow_force_push", "false".to_owned()),
            ("push_access_levels", "access_level 40".to_owned()),
            ("merge_access_levels", "access_level 30".to_owned()),
        ]
    );
}
