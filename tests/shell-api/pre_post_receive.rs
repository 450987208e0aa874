//! Reference counters of `/pre_receive`, and the job of `/post_receive`.
use super::support::Shell;
use super::{shell_api, shell_api_with};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::Redis;

const KEY: &str = "git-receive-pack-reference-counter:project-3";
pub const CHANGES: &str =
    "0000000000000000000000000000000000000000 1111111111111111111111111111111111111111 refs/tags/t\n";

impl Shell {
    pub async fn pre_receive(&self, gl_repository: &str) -> (u16, Value) {
        self.post("/pre_receive", json!({ "gl_repository": gl_repository })).await
    }

    /// Calls `/post_receive` for a push to project P by alice.
    pub async fn post_receive(&self, changes: &str) -> (u16, Value) {
        self.post_receive_of("project-3", "key-11", changes).await
    }

    pub async fn post_receive_of(
        &self,
        gl_repository: &str,
        identifier: &str,
        changes: &str,
    ) -> (u16, Value) {
        let body = json!({ "gl_repository": gl_repository, "identifier": identifier, "changes": changes,
            "push_options": null });
        self.post("/post_receive", body).await
    }

    /// Jobs in the outbox, oldest first.
    pub fn outbox(&self) -> Vec<Value> {
        let listed = database::outbox::list(&mut self.service.database.open(), "post_receive").unwrap();
        listed.iter().map(|payload| serde_json::from_str(payload).unwrap()).collect()
    }
}

fn increased() -> (u16, Value) {
    (200, json!({ "reference_counter_increased": true }))
}

pub fn decreased(messages: &Value) -> (u16, Value) {
    (200, json!({ "reference_counter_decreased": true, "messages": messages }))
}

/// The job gets the context of the client, which includes the composite identity of a scoped user.
#[testkit::test]
async fn the_context_of_a_push_reaches_the_job(database: Database) {
    let shell = shell_api(database).await;
    let post = async |identifier: &str, context: Value| {
        let body = json!({
            "gl_repository": "project-3", "identifier": identifier, "changes": CHANGES,
            "gitaly_client_context_bin": context,
        });
        shell.post("/post_receive", body).await.0
    };
    let encode = |context: Value| json!(STANDARD.encode(context.to_string()));
    let context = json!({ "glBuildId": "123", "scoped-user-id": "7" });
    let build = json!({ "glBuildId": "123" });
    for (identifier, context) in [
        ("key-11", encode(context.clone())),
        ("key-999", encode(context.clone())),
        ("user-2", encode(build.clone())),
        ("user-2", Value::Null),
        ("user-2", json!("")),
    ] {
        assert_eq!(post(identifier, context).await, 200);
    }
    let jobs = shell.outbox();
    let seen: Vec<(usize, &Value, Option<&Value>)> = jobs
        .iter()
        .map(|job| (job["args"].as_array().unwrap().len(), &job["args"][4], job.get("sqci")))
        .collect();
    let (scoped, build) = (json!({ "gitaly_context": context }), json!({ "gitaly_context": build }));
    let identity = json!([2, 7, "permission_check"]);
    let none = (4, &Value::Null, None);
    assert_eq!(seen, [(5, &scoped, Some(&identity)), (5, &scoped, None), (5, &build, None), none, none]);
    let meta = |name: &str| jobs.iter().map(|job| job[format!("meta.{name}")].clone()).collect::<Vec<_>>();
    let caller = json!("POST /api/:version/internal/post_receive");
    assert_eq!(meta("caller_id"), [&caller, &caller, &caller, &Value::Null, &Value::Null].map(Value::clone));
    assert_eq!(meta("feature_category")[0], "source_code_management");
    assert_eq!(meta("remote_ip")[0], "127.0.0.1");
    assert_eq!(meta("client_id"), [json!("user/2"), Value::Null, Value::Null, Value::Null, Value::Null]);
    for malformed in ["!!", "bnVsbA==", "W10="] {
        assert_eq!(post("user-2", json!(malformed)).await, 400, "{malformed}");
    }
    assert_eq!(shell.outbox().len(), 5);
}

