//! GitLab Shell and Gitaly can decode every response. For a new endpoint, add its clients' types to
//! `clients` and an entry to `PROOFS`: an endpoint without one fails the test.
mod clients;
mod others;

use std::collections::BTreeSet;

use super::shell_api_with;
use super::support::{ALLOWED, Shell, Z, in_one_minute, verdict};
use clients::{
    AuthorizedKey, Checked, Decoder, Discovered, Failure, GitalyAllowed, PostReceived, PreReceived,
    ShellAllowed, decode,
};
use serde_json::{Value, json};
use testkit::fixture::{self, THEN};
use testkit::{Answer, Redis, ssh};

/// The decoders and requests for one endpoint.
struct Proof {
    method: &'static str,
    name: &'static str,
    /// The decoders of a successful response; empty if it is not JSON.
    decoders: &'static [Decoder],
    /// Parameters that are answered with 200, for every kind of success.
    successes: fn(&Shell) -> Vec<Value>,
    /// Parameters that are rejected, with the status, in addition to those that every endpoint rejects.
    failures: fn(&Shell) -> Vec<(u16, Value)>,
}

const PROOFS: &[Proof] = &[
    Proof {
        method: "POST",
        name: "allowed",
        decoders: &[decode::<ShellAllowed>, decode::<GitalyAllowed>],
        successes: allowed,
        failures: refused,
    },
    Proof {
        method: "GET",
        name: "authorized_keys",
        decoders: &[decode::<AuthorizedKey>],
        successes: |_| [11, 14, 30, 42].map(|id| json!({ "key": ssh::word(&ssh::ed25519(id)) })).into(),
        failures: |_| {
            let expired = ssh::ed25519(41);
            vec![
                (401, json!({ "key": ssh::word(&expired) })),
                (404, json!({ "key": "AAAA" })),
                (404, json!({ "key": "!" })),
                (400, json!({})),
            ]
        },
    },
    Proof {
        method: "GET",
        name: "discover",
        decoders: &[decode::<Option<Discovered>>],
        successes: |_| {
            vec![
                json!({}),
                json!({ "key_id": 11 }),
                json!({ "username": "nobody" }),
                json!({ "key_id": "40" }),
            ]
        },
        failures: |_| vec![(400, json!({ "key_id": "x" })), (400, json!({ "username": ["x"] }))],
    },
    Proof {
        method: "GET",
        name: "check",
        decoders: &[decode::<Checked>],
        successes: |_| vec![json!({})],
        failures: |_| vec![],
    },
    Proof {
        method: "POST",
        name: "pre_receive",
        decoders: &[decode::<PreReceived>],
        successes: |_| {
            ["project-3", "snippet-1", "nonsense"].map(|name| json!({ "gl_repository": name })).into()
        },
        failures: |_| vec![(400, json!({})), (400, json!({ "gl_repository": {} }))],
    },
    Proof {
        method: "POST",
        name: "post_receive",
        decoders: &[decode::<PostReceived>],
        successes: post_received,
        failures: |_| vec![(400, json!({})), (400, json!({ "gl_repository": "project-3" }))],
    },
];

fn proofs() -> impl Iterator<Item = &'static Proof> {
    PROOFS.iter().chain(others::PROOFS)
}

fn ask(further: &Value) -> Value {
    let mut body =
        json!({ "action": "git-upload-pack", "protocol": "ssh", "project": "grp/p", "changes": "_any" });
    body.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    body
}

fn push(shell: &Shell, key: &str, ref_name: &str) -> Value {
    let changes = format!("{} {} {ref_name}\n", shell.git.a, shell.git.b);
    ask(&json!({ "key_id": key, "action": "git-receive-pack", "gl_repository": "project-3",
            "changes": changes }))
}

fn allowed(shell: &Shell) -> Vec<Value> {
    let mut asked = vec![push(shell, "11", "refs/heads/f"), push(shell, "31", "refs/heads/f")];
    asked.extend(
        [
            json!({ "key_id": "11" }),
            json!({ "key_id": "42" }),
            json!({ "key_id": "30" }),
            json!({ "username": "alice" }),
            json!({ "key_id": "11", "action": "git-receive-pack" }),
            json!({ "key_id": "11", "project": "grp/p.wiki.git" }),
            json!({ "key_id": "11", "project": "snippets/1.git" }),
            json!({ "key_id": "11", "project": "grp/p/snippets/2.git" }),
            json!({ "key_id": "999", "project": "grp/pub" }),
            json!({ "project": "grp/pub" }),
            json!({ "key_id": "11", "project": "grp/int" }),
            json!({ "key_id": "11", "gl_repository": "design-3", "protocol": "web" }),
        ]
        .map(|further| ask(&further)),
    );
    asked
}

