//! The commands for an installation without GitLab, run as an operator does, on every database shape.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde_json::{Value, json};
use tempfile::TempDir;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGc5XGjCJZvTSZAnZ7tkUEZOyJZVS2FVlhMIoMqfXa9g me@laptop";
/// An RSA key of 1024 bits.
const SHORT_RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCfemK+yuT1QxCqsdQBNH/hBnd/wuiSO9deItb0yoSm3S2rTUAq\
    nuP2RZYgde5ROimtlk6Yg/xb6zbYAI8/ir/SdeTFZOR8ViLOp3k41UJCNrYQW/kvVGEwlNO0vaAcE0+9\
    VFXfZlM5ndWA++uH+EnoLS+MIDi3Hl2AYw6NMWiiPw== short";

struct Operator {
    database: testkit::Database,
    data: TempDir,
}

struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The names of the audit events.
    fn audit_events(&self) -> Vec<String> {
        let events = self.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter_map(|event| event["event_name"].as_str().map(ToOwned::to_owned)).collect()
    }
}

impl Operator {
    fn new(database: testkit::Database) -> Self {
        // The planted rows have explicit ids, which the sequences do not know.
        if database.url().starts_with("postgres") {
            database.sql(
                "DO $$ DECLARE s record; BEGIN \
                 FOR s IN SELECT schemaname, sequencename FROM pg_sequences LOOP \
                 PERFORM setval(format('%I.%I', s.schemaname, s.sequencename), 100000); END LOOP; END $$",
            );
        }
        let data = TempDir::new().unwrap();
        std::fs::write(data.path().join(".gitlab_db_key_base"), "0123456789abcdef".repeat(8)).unwrap();
        Self { database, data }
    }

    fn run(&self, line: &str) -> Outcome {
        self.run_with(line, "")
    }

