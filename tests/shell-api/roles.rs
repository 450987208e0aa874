//! Sources of roles, and limits of the instance.
use super::support::{ALLOWED, NO_DOWNLOAD, NOT_FOUND, in_one_minute, verdict};
use super::{shell_api, shell_api_with};
use database::memberships::Source;
use domain::Role;
use serde_json::{Value, json};
use testkit::{Redis, fixture};

const NO_PUSH: (u16, &str) = (401, "You are not allowed to push code to this project.");
const THROTTLED: &str = "This endpoint has been requested too many times. Try again later.";

/// `out` has key 15.
#[testkit::test]
async fn roles_are_direct_or_inherited(database: Database) {
    let shell = shell_api(database).await;
    let grant = |source, role| fixture::member(&mut shell.service.database.open(), 6, source, role);
    for (role, clone, push) in [
        (Role(5), NOT_FOUND, NOT_FOUND),
        (Role::GUEST, NO_DOWNLOAD, NO_PUSH),
        (Role::PLANNER, NO_DOWNLOAD, NO_PUSH),
        (Role::REPORTER, ALLOWED, NO_PUSH),
        (Role(25), ALLOWED, NO_PUSH),
        (Role::DEVELOPER, ALLOWED, ALLOWED),
    ] {
        grant(Source::Group(20), role);
        assert_eq!(verdict(&shell.clone(15, "grp/p").await), clone, "{role:?}");
        assert_eq!(verdict(&shell.push_any(15, "grp/p").await), push, "{role:?}");
    }
    grant(Source::Group(20), Role::GUEST);
    grant(Source::Project(3), Role::DEVELOPER);
    assert_eq!(verdict(&shell.push_any(15, "grp/p").await), ALLOWED, "the higher of two");
}

#[testkit::test]
async fn groups_are_invited(database: Database) {
    let shell = shell_api(database).await;
    let mut conn = shell.service.database.open();
    fixture::group(&mut conn, 40, "x", None);
    fixture::member(&mut conn, 6, Source::Group(40), Role::DEVELOPER);
    shell.sql(
        "INSERT INTO project_group_links (id, project_id, group_id, group_access) VALUES (1, 3, 40, 20)",
    );
    fixture::recompute(&mut conn);
    assert_eq!(verdict(&shell.clone(15, "grp/p").await), ALLOWED);
    assert_eq!(verdict(&shell.push_any(15, "grp/p").await), NO_PUSH);
    shell.sql("UPDATE project_group_links SET expires_at = '2020-01-01'");
    fixture::recompute(&mut conn);
    assert_eq!(verdict(&shell.clone(15, "grp/p").await), NOT_FOUND, "the invitation has ended");
    shell.sql(
        "UPDATE project_group_links SET expires_at = NULL; UPDATE namespaces SET share_with_group_lock \
        = true WHERE id = 20",
    );
    fixture::recompute(&mut conn);
    assert_eq!(verdict(&shell.clone(15, "grp/p").await), NOT_FOUND, "the group's projects are not shared");
    shell.sql(
        "INSERT INTO group_group_links (id, shared_group_id, shared_with_group_id, group_access, \
        created_at, updated_at) VALUES (1, 20, 40, 30, '2020-01-01', '2020-01-01')",
    );
    fixture::recompute(&mut conn);
    assert_eq!(verdict(&shell.push_any(15, "grp/p").await), ALLOWED);
    shell.sql("UPDATE group_group_links SET group_access = 20");
    fixture::recompute(&mut conn);
    assert_eq!(verdict(&shell.push_any(15, "grp/p").await), NO_PUSH);
}

#[testkit::test]
async fn only_effective_members_count(database: Database) {
    let shell = shell_api(database).await;
    let mut conn = shell.service.database.open();
    fixture::member(&mut conn, 6, Source::Project(3), Role::DEVELOPER);
    let today = fixture::now().date();
    let tomorrow = today.succ_opt().unwrap();
    for (change, expected) in [
        (format!("expires_at = '{today}'"), NOT_FOUND),
        (format!("expires_at = '{tomorrow}'"), ALLOWED),
        ("requested_at = '2020-01-01 00:00:00'".to_owned(), NOT_FOUND),
        ("invite_token = 'x'".to_owned(), NOT_FOUND),
        ("state = 1".to_owned(), NOT_FOUND),
    ] {
        shell.sql(
            "UPDATE members SET expires_at = NULL, requested_at = NULL, invite_token = NULL, state = 0 \
            WHERE user_id = 6",
        );
        shell.sql(&format!("UPDATE members SET {change} WHERE user_id = 6"));
        fixture::recompute(&mut conn);
        assert_eq!(verdict(&shell.clone(15, "grp/p").await), expected, "{change}");
    }
    shell.sql("DELETE FROM members WHERE user_id = 6");
    fixture::recompute(&mut conn);
    assert_eq!(verdict(&shell.clone(15, "grp/p").await), NOT_FOUND);
}

#[testkit::test]
async fn instance_can_allow_only_one_protocol(database: Database) {
    fixture::run(
        &mut database.open(),
        "UPDATE application_settings SET enabled_git_access_protocol = 'http'",
    );
    let shell = shell_api(database).await;
    for (protocol, expected) in
        [("ssh", (401, "Git access over SSH is not allowed")), ("http", ALLOWED), ("web", ALLOWED)]
    {
        assert_eq!(verdict(&shell.allowed(json!({ "key_id": 11, "protocol": protocol })).await), expected);
    }
}