/// Removes the fields of a job that differ each time, after checking their format.
fn fixed(mut job: Value) -> Value {
    let fields = job.as_object_mut().unwrap();
    let jid = fields.remove("jid").unwrap();
    let jid = jid.as_str().unwrap();
    assert!(jid.len() == 24 && jid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{jid}");
    for name in ["created_at", "enqueued_at"] {
        let time = fields.remove(name).unwrap();
        let age = endpoint::Clock::System.unix_float() - time.as_f64().unwrap();
        assert!(time.is_f64() && (0.0..60.0).contains(&age), "{name} {time}");
    }
    job
}

fn jobs_in(redis: &Redis, list: &str) -> Vec<Value> {
    let jobs: Vec<String> = redis.ask(&["LRANGE", list, "0", "-1"]);
    jobs.iter().map(|job| serde_json::from_str(job).unwrap()).collect()
}

#[testkit::test]
async fn counter_counts_running_pushes(database: Database) {
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let value = || redis.ask::<Option<i64>>(&["GET", KEY]);
    assert_eq!(shell.pre_receive("project-3").await, increased());
    assert_eq!(value(), Some(1));
    let _: i64 = redis.ask(&["EXPIRE", KEY, "100"]);
    assert_eq!(shell.pre_receive("project-3").await, increased());
    assert_eq!(value(), Some(2));
    assert!((590..=600).contains(&redis.ask::<i64>(&["TTL", KEY])));
    let _: i64 = redis.ask(&["EXPIRE", KEY, "100"]);
    assert_eq!(shell.post_receive(CHANGES).await, decreased(&json!([])));
    assert_eq!(value(), Some(1));
    assert!((90..=100).contains(&redis.ask::<i64>(&["TTL", KEY])), "a push that ends prolongs nothing");
    shell.post_receive(CHANGES).await;
    assert_eq!(value(), Some(0));
    shell.post_receive(CHANGES).await;
    assert_eq!(value(), None);
    assert_eq!(shell.post_receive(CHANGES).await, decreased(&json!([])));
    assert_eq!(value(), None);
    assert_eq!(shell.pre_receive("wiki-999").await, increased());
    assert_eq!(redis.ask::<Option<i64>>(&["GET", "git-receive-pack-reference-counter:wiki-999"]), Some(1));
}

/// Without Redis, the counter is in the memory of the process.
#[testkit::test]
async fn the_counter_needs_no_redis(database: Database) {
    let shell = shell_api(database).await;
    let next =
        async || shell.service.core.counters.count(&[KEY.to_owned()], Duration::from_mins(10)).await.unwrap();
    shell.pre_receive("project-3").await;
    assert_eq!(shell.pre_receive("project-3").await, increased());
    assert_eq!(next().await, [3]);
    for _ in 0..5 {
        assert_eq!(shell.post_receive(CHANGES).await, decreased(&json!([])));
    }
    assert_eq!(next().await, [1]);
}

#[testkit::test]
async fn concurrent_pushes_are_all_counted(database: Database) {
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let mut pairs = Vec::new();
    for _ in 0..200 {
        pairs.push(async {
            assert_eq!(shell.pre_receive("project-3").await, increased());
            assert_eq!(shell.post_receive(CHANGES).await, decreased(&json!([])));
        });
    }
    join_all(pairs).await;
    assert_eq!(redis.ask::<Option<i64>>(&["GET", KEY]).unwrap_or(0), 0);
    assert_eq!(redis.ask::<i64>(&["LLEN", "queue:default"]), 200);
}

#[testkit::test]
async fn push_enqueues_a_sidekiq_job(database: Database) {
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let body = json!({ "gl_repository": "project-3", "identifier": "key-11", "changes": CHANGES,
            "push_options": ["ci.skip", "ci.variable=A=1", "ci.variable=A=1", "mr.label=x", "unknown.option",
                "nonsense"], "relative_path": "x" });
    let answer =
        shell.request("POST", "/post_receive").header("X-Request-Id", "abc").json(&body).answer().await;
    assert_eq!(answer, decreased(&json!([])));
    let jobs = jobs_in(&redis, "queue:default");
    let options =
        json!({ "ci": { "skip": true, "variable": { "A=1": 2 } }, "merge_request": { "label": { "x": 1 } } });
    let expected = json!({ "class": "PostReceive", "args": ["project-3", "key-11", CHANGES, options],
        "retry": 3,
            "queue": "default", "correlation_id": "abc", "version": 0 });
    assert_eq!(jobs.into_iter().map(fixed).collect::<Vec<_>>(), [expected]);
    assert_eq!(redis.ask::<Vec<String>>(&["SMEMBERS", "queues"]), ["default"]);
    assert_eq!(shell.outbox(), Vec::<Value>::new());
    assert_eq!(
        shell.service.metric(r#"internal_api_jobs_enqueued_total{queue="default",result="ok"}"#).await,
        Some(1.0)
    );
    // Sidekiq takes jobs from the end of the list, so the next job is the last element.
    shell.post_receive_of("wiki-3", "user-2", "").await;
    assert_eq!(jobs_in(&redis, "queue:default")[0]["args"], json!(["wiki-3", "user-2", "", {}]));
}

#[testkit::test]
async fn job_class_queue_and_prefix_are_configurable(database: Database) {
    let redis = Redis::start();
    let arguments = [
        "--redis-url",
        &redis.url(),
        "--post-receive-worker",
        "Repositories::PostReceiveWorker",
        "--post-receive-queue",
        "post_receive",
        "--sidekiq-key-prefix",
        "resque:gitlab:",
    ];
    let shell = shell_api_with(database, &arguments).await;
    shell.post_receive(CHANGES).await;
    let jobs = jobs_in(&redis, "resque:gitlab:queue:post_receive");
    assert_eq!(
        (&jobs[0]["class"], &jobs[0]["queue"]),
        (&json!("Repositories::PostReceiveWorker"), &json!("post_receive"))
    );
    assert_eq!(redis.ask::<Vec<String>>(&["SMEMBERS", "resque:gitlab:queues"]), ["post_receive"]);
    let mut keys: Vec<String> = redis.ask(&["KEYS", "*"]);
    keys.sort();
    assert_eq!(keys, ["resque:gitlab:queue:post_receive", "resque:gitlab:queues"]);
}

#[testkit::test]
async fn job_is_stored_in_the_outbox_without_redis(database: Database) {
    let shell = shell_api(database).await;
    let page =
        "0000000000000000000000000000000000000000 fd9e76b9136bdd9fe217061b497745792fe5a5ee gh-pages\\n";
    let (status, body) = shell
        .request("POST", "/post_receive")
        .header("X-Request-Id", "abc")
        .form(&format!("gl_repository=project-3&identifier=user-1&changes={page}&push_options[]=ci.skip"))
        .answer()
        .await;
    assert_eq!((status, body), decreased(&json!([])));
    let expected = json!({ "class": "PostReceive", "args": ["project-3", "user-1", page,
        { "ci": { "skip": true } }], "retry": 3,
            "queue": "default", "correlation_id": "abc", "version": 0 });
    assert_eq!(shell.outbox().into_iter().map(fixed).collect::<Vec<_>>(), [expected]);
}

/// If Redis does not take the job, it is stored in the outbox, with the correlation id of the request.
#[testkit::test]
async fn job_is_stored_in_the_outbox_if_redis_fails(database: Database) {
    let mut redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    redis.stop();
    let body = json!({ "gl_repository": "project-3", "identifier": "key-11", "changes": CHANGES });
    let request = shell.request("POST", "/post_receive").header("X-Request-Id", "abc").json(&body);
    let (status, answer) = request.answer().await;
    assert_eq!((status, &answer["reference_counter_decreased"]), (200, &json!(false)));
    let jobs = shell.outbox();
    assert_eq!((jobs.len(), &jobs[0]["correlation_id"]), (1, &json!("abc")));
    let failed = r#"internal_api_jobs_enqueued_total{queue="default",result="error"}"#;
    assert_eq!(shell.service.metric(failed).await, Some(1.0));
}

#[testkit::test]
async fn outbox_can_be_used_beside_redis(database: Database) {
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url(), "--job-sink", "outbox"]).await;
    assert_eq!(shell.post_receive(CHANGES).await, decreased(&json!([])));
    assert_eq!(shell.outbox().len(), 1);
    assert_eq!(redis.ask::<Vec<String>>(&["KEYS", "*"]), Vec::<String>::new());
}

