//! Push options, mainly for merge requests.
use super::push_merge_requests::merge_request;
use super::support::{Shell, Z, shell_api_of};
use super::{shell_api, shell_api_with};
use serde_json::{Value, json};
use testkit::Database;
use testkit::fixture::{P, THEN};
use testkit::gitaly::{Fault, Gitaly};
use tonic::Code;

const NEW: &str = "1111111111111111111111111111111111111111";

/// A service whose operator has a worker for merge-request push options.
async fn with_outbox(database: Database) -> Shell {
    shell_api_with(database, &OUTBOX).await
}

const OUTBOX: [&str; 2] = ["--merge-request-push-options", "outbox"];

fn pushed(branches: &[&str]) -> String {
    branches.iter().map(|branch| format!("{Z} {NEW} refs/heads/{branch}\n")).collect()
}

async fn post(
    shell: &Shell,
    gl_repository: &str,
    identifier: &str,
    changes: &str,
    options: &[&str],
) -> Value {
    let body = json!({ "gl_repository": gl_repository, "identifier": identifier, "changes": changes,
        "push_options": options });
    let (status, body) = shell.post("/post_receive", body).await;
    assert_eq!((status, &body["reference_counter_decreased"]), (200, &json!(true)));
    body["messages"].clone()
}

/// The alerts of a push to project P by alice.
async fn alerts(shell: &Shell, changes: &str, options: &[&str]) -> Vec<String> {
    let messages = post(shell, "project-3", "key-11", changes, options).await;
    let alerts = messages.as_array().unwrap().iter().filter(|message| message["type"] == "alert");
    alerts.map(|message| message["message"].as_str().unwrap().to_owned()).collect()
}

fn warning(options: &str, reasons: &str) -> Vec<String> {
    vec![format!("WARNINGS:\nError encountered with push options {options}: {reasons}")]
}

fn handed_over(shell: &Shell) -> Vec<Value> {
    let listed =
        database::outbox::list(&mut shell.service.database.open(), "merge_request_push_options").unwrap();
    listed.iter().map(|payload| serde_json::from_str(payload).unwrap()).collect()
}

const NOT_NOW: &str = "Merge request push options could not be processed right now";
const MISSING_CREATE: &str =
    "A merge_request.create push option is required to create a merge request for branch";

#[testkit::test]
async fn push_options_are_enqueued_with_the_push(database: Database) {
    let shell = with_outbox(database).await;
    let changes = pushed(&["f"]);
    let messages = post(
        &shell,
        "project-3",
        "key-11",
        &changes,
        &["mr.create", "merge_request.target=old", "mr.label=a", "mr.label=a", "ci.skip"],
    )
    .await;
    assert_eq!((messages.as_array().unwrap().len(), &messages[0]["type"]), (1, &json!("basic")));
    let options = json!({ "create": true, "target": "old", "label": { "a": 2 } });
    let expected = json!({ "project_id": 3, "user_id": 2, "changes": changes, "options": options });
    assert_eq!(handed_over(&shell), [expected]);
    assert_eq!(alerts(&shell, &changes, &["ci.skip"]).await, Vec::<String>::new());
    assert_eq!(handed_over(&shell).len(), 1, "no other option is of merge requests");
    assert_eq!(shell.outbox().len(), 2, "the job after a push is handed over all the same");
}