    fn run_with(&self, line: &str, input: &str) -> Outcome {
        let mut child = Command::new(env!("CARGO_BIN_EXE_internal-apictl"))
            .args(line.split(' '))
            .env("IAPI_DATABASE_URL", self.database.url())
            .env("IAPI_DATA_DIR", self.data.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn must(&self, line: &str) -> Outcome {
        let outcome = self.run(line);
        assert_eq!(outcome.code, 0, "{line}: {}", outcome.stderr);
        outcome
    }

    fn number(&self, query: &str) -> i64 {
        let sql = diesel::dsl::sql::<BigInt>(&format!("CAST(({query}) AS bigint)"));
        diesel::select(sql).get_result(&mut self.database.open()).unwrap()
    }

    fn text(&self, query: &str) -> Option<String> {
        let sql = diesel::dsl::sql::<Nullable<Text>>(&format!("({query})"));
        diesel::select(sql).get_result(&mut self.database.open()).unwrap()
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.data.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

#[testkit::test]
async fn user_is_created_with_all_rows(database: Database) {
    let operator = Operator::new(database);
    let created = operator.must("user create --username kim --email Kim@Example.COM --name Kim --json");
    let user = created.json();
    assert_eq!(user["email"], "kim@example.com");
    assert_eq!(user["state"], "active");
    assert_eq!(created.audit_events(), ["user_created"]);
    let id = user["id"].as_i64().unwrap();
    for (table, column) in
        [("user_details", "user_id"), ("organization_users", "user_id"), ("emails", "user_id")]
    {
        let count = operator.number(&format!("SELECT count(*) FROM {table} WHERE {column} = {id}"));
        assert_eq!(count, 1, "{table}");
    }
    let namespace =
        operator.number(&format!("SELECT id FROM namespaces WHERE owner_id = {id} AND type = 'User'"));
    for table in ["namespace_settings", "namespace_details", "routes"] {
        let count =
            operator.number(&format!("SELECT count(*) FROM {table} WHERE namespace_id = {namespace}"));
        assert_eq!(count, 1, "{table}");
    }
    let ids =
        operator.text(&format!("SELECT CAST(traversal_ids AS text) FROM namespaces WHERE id = {namespace}"));
    assert!(ids.unwrap().trim_matches(['{', '}', '[', ']']) == namespace.to_string());
    let hash = operator.text(&format!("SELECT encrypted_password FROM users WHERE id = {id}")).unwrap();
    assert!(hash.starts_with("$2a$10$") && hash.len() == 60, "{hash}");
    let shown = operator.must("user show kim --json").json();
    assert_eq!(shown, user);
    assert_eq!(operator.must("user list --search KIM --json").json(), json!([user]));
}

#[testkit::test]
async fn invalid_and_taken_names_are_refused_and_nothing_is_written(database: Database) {
    let operator = Operator::new(database);
    operator.must("user create --username kim --email kim@example.com");
    let users = operator.number("SELECT count(*) FROM users");
    for (arguments, code, sentence) in [
        ("--username admin --email a@example.com", 1, "reserved"),
        ("--username a..b --email a@example.com", 1, "special characters"),
        ("--username -a --email a@example.com", 78, ""),
        ("--username a --email not-an-address", 1, "e-mail"),
        ("--username KIM --email a@example.com", 2, "exists already"),
        ("--username other --email KIM@example.com", 1, "email"),
    ] {
        let outcome = operator.run(&format!("user create {arguments}"));
        assert_eq!(outcome.code, code, "{arguments}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(sentence) && outcome.stdout.is_empty(), "{}", outcome.stderr);
        assert!(outcome.audit_events().is_empty());
    }
    assert_eq!(operator.number("SELECT count(*) FROM users"), users);
    // The same again is no error with --if-not-exists; another user is.
    operator.must("user create --username kim --email kim@example.com --if-not-exists");
    let other = operator.run("user create --username kim --email other@example.com --if-not-exists");
    assert_eq!(other.code, 2);
}

#[testkit::test]
async fn secrets_are_printed_once_and_alone(database: Database) {
    let operator = Operator::new(database);
    let password = operator.must("user create --username kim --email kim@example.com --random-password");
    assert_eq!(password.stdout.trim().len(), 24);
    assert!(!password.stderr.contains(password.stdout.trim()));
    let token = operator.must("access-token create --user kim --name laptop --scopes api,read_api");
    let value = token.stdout.trim();
    assert!(value.starts_with("glpat-") && !token.stderr.contains(value), "{value}");
    let digest = auth::KeyBase::from_text(&"0123456789abcdef".repeat(8)).unwrap().token_digest(value);
    let scopes = format!("SELECT scopes FROM personal_access_tokens WHERE token_digest = '{digest}'");
    assert_eq!(operator.text(&scopes).as_deref(), Some("---\n- api\n- read_api\n"));
    let listed = operator.must("access-token list --user kim");
    assert!(listed.stdout.contains("laptop") && !listed.stdout.contains(value));
    let id = operator.must("access-token list --user kim --json").json()[0]["id"].clone();
    operator.must(&format!("access-token revoke {id}"));
    assert_eq!(operator.must("access-token list --user kim --json").json()[0]["revoked"], true);
    for refused in
        ["--scopes nope", "--scopes api --expires-at 2020-01-01", "--scopes api --expires-at 2999-01-01"]
    {
        assert_eq!(
            operator.run(&format!("access-token create --user kim --name x {refused}")).code,
            1,
            "{refused}"
        );
    }
    assert_eq!(operator.run("access-token revoke 999999").code, 2);
}

#[testkit::test]
async fn keys_are_checked_and_belong_to_one_user(database: Database) {
    let operator = Operator::new(database);
    operator.must("user create --username kim --email kim@example.com");
    operator.must("user create --username lee --email lee@example.com");
    let file = operator.file("key.pub", KEY);
    let add = |user: &str| format!("ssh-key add --user {user} --file {}", file.display());
    let key = operator.must(&format!("{} --json", add("kim"))).json();
    assert_eq!((&key["title"], &key["usage_type"]), (&json!("me@laptop"), &json!("auth_and_signing")));
    assert_eq!(operator.run(&add("lee")).code, 2);
    operator.must(&format!("{} --if-not-exists", add("kim")));
    for bad in ["ssh-rsa AAAA", "nonsense", SHORT_RSA] {
        operator.database.sql("UPDATE application_settings SET rsa_key_restriction = 2048");
        let file = operator.file("bad.pub", bad);
        let outcome = operator.run(&format!("ssh-key add --user lee --file {}", file.display()));
        assert_eq!(outcome.code, 1, "{bad}: {}", outcome.stderr);
    }
    let piped = KEY.replace("me@laptop", "");
    operator.must(&format!("ssh-key delete {}", key["id"]));
    assert_eq!(operator.run_with("ssh-key add --user lee --file -", &piped).code, 0);
    assert_eq!(operator.must("ssh-key list --user lee --json").json().as_array().unwrap().len(), 1);
}

#[testkit::test]
async fn roles_follow_groups_and_the_last_owner_stays(database: Database) {
    let operator = Operator::new(database);
    for user in ["kim", "lee"] {
        operator.must(&format!("user create --username {user} --email {user}@example.com"));
    }
    operator.must("group create --path new-acme --owner kim");
    operator.must("group create --path new-acme/tools --visibility internal --name Tools");
    let project = operator.must("project create --path new-acme/tools/app --json").json();
    let role = |user: &str| {
        operator.number(&format!(
            "SELECT COALESCE((SELECT max(access_level) FROM project_authorizations a \
             JOIN users u ON u.id = a.user_id WHERE u.username = '{user}' AND a.project_id = {}), 0)",
            project["id"]
        ))
    };
    assert_eq!((role("kim"), role("lee")), (50, 0));
    operator.must("member add --user lee --role developer --group new-acme");
    assert_eq!(role("lee"), 30);
    operator.must("member remove --user lee --group new-acme");
    assert_eq!(role("lee"), 0);
    let last = operator.run("member remove --user kim --group new-acme");
    assert_eq!((last.code, role("kim")), (1, 50));
    assert_eq!(operator.run("member add --user kim --role guest --group new-acme").code, 1);
    assert_eq!(operator.run("member add --user nobody --role guest --group new-acme").code, 2);
    assert_eq!(operator.run("member add --user lee --role boss --group new-acme").code, 78);
    assert_eq!(operator.run("group create --path nowhere/sub").code, 2);
    assert_eq!(operator.run("project create --path nowhere/app").code, 2);
    assert_eq!(operator.run("project create --path new-acme/tools/app").code, 2);
    operator.must("project create --path new-acme/tools/app --if-not-exists");
    // The first push creates the repository.
    let id = project["id"].as_i64().unwrap();
    assert!(database::projects::awaits_repository(&mut operator.database.open(), id).unwrap());
    let ids = operator.text(
        "SELECT CAST(n.traversal_ids AS text) FROM namespaces n JOIN routes r ON r.source_id = n.id \
        AND r.source_type = 'Namespace' WHERE r.path = 'new-acme/tools'",
    );
    assert_eq!(ids.unwrap().split(',').count(), 2);
    let name = operator.text("SELECT name FROM routes WHERE path = 'new-acme/tools/app'");
    assert_eq!(name.as_deref(), Some("new-acme / Tools / app"));
}

#[testkit::test]
async fn project_gets_branches_deploy_keys_agents_and_tokens(database: Database) {
    let operator = Operator::new(database);
    operator.must("user create --username kim --email kim@example.com --admin");
    operator.must("group create --path new-acme --owner kim");
    operator.must("project create --path new-acme/app --visibility public --name App");
    let rule =
        "protected-branch add --project new-acme/app --name main --push-role nobody --merge-role developer";
    operator.must(rule);
    assert_eq!(operator.run(rule).code, 2);
    operator.must(&format!("{rule} --if-not-exists"));
    let rules = operator.must("protected-branch list --project new-acme/app --json").json();
    assert_eq!(
        (&rules[0]["push_roles"], &rules[0]["merge_roles"]),
        (&json!(["nobody"]), &json!(["developer"]))
    );
    operator.must("protected-branch remove --project new-acme/app --name main");
    assert_eq!(operator.run("protected-branch remove --project new-acme/app --name main").code, 2);

    let file = operator.file("deploy.pub", KEY);
    let add = format!("deploy-key add --project new-acme/app --can-push --file {}", file.display());
    let key = operator.must(&format!("{add} --json")).json();
    assert_eq!(key["can_push"], true);
    assert_eq!(operator.run(&add).code, 2);
    operator.must(&format!("deploy-key remove --project new-acme/app {}", key["id"]));
    assert_eq!(operator.must("deploy-key list --project new-acme/app --json").json(), json!([]));

    operator.must("agent create --project new-acme/app --name prod --user kim");
    assert_eq!(operator.run("agent create --project new-acme/app --name Prod!").code, 1);
    let create = "agent-token create --project new-acme/app --agent prod --name";
    let token = operator.must(&format!("{create} one"));
    assert!(token.stdout.starts_with("glagent-") && token.stdout.trim().len() == 58, "{}", token.stdout);
    operator.must(&format!("{create} two"));
    assert_eq!(operator.run(&format!("{create} three")).code, 1);
    let tokens = operator.must("agent-token list --project new-acme/app --agent prod --json").json();
    operator.must(&format!("agent-token revoke --project new-acme/app --agent prod {}", tokens[0]["id"]));
    operator.must(&format!("{create} three"));

    let scim = operator.run("scim-token create --group new-acme");
    assert!(scim.code == 1 && scim.stderr.contains("hint:"), "{}", scim.stderr);
    let provider = format!("--sso-url https://idp.example.com --certificate-fingerprint {}", "ab".repeat(20));
    let token = operator.must(&format!("scim-token create --group new-acme {provider}"));
    assert!(token.stdout.starts_with("glsoat-") && token.stderr.contains("/api/scim/v2/groups/new-acme"));
    assert_eq!(operator.number("SELECT count(*) FROM group_scim_auth_access_tokens"), 1);
    operator.must("scim-token create --instance");
    assert_eq!(operator.must("scim-token list --json").json().as_array().unwrap().len(), 2);
    operator.must("scim-token revoke --instance");
    assert_eq!(operator.run("scim-token revoke --instance").code, 2);
}

#[testkit::test]
async fn blocked_user_is_unblocked_and_the_last_administrator_is_never_blocked(database: Database) {
    let operator = Operator::new(database);
    operator.database.sql("UPDATE users SET admin = false");
    operator.must("user create --username kim --email kim@example.com --admin");
    assert_eq!(operator.run("user block kim").code, 1);
    operator.must("user create --username lee --email lee@example.com");
    assert_eq!(operator.must("user block lee").audit_events(), ["user_blocked"]);
    let blocked = operator.must("user list --blocked --search lee --json").json();
    assert_eq!(blocked.as_array().unwrap().len(), 1);
    // Nothing changes, so that there is no event.
    assert_eq!(operator.must("user block lee").audit_events(), [""; 0]);
    assert_eq!(operator.must("user unblock lee").audit_events(), ["user_unblocked"]);
    assert_eq!(operator.run("user block nobody").code, 2);
}

/// GitLab's own database is only read.
#[test]
fn database_of_a_gitlab_is_not_changed() {
    let operator = Operator::new(testkit::Database::postgresql());
    operator.database.sql("CREATE TABLE ar_internal_metadata (key text PRIMARY KEY, value text)");
    let file = operator.file("key.pub", KEY);
    let file = file.display();
    for line in [
        "user create --username kim --email kim@example.com".to_owned(),
        "user block root".to_owned(),
        format!("ssh-key add --user root --file {file}"),
        "ssh-key delete 11".to_owned(),
        "group create --path new-acme".to_owned(),
        "project create --path root/app".to_owned(),
        "member add --user root --role guest --group new-acme".to_owned(),
        "access-token create --user root --name x --scopes api".to_owned(),
        "access-token revoke 1".to_owned(),
        format!("deploy-key add --project a/b --file {file}"),
        "protected-branch add --project a/b --name main".to_owned(),
        "agent create --project a/b --name x".to_owned(),
        "agent-token create --project a/b --agent x --name y".to_owned(),
        "scim-token create --instance".to_owned(),
    ] {
        let outcome = operator.run(&line);
        assert_eq!(outcome.code, 1, "{line}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("this database belongs to a GitLab"), "{line}: {}", outcome.stderr);
    }
    for line in
        ["user list", "ssh-key list", "group list", "project list", "access-token list", "scim-token list"]
    {
        operator.must(line);
    }
}

#[test]
fn output_to_a_pipe_has_no_escape_sequences() {
    let operator = Operator::new(testkit::Database::sqlite());
    let plain = operator.must("user list").stdout;
    assert!(plain.starts_with("ID") && !plain.contains('\u{1b}') && !plain.contains('\t'), "{plain}");
    assert!(operator.must("--color always user list").stdout.contains("\u{1b}[1m"));
    // A stored text cannot send one either.
    operator.database.sql("UPDATE users SET name = 'a' || char(27) || '[31mb' WHERE id = 1");
    assert!(!operator.must("user list").stdout.contains('\u{1b}'));
}

#[test]
fn manual_pages_refer_to_pages_that_exist() {
    let operator = Operator::new(testkit::Database::sqlite());
    let directory = operator.data.path().join("man");
    operator.must(&format!("man --dir {}", directory.display()));
    let names: Vec<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for page in ["internal-apictl.1", "internal-apictl-user-create.1", "internal-apictl-secrets-generate.1"] {
        assert!(names.iter().any(|name| name == page), "{page}: {names:?}");
    }
    for name in &names {
        let text = std::fs::read_to_string(directory.join(name)).unwrap().replace('\\', "");
        for reference in text.split_whitespace().filter_map(|word| word.strip_suffix("(1)")) {
            assert!(names.contains(&format!("{reference}.1")), "{name} refers to {reference}(1)");
        }
    }
}