#[testkit::test]
async fn job_sink_can_be_off(database: Database) {
    let shell = shell_api_with(database, &["--job-sink", "none"]).await;
    assert_eq!(shell.post_receive(CHANGES).await, decreased(&json!([])));
    assert_eq!(shell.outbox(), Vec::<Value>::new());
}

#[testkit::test]
async fn push_is_counted_for_unknown_actors_and_repositories(database: Database) {
    let shell = shell_api(database).await;
    let branch = CHANGES.replace("refs/tags", "refs/heads");
    for (repository, identifier) in [
        ("project-3", "key-999"),
        ("project-999", "key-11"),
        ("project-3", "deploy-token-1"),
        ("nonsense", "nobody"),
        ("snippet-1", "user-2"),
        ("group-20-wiki", "user-2"),
    ] {
        assert_eq!(
            shell.post_receive_of(repository, identifier, &branch).await,
            decreased(&json!([])),
            "{repository} {identifier}"
        );
    }
    assert_eq!(shell.outbox().len(), 6);
}

#[testkit::test]
async fn missing_required_parameters_are_refused(database: Database) {
    let shell = shell_api(database).await;
    let missing = |name: &str| {
        (
            400,
            json!({ "message": format!("400 Bad request - {name} is missing"), "error": format!("{name} is \
                missing") }),
        )
    };
    assert_eq!(shell.post("/pre_receive", json!({})).await, missing("gl_repository"));
    assert_eq!(
        shell.post("/post_receive", json!({ "identifier": "key-11" })).await,
        missing("gl_repository")
    );
    assert_eq!(
        shell.post("/post_receive", json!({ "gl_repository": "project-3" })).await,
        missing("identifier")
    );
    assert_eq!(shell.outbox(), Vec::<Value>::new());
}