#[testkit::test]
async fn each_invalid_push_option_gets_a_warning(database: Database) {
    let shell = with_outbox(database).await;
    let f = pushed(&["f"]);
    assert_eq!(
        alerts(&shell, &f, &["mr.target=nope", "mr.create"]).await,
        warning("'mr.target=nope' 'mr.create'", "Target branch grp/p:nope does not exist")
    );
    assert_eq!(
        alerts(&shell, &f, &["mr.label=x"]).await,
        warning("'mr.label=x'", &format!("{MISSING_CREATE} f"))
    );
    assert_eq!(
        alerts(&shell, &pushed(&["f", "g", "main"]), &["mr.squash"]).await,
        warning("'mr.squash'", &format!("{MISSING_CREATE} f\n\n{MISSING_CREATE} g"))
    );
    let eleven: Vec<String> = (0..11).map(|n| format!("b{n}")).collect();
    let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
    let too_many = "Too many branches pushed (11 were pushed, limit is 10)";
    assert_eq!(alerts(&shell, &pushed(&eleven), &["mr.create"]).await, warning("'mr.create'", too_many));
    assert_eq!(
        alerts(&shell, &pushed(&eleven), &["mr.create", "mr.target=nope"]).await,
        warning(
            "'mr.create' 'mr.target=nope'",
            &format!("{too_many}\n\nTarget branch grp/p:nope does not exist")
        )
    );
    assert_eq!(handed_over(&shell), Vec::<Value>::new());
    assert_eq!(alerts(&shell, &pushed(&eleven[..10]), &["mr.create"]).await, Vec::<String>::new());
    let alert = |message: &str| {
        json!([{ "type": "alert", "message": format!("WARNINGS:\nError encountered \
        with push options 'mr.create': {message}") }])
    };
    for repository in ["wiki-3", "snippet-7", "design-3", "group-20-wiki"] {
        assert_eq!(
            post(&shell, repository, "key-11", &f, &["mr.create"]).await,
            alert("Push options are only supported for projects"),
            "{repository}"
        );
    }
    assert_eq!(post(&shell, "project-3", "key-999", &f, &["mr.create"]).await, alert("User is required"));
    assert_eq!(post(&shell, "project-999", "key-11", &f, &["mr.create"]).await, json!([]));
    shell.sql("UPDATE project_features SET merge_requests_access_level = 0 WHERE project_id = 3");
    assert_eq!(
        alerts(&shell, &f, &["mr.create"]).await,
        warning("'mr.create'", "Merge requests are not enabled for project grp/p")
    );
    assert_eq!(handed_over(&shell).len(), 1);
}

#[testkit::test]
async fn a_known_merge_request_needs_no_create(database: Database) {
    let shell = with_outbox(database).await;
    shell.sql(&merge_request(7, (P, "f"), (P, "main"), &[]));
    assert_eq!(alerts(&shell, &pushed(&["f"]), &["mr.label=x"]).await, Vec::<String>::new());
    // One of two options is carried out, and the other one causes a warning.
    assert_eq!(
        alerts(&shell, &pushed(&["f", "g"]), &["mr.label=x"]).await,
        warning("'mr.label=x'", &format!("{MISSING_CREATE} g"))
    );
    assert_eq!(handed_over(&shell).len(), 2);
    // The default branch, tags and deleted branches get no merge request.
    assert_eq!(
        alerts(
            &shell,
            &format!("{NEW} {Z} refs/heads/g\n{Z} {NEW} refs/tags/t\n{}", pushed(&["main"])),
            &["mr.create"]
        )
        .await,
        Vec::<String>::new()
    );
    assert_eq!(handed_over(&shell).len(), 2);
}

/// The warning about a project that the user may not see is the same as for a missing project.
#[testkit::test]
async fn the_target_may_be_another_project(database: Database) {
    let shell = with_outbox(database).await;
    let f = pushed(&["f"]);
    assert_eq!(
        alerts(&shell, &f, &["mr.create", "mr.target_project=grp/pub", "mr.target=main"]).await,
        Vec::<String>::new()
    );
    assert_eq!(
        alerts(&shell, &f, &["mr.create", "mr.target_project=grp/pub", "mr.target=old"]).await,
        warning(
            "'mr.create' 'mr.target_project=grp/pub' 'mr.target=old'",
            "Target branch grp/pub:old does not exist"
        )
    );
    testkit::fixture::project(&mut shell.service.database.open(), 70, "mia/secret", 1005, 0);
    for path in ["grp/nope", "mia/secret"] {
        let option = format!("mr.target_project={path}");
        assert_eq!(
            alerts(&shell, &f, &["mr.create", &option]).await,
            warning(
                &format!("'mr.create' '{option}'"),
                &format!("Merge requests are not enabled for project {path}")
            )
        );
    }
    assert_eq!(handed_over(&shell).len(), 1);
}

/// By default a warning says that the options are not processed, and a link creates the merge request.
#[testkit::test]
async fn options_are_refused_with_an_alert_by_default(database: Database) {
    let shell = shell_api(database).await;
    let messages = post(&shell, "project-3", "key-11", &pushed(&["f"]), &["mr.create", "ci.skip"]).await;
    let reason = "Merge request push options are not processed by this server";
    let link = "To create a merge request for f, visit:\n  \
        https://gitlab.example.com/grp/p/-/merge_requests/new?merge_request%5Bsource_branch%5D=f";
    assert_eq!(
        messages,
        json!([
            { "message": warning("'mr.create' 'ci.skip'", reason)[0], "type": "alert" },
            { "message": link, "type": "basic" },
        ])
    );
    assert_eq!(handed_over(&shell), Vec::<Value>::new());
    // The job still gets all options.
    assert_eq!(
        shell.outbox()[0]["args"][3],
        json!({ "merge_request": { "create": true }, "ci": { "skip": true } })
    );
    // A problem that the user can fix is reported first.
    let missing = warning("'mr.label=x'", &format!("{MISSING_CREATE} f"));
    assert_eq!(alerts(&shell, &pushed(&["f"]), &["mr.label=x"]).await, missing);
}