#[testkit::test]
async fn settings_of_the_installation_are_followed(database: Database) {
    fixture::run(
        &mut database.open(),
        "UPDATE application_settings SET enabled_git_access_protocol = 'ssh', receive_max_input_size = 1, \
         maintenance_mode = true",
    );
    let shell = shell_api_with(database, &["--partial-clone"]).await;
    let http = shell.allowed(json!({ "key_id": 11, "protocol": "http" })).await;
    assert_eq!(verdict(&http), (401, "Git access over HTTP is not allowed"));
    assert_eq!(
        verdict(&shell.push_any(11, "grp/p").await),
        (401, "You can't push code to a read-only GitLab instance.")
    );
    let options = json!([
        "uploadpack.allowFilter=true",
        "uploadpack.allowAnySHA1InWant=true",
        "receive.maxInputSize=1048576"
    ]);
    assert_eq!(shell.clone(11, "grp/p").await.1["git_config_options"], options);
}

#[testkit::test]
async fn http_can_be_disabled_for_pulls_or_pushes(database: Database) {
    let shell = shell_api_with(database, &["--upload-pack", "false", "--receive-pack", "false"]).await;
    for (action, message) in [
        ("git-upload-pack", "Pulling over HTTP is not allowed."),
        ("git-receive-pack", "Pushing over HTTP is not allowed."),
    ] {
        let answer = shell.allowed(json!({ "key_id": 11, "protocol": "http", "action": action })).await;
        assert_eq!(verdict(&answer), (401, message));
    }
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
}

#[testkit::test]
async fn git_operations_are_rate_limited(database: Database) {
    fixture::run(&mut database.open(), "UPDATE application_settings SET gitlab_shell_operation_limit = 1");
    let shell = shell_api(database).await;
    let ask = |key: i64, project| shell.send_allowed(json!({ "key_id": key, "project": project }));
    let series =
        r#"internal_api_requests_throttled_total{consumer="shell",throttle_key="gitlab_shell_operation"}"#;
    let (first, second, others, refused) = in_one_minute(async |project| {
        let before = shell.service.metric(series).await.unwrap();
        let (first, second) = (ask(11, project).await.status, ask(11, project).await);
        let others = [
            ("another actor", ask(13, project).await.status),
            ("another action", shell.push_any(11, project).await.0),
        ];
        (first, second, others, shell.service.metric(series).await.unwrap() - before)
    })
    .await;
    assert_eq!((first, others.map(|(_, status)| status)), (200, [200, 200]), "{others:?}");
    assert!((refused - 1.0).abs() < 0.5, "{refused}");
    assert_eq!(second.json(), (429, json!({ "status": false, "message": THROTTLED })));
    let header = |name| second.header(name).map(ToOwned::to_owned);
    assert_eq!(header("retry-after"), None);
    assert_eq!(
        (
            header("ratelimit-limit").as_deref(),
            header("ratelimit-remaining").as_deref(),
            header("ratelimit-observed").as_deref()
        ),
        (Some("1"), Some("0"), Some("2"))
    );
}

/// Operations are counted in Redis under GitLab's keys.
#[testkit::test]
async fn operations_are_counted_in_redis(database: Database) {
    fixture::run(&mut database.open(), "UPDATE application_settings SET gitlab_shell_operation_limit = 2");
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let from = |ip: &'static str| {
        let body =
            json!({ "key_id": 11, "project": "grp/p", "action": "git-upload-pack", "protocol": "ssh" });
        shell.request("POST", "/allowed").header("X-Forwarded-For", ip).json(&body).send()
    };
    let (statuses, mut keys) = in_one_minute(async |_| {
        let _: String = redis.ask(&["FLUSHALL"]);
        let statuses =
            [from("1.2.3.4").await.status, from("1.2.3.4").await.status, from("1.2.3.4").await.status];
        (statuses, redis.ask::<Vec<String>>(&["KEYS", "*"]))
    })
    .await;
    assert_eq!(statuses, [200, 200, 429]);
    keys.sort();
    let period = keys[0].rsplit(':').next().unwrap().to_owned();
    let prefix = "application_rate_limiter:gitlab_shell_operation:git-upload-pack:grp/p.git";
    assert_eq!(keys, [format!("{prefix}:1.2.3.4:{period}"), format!("{prefix}:key:11:{period}")]);
    for key in &keys {
        // The key may have expired in the meantime.
        let (count, ttl): (Option<i64>, i64) = (redis.ask(&["GET", key]), redis.ask(&["TTL", key]));
        assert!(
            count.is_none_or(|count| count == 3) && (-2..=61).contains(&ttl) && ttl != -1,
            "{key} {count:?} {ttl}"
        );
    }
}

#[testkit::test]
async fn no_limit_is_no_limit(database: Database) {
    fixture::run(&mut database.open(), "UPDATE application_settings SET gitlab_shell_operation_limit = 0");
    let shell = shell_api(database).await;
    let answers: Vec<(u16, Value)> = [shell.clone(11, "grp/p").await, shell.clone(11, "grp/p").await].into();
    assert!(answers.iter().all(|(status, _)| *status == 200));
}