fn refused(shell: &Shell) -> Vec<(u16, Value)> {
    vec![
        (401, push(shell, "11", "refs/heads/main")),
        (401, ask(&json!({ "key_id": "12" }))),
        (401, ask(&json!({ "key_id": "11", "action": "git-frob" }))),
        (404, ask(&json!({ "key_id": "15" }))),
        (404, ask(&json!({ "key_id": "11", "project": "grp/nope.wiki" }))),
        (404, ask(&json!({ "key_id": "11", "project": "snippets/99" }))),
        (404, ask(&json!({ "key_id": "11", "gl_repository": "project-999" }))),
        (400, json!({})),
        (400, ask(&json!({ "gl_repository": "foo" }))),
        (400, ask(&json!({ "env": r#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"/x"}"# }))),
    ]
}

/// A push with a banner and a link, and pushes with fewer messages.
fn post_received(shell: &Shell) -> Vec<Value> {
    let changes = format!("{Z} {} refs/heads/topic\n", shell.git.a);
    [("project-3", "key-11"), ("project-3", "user-2"), ("wiki-3", "key-31"), ("project-999", "key-999")]
        .map(|(repository, by)| {
            json!({ "gl_repository": repository, "identifier": by, "changes": changes,
            "push_options": null })
        })
        .into()
}

async fn send(shell: &Shell, proof: &Proof, parameters: &Value) -> Answer {
    shell.request(proof.method, &format!("/{}", proof.name)).json(parameters).send().await
}

/// Asserts that an error has a message that GitLab Shell and Gitaly can print.
#[track_caller]
fn is_readable(answer: &Answer, status: u16, what: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/json")), "{what}");
    if let Err(error) = decode::<Failure>(&answer.text) {
        panic!("{what} was refused with {}: {error}", answer.text);
    }
}

async fn succeeds(shell: &Shell, proof: &Proof, parameters: &Value) {
    let answer = send(shell, proof, parameters).await;
    let what = format!("{} {parameters}: {}", proof.name, answer.text);
    assert_eq!(answer.status, 200, "{what}");
    assert!(proof.decoders.is_empty() || answer.header("content-type") == Some("application/json"), "{what}");
    for decode in proof.decoders {
        if let Err(error) = decode(&answer.text) {
            panic!("{what}: {error}");
        }
    }
}

#[testkit::test]
async fn go_clients_decode_every_successful_response(database: Database) {
    let mut conn = database.open();
    fixture::run(
        &mut conn,
        &format!(
            "
            UPDATE application_settings SET receive_max_input_size = 1;
            INSERT INTO snippets (id, author_id, type, organization_id) VALUES (1, 2, 'PersonalSnippet', 1);
            INSERT INTO snippets (id, author_id, type, project_id) VALUES (2, 2, 'ProjectSnippet', 3);
            INSERT INTO shards (id, name) VALUES (2, 'blind');
            INSERT INTO snippet_repositories (snippet_id, shard_id, disk_path) VALUES (1, 2, 'one'), (2, 2, \
                'two');
            UPDATE projects SET repository_storage = 'blind' WHERE id = 5;
            INSERT INTO broadcast_messages (message, message_html, starts_at, ends_at, broadcast_type, \
                show_in_cli, created_at, updated_at)
            VALUES ('Hello', '', '{THEN}', '2999-01-01 00:00:00', 1, true, '{THEN}', '{THEN}');"
        ),
    );
    others::prepare(&database);
    let mut redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url(), "--partial-clone"]).await;
    let proved: BTreeSet<String> = proofs().map(|proof| format!("{} {}", proof.method, proof.name)).collect();
    let endpoints: BTreeSet<String> = shell_api::ENDPOINTS
        .iter()
        .map(|endpoint| {
            format!("{} {}", endpoint.method, endpoint.path.strip_prefix("/api/v4/internal/").unwrap())
        })
        .collect();
    assert_eq!(proved, endpoints);
    for proof in proofs() {
        for parameters in (proof.successes)(&shell) {
            succeeds(&shell, proof, &parameters).await;
        }
    }
    redis.stop();
    for proof in proofs() {
        for parameters in (proof.successes)(&shell) {
            succeeds(&shell, proof, &parameters).await;
        }
    }
}

#[testkit::test]
async fn every_refusal_has_a_message(database: Database) {
    others::prepare(&database);
    let shell = shell_api_with(database, &[]).await;
    for proof in proofs() {
        let path = format!("/{}", proof.name);
        is_readable(&shell.anonymous(proof.method, &path).send().await, 401, proof.name);
        for (status, parameters) in (proof.failures)(&shell) {
            let answer = send(&shell, proof, &parameters).await;
            is_readable(&answer, status, &format!("{} {parameters}", proof.name));
        }
        // `/check` has no parameters.
        if proof.name != "check" {
            for (status, content_type, body) in [
                (400, "application/json", "{".to_owned()),
                (400, "application/json", "[]".to_owned()),
                (415, "text/plain", "x".to_owned()),
                (413, "application/json", " ".repeat(21 * 1024 * 1024)),
            ] {
                let request = shell.request(proof.method, &path).body(content_type, body);
                is_readable(&request.send().await, status, proof.name);
            }
        }
    }
}

#[testkit::test]
async fn rate_limit_and_database_errors_have_a_message(database: Database) {
    database.sql("UPDATE application_settings SET gitlab_shell_operation_limit = 1");
    let shell = shell_api_with(database, &[]).await;
    let second = in_one_minute(async |project| {
        let clone = json!({ "key_id": 11, "project": project });
        assert_eq!(verdict(&shell.allowed(clone.clone()).await), ALLOWED);
        shell.send_allowed(clone).await
    });
    is_readable(&second.await, 429, "the second");
    shell.sql("ALTER TABLE routes RENAME TO elsewhere");
    let parameters =
        json!({ "key_id": 13, "project": "grp/p", "action": "git-upload-pack", "protocol": "ssh" });
    is_readable(&shell.request("POST", "/allowed").json(&parameters).send().await, 500, "no table");
}

/// The decoders are as strict as Go's.
#[test]
fn decoders_are_as_strict_as_those_of_go() {
    let gitaly = |further: &str| {
        format!(
            "{{\"status\":true,\"gitaly\":{{\"repository\":{{\"storage_name\":\"d\",\"relative_path\":\"p\",\
             \"gl_repository\":\"project-3\",\"gl_project_path\":\"p\"}},\"address\":\"unix:/x\"{further}}}}}"
        )
    };
    for body in [
        "null",
        "{}",
        r#"{"gl_key_id":null,"gl_username":null,"message":null,"unknown":[]}"#,
        &gitaly(""),
        &gitaly(r#","token":null,"features":{"gitaly-feature-x":"true"}"#),
    ] {
        assert_eq!(decode::<Option<ShellAllowed>>(body), Ok(()), "{body}");
    }
    for body in [
        r#"{"gl_key_id":"11"}"#,
        r#"{"gl_key_id":1.5}"#,
        r#"{"status":"true"}"#,
        r#"{"git_config_options":"a=b"}"#,
        r#"{"gl_console_messages":[1]}"#,
        &gitaly(r#","features":{"gitaly-feature-x":true}"#),
        &gitaly(r#","token":7"#),
        &gitaly("").replace("unix:/x", ""),
    ] {
        assert!(decode::<Option<ShellAllowed>>(body).is_err(), "{body}");
    }
    for body in [r#"{"message":""}"#, r#"{"message":{}}"#, r#"{"error":"x"}"#, r#"{"message":null}"#, ""] {
        assert!(decode::<Failure>(body).is_err(), "{body}");
    }
    for kind in ["basic", "alert"] {
        let body = format!(
            r#"{{"reference_counter_decreased":true,"messages":[{{"message":"x","type":"{kind}"}}]}}"#
        );
        assert_eq!(decode::<PostReceived>(&body), Ok(()));
        assert!(decode::<PostReceived>(&body.replace(kind, "json")).is_err());
    }
    assert!(decode::<AuthorizedKey>(r#"{"id":1,"key":"a\nb"}"#).is_err());
    assert!(decode::<Checked>(r#"{"redis":"true"}"#).is_err());
}