/// The values of options are trimmed, blank values become `true`, and leading dots are skipped.
#[testkit::test]
async fn the_job_gets_the_options_as_gitlab_parses_them(database: Database) {
    let shell = shell_api(database).await;
    let options = [
        "ci.skip=",
        " mr.title = A b ",
        "mr.label=",
        "mr.create= ",
        ".ci.skip",
        "ci.skip.x",
        "ci.variable=A=1",
    ];
    post(&shell, "project-3", "key-11", &pushed(&["f"]), &options).await;
    let expected = json!({
        "ci": { "skip": true, "variable": { "A=1": 1 } },
        "merge_request": { "title": "A b", "label": { "true": 1 }, "create": true },
    });
    assert_eq!(shell.outbox()[0]["args"][3], expected);
}

/// If neither job can be stored in the outbox, the user gets both warnings and all other messages.
#[testkit::test]
async fn failed_jobs_are_reported_to_the_pusher(database: Database) {
    let shell = with_outbox(database).await;
    shell.sql("DROP TABLE outbox_messages");
    let messages = post(&shell, "project-3", "key-11", &pushed(&["f"]), &["mr.create"]).await;
    let lost = "WARNINGS:\nYour push has arrived, but the work that follows it (pipelines, merge requests, \
        notifications) could not be handed over. Please tell an administrator.";
    let link = "To create a merge request for f, \
        visit:\n  https://gitlab.example.com/grp/p/-/merge_requests/new?merge_request%5Bsource_branch%5D=f";
    assert_eq!(
        messages,
        json!([
            { "message": lost, "type": "alert" },
            { "message": warning("'mr.create'", NOT_NOW)[0], "type": "alert" },
            { "message": link, "type": "basic" },
        ])
    );
}

/// The default branch is looked up once. While it is unknown, the options are not carried out.
#[testkit::test]
async fn options_are_skipped_for_a_possible_default_branch(database: Database) {
    let gitaly = Gitaly::start(&testkit::git::repositories().path);
    let config = format!("storages: {{default: {{address: '{}'}}}}\n", gitaly.address);
    let shell = shell_api_of(database, &config, &OUTBOX).await;
    let both = pushed(&["main", "f"]);
    assert_eq!(alerts(&shell, &both, &["mr.create"]).await, Vec::<String>::new());
    let mut methods = gitaly.methods();
    methods.sort_unstable();
    assert_eq!(methods, ["RefService/FindDefaultBranchName", "RepositoryService/HasLocalBranches"]);
    gitaly.fail(Fault::Status(Code::Unavailable));
    let messages = post(&shell, "project-3", "key-11", &both, &["mr.create"]).await;
    assert_eq!(messages, json!([{ "message": warning("'mr.create'", NOT_NOW)[0], "type": "alert" }]));
    assert_eq!((handed_over(&shell).len(), shell.outbox().len()), (1, 2));
}

/// The messages are in GitLab's order: broadcast messages, warnings, links.
#[testkit::test]
async fn messages_are_in_the_documented_order(database: Database) {
    let shell = with_outbox(database).await;
    shell.sql(&format!(
        "INSERT INTO broadcast_messages (id, message, message_html, created_at, updated_at, \
        starts_at, ends_at) VALUES (1, 'banner', '', '{THEN}', '{THEN}', '{THEN}', '2999-01-01 00:00:00');
            INSERT INTO redirect_routes (source_id, source_type, path, created_at, updated_at) VALUES (3, \
                'Project', 'grp/old', '{THEN}', '{THEN}')"
    ));
    shell.push_any(11, "grp/old").await;
    let messages = post(&shell, "project-3", "key-11", &pushed(&["f"]), &["mr.label=x"]).await;
    let starts: Vec<&str> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["message"].as_str().unwrap().split([' ', '\n', ':']).next().unwrap())
        .collect();
    assert_eq!(starts, ["banner", "WARNINGS", "To", "Project"]);
}
