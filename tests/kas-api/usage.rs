//! Usage reports and events, stored in tables or in Redis.
use super::support::{NOTHING, error, message, with_redis};
use super::{Kas, kas_api, kas_api_with};
use domain::agents::usage::{CI_TUNNEL, COUNTERS, UNIQUE_SETS, iso_week};
use serde_json::{Value, json};
use testkit::{Database, Redis};

const CI_USERS: &str = "k8s_api_proxy_requests_unique_users_via_ci_access";
const CI_AGENTS: &str = "k8s_api_proxy_requests_unique_agents_via_ci_access";

/// Starts a kas-api that counts in tables, and one that counts in its own Redis.
struct World {
    kas: Kas,
    redis: Option<Redis>,
}

impl World {
    async fn new(database: Database, redis: Option<Redis>) -> Self {
        let arguments = with_redis(redis.as_ref());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Self { kas: kas_api_with(database, &arguments).await, redis }
    }

    async fn send_report(&self, body: Value) -> (u16, Value) {
        self.kas.post("/usage_metrics", body).await
    }

    async fn send_events(&self, body: Value) -> (u16, Value) {
        self.kas.post("/agent_events", body).await
    }

    fn events(&self) -> Vec<Value> {
        self.kas.events(self.redis.as_ref())
    }
}

fn event(name: &str, user_id: impl Into<Value>, project_id: impl Into<Value>) -> Value {
    json!({ "name": name, "user_id": user_id.into(), "project_id": project_id.into(), "properties": {} })
}

/// Runs tests with counters in tables and with counters in Redis.
macro_rules! in_both_stores {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            use super::*;

            #[testkit::test]
            async fn in_tables(database: Database) {
                $name(World::new(database, None).await).await;
            }

            #[testkit::test]
            async fn in_redis(database: Database) {
                $name(World::new(database, Some(Redis::start())).await).await;
            }
        }
    )+ };
}

in_both_stores! {
    report_adds_to_counters_and_sets,
    deprecated_names_add_to_the_counters,
    repeated_id_counts_once,
    every_counter_is_stored,
    negative_number_stores_nothing,
    invalid_number_stores_nothing,
    empty_report_changes_nothing,
    counter_saturates,
    events_of_unknown_projects_are_dropped,
    invalid_event_stores_nothing,
    empty_list_of_events_stores_nothing,
    registration_is_an_event,
    form_is_read_like_json,
    large_report_is_stored,
    empty_integer_counts_as_absent,
}

async fn report_adds_to_counters_and_sets(world: World) {
    let body = json!({ "counters": { "k8s_api_proxy_request": 5 }, "unique_counters": { CI_USERS: [10] } });
    assert_eq!(world.send_report(body.clone()).await, NOTHING);
    assert_eq!((world.kas.total("k8s_api_proxy_request").await, world.kas.set(CI_USERS).await), (5, 1));
    // Each user id of the set becomes two events, whether or not the user exists.
    assert_eq!(world.events(), [event(CI_USERS, 10, Value::Null), event(CI_TUNNEL, 10, Value::Null)]);
    assert_eq!(world.send_report(body).await, NOTHING);
    assert_eq!((world.kas.total("k8s_api_proxy_request").await, world.kas.set(CI_USERS).await), (10, 1));
    assert_eq!(world.send_report(json!({ "unique_counters": { CI_USERS: [10, 11, "12"] } })).await, NOTHING);
    assert_eq!(world.kas.set(CI_USERS).await, 3);
}

async fn deprecated_names_add_to_the_counters(world: World) {
    assert_eq!(
        world.send_report(json!({ "gitops_sync_count": 1, "k8s_api_proxy_request_count": 2 })).await,
        NOTHING
    );
    assert_eq!(
        (world.kas.total("gitops_sync").await, world.kas.total("k8s_api_proxy_request").await),
        (1, 2)
    );
    // Both forms of one counter add up.
    assert_eq!(
        world.send_report(json!({ "gitops_sync_count": 1, "counters": { "gitops_sync": "3" } })).await,
        NOTHING
    );
    assert_eq!(world.kas.total("gitops_sync").await, 5);
}

async fn repeated_id_counts_once(world: World) {
    let body = json!({ "counters": { "gitops_sync": 3 }, "unique_counters": { CI_TUNNEL: [1, 1, 2] } });
    assert_eq!(world.send_report(body).await, NOTHING);
    assert_eq!((world.kas.total("gitops_sync").await, world.kas.set(CI_TUNNEL).await), (3, 2));
    assert_eq!(world.events(), Vec::<Value>::new());
}

async fn every_counter_is_stored(world: World) {
    let counters: Value = COUNTERS
        .iter()
        .zip(1..)
        .map(|(name, n)| ((*name).to_owned(), json!(n)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let sets: Value = UNIQUE_SETS
        .iter()
        .zip(1_i64..)
        .map(|(name, n)| ((*name).to_owned(), json!((0..n).collect::<Vec<_>>())))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(world.send_report(json!({ "counters": counters, "unique_counters": sets })).await, NOTHING);
    for (name, n) in COUNTERS.iter().zip(1..) {
        assert_eq!(world.kas.total(name).await, n, "{name}");
    }
    for (name, n) in UNIQUE_SETS.iter().zip(1..) {
        assert_eq!(world.kas.set(name).await, n, "{name}");
    }
}

async fn negative_number_stores_nothing(world: World) {
    assert_eq!(world.send_report(json!({ "counters": { "k8s_api_proxy_request": 5 } })).await, NOTHING);
    let refusal = |name: &str| {
        (400, message(&format!("400 Bad request - {name} count must be greater than or equal to zero")))
    };
    let bad = json!({ "counters": { "flux_git_push_notifications_total": 1, "k8s_api_proxy_request": -1 },
        "unique_counters": { CI_USERS: [1] } });
    assert_eq!(world.send_report(bad).await, refusal("k8s_api_proxy_request"));
    assert_eq!(world.send_report(json!({ "gitops_sync_count": -1 })).await, refusal("gitops_sync"));
    for (name, n) in
        [("k8s_api_proxy_request", 5), ("flux_git_push_notifications_total", 0), ("gitops_sync", 0)]
    {
        assert_eq!(world.kas.total(name).await, n, "{name}");
    }
    assert_eq!((world.kas.set(CI_USERS).await, world.events()), (0, Vec::new()));
}

async fn invalid_number_stores_nothing(world: World) {
    assert_eq!(world.send_report(json!({ "counters": { "k8s_api_proxy_request": "5" } })).await, NOTHING);
    for bad in [
        json!("string"),
        json!(1.5),
        json!(true),
        json!([1]),
        json!({}),
        json!(" "),
        json!("1e3"),
        json!(" 5 "),
        json!(9_223_372_036_854_775_808_u64),
    ] {
        let body = json!({ "counters": { "gitops_sync": 1, "k8s_api_proxy_request": bad } });
        assert_eq!(
            world.send_report(body).await,
            (400, error("counters[k8s_api_proxy_request] is invalid")),
            "{bad}"
        );
        let body = json!({ "gitops_sync_count": bad });
        assert_eq!(world.send_report(body).await, (400, error("gitops_sync_count is invalid")), "{bad}");
    }
    for bad in [json!(1), json!("1"), json!({}), json!(["x"]), json!([1, null]), json!([1.5]), json!([[1]])] {
        let body =
            json!({ "counters": { "gitops_sync": 1 }, "unique_counters": { CI_AGENTS: bad, CI_USERS: [1] } });
        assert_eq!(
            world.send_report(body).await,
            (400, error(&format!("unique_counters[{CI_AGENTS}] is invalid"))),
            "{bad}"
        );
    }
    for (body, expected) in [
        (json!({ "counters": 1 }), "counters is invalid"),
        (
            json!({ "counters": [], "unique_counters": "x" }),
            "counters is invalid, unique_counters is invalid",
        ),
    ] {
        assert_eq!(world.send_report(body).await, (400, error(expected)));
    }
    assert_eq!(
        (world.kas.total("k8s_api_proxy_request").await, world.kas.total("gitops_sync").await),
        (5, 0)
    );
    assert_eq!((world.kas.set(CI_USERS).await, world.kas.set(CI_AGENTS).await), (0, 0));
}

async fn empty_report_changes_nothing(world: World) {
    for body in [
        json!({}),
        json!({ "counters": { "gitops_sync": 0 }, "unique_counters": { CI_USERS: [] } }),
        json!({ "counters": { "new_thing": 1, "flux_dropped_git_push_notifications_total": "2" },
            "unique_counters": { "new": "x" }, "other": [] }),
        json!({ "counters": null, "unique_counters": null, "gitops_sync_count": null }),
        json!({ "counters": { "gitops_sync": null }, "unique_counters": { CI_USERS: null } }),
    ] {
        assert_eq!(world.send_report(body.clone()).await, NOTHING, "{body}");
    }
    assert_eq!(world.kas.request("POST", "/usage_metrics").answer().await, NOTHING);
    assert_eq!(
        world.kas.request("POST", "/usage_metrics").body("application/json", "").answer().await,
        NOTHING
    );
    for name in COUNTERS {
        assert_eq!(world.kas.total(name).await, 0, "{name}");
    }
    assert_eq!(world.events(), Vec::<Value>::new());
}

async fn counter_saturates(world: World) {
    let body = json!({ "counters": { "gitops_sync": i64::MAX, "k8s_api_proxy_request": 1 } });
    assert_eq!(world.send_report(body.clone()).await, NOTHING);
    assert_eq!(world.send_report(body).await, NOTHING);
    let text = world.kas.service.get("/-/metrics").await.text;
    assert!(
        text.contains(&format!("kas_usage_counter_total{{name=\"gitops_sync\"}} {}\n", i64::MAX)),
        "{text}"
    );
    assert_eq!(world.kas.total("k8s_api_proxy_request").await, 2);
}

async fn events_of_unknown_projects_are_dropped(world: World) {
    for name in [
        CI_USERS,
        "k8s_api_proxy_requests_unique_users_via_user_access",
        "k8s_api_proxy_requests_unique_users_via_pat_access",
    ] {
        let items = json!([
            { "user_id": "11", "project_id": 9, "other": 1 },
            { "user_id": 11, "project_id": 998 },
            { "user_id": 999, "project_id": 7 },
            { "user_id": 11 },
            {},
        ]);
        let before = world.events().len();
        assert_eq!(world.send_events(json!({ "events": { name: items } })).await, NOTHING);
        let expected = [
            event(name, 11, 9),
            event(CI_TUNNEL, 11, 9),
            event(name, Value::Null, 7),
            event(CI_TUNNEL, Value::Null, 7),
        ];
        assert_eq!(world.events()[before..], expected);
    }
    let unknown = json!({ "events": { "register_agent_at_kas": [{ "project_id": 998 }, {}] } });
    let before = world.events().len();
    assert_eq!(world.send_events(unknown).await, NOTHING);
    assert_eq!(world.events().len(), before);
    assert_eq!(world.kas.set(CI_USERS).await, 0, "an event is in no set");
}

async fn invalid_event_stores_nothing(world: World) {
    for (item, field) in [
        (json!({ "user_id": "x" }), "[user_id]"),
        (json!({ "user_id": 1, "project_id": [] }), "[project_id]"),
        (json!(7), ""),
    ] {
        let body = json!({ "events": { CI_USERS: [item, { "user_id": 11 }] } });
        let expected = error(&format!("events[{CI_USERS}][0]{field} is invalid"));
        assert_eq!(world.send_events(body).await, (400, expected));
    }
    for (body, expected) in [
        (json!({ "events": [] }), "events is invalid".to_owned()),
        (json!({ "events": { CI_USERS: {} } }), format!("events[{CI_USERS}] is invalid")),
        (
            json!({ "events": { "register_agent_at_kas": [{ "agent_version": {},
                "extra_telemetry_data": 1 }] } }),
            "events[register_agent_at_kas][0][agent_version] is invalid, \
              events[register_agent_at_kas][0][extra_telemetry_data] is invalid"
                .to_owned(),
        ),
    ] {
        assert_eq!(world.send_events(body).await, (400, error(&expected)));
    }
    assert_eq!(world.events(), Vec::<Value>::new());
}

async fn empty_list_of_events_stores_nothing(world: World) {
    for body in [
        json!({}),
        json!({ "events": null }),
        json!({ "events": { CI_USERS: [], "register_agent_at_kas": [], "unknown": 7 } }),
    ] {
        assert_eq!(world.send_events(body).await, NOTHING);
    }
    assert_eq!(world.events(), Vec::<Value>::new());
}

async fn registration_is_an_event(world: World) {
    let item = json!({
        "project_id": "7", "agent_version": "v18.0.0", "architecture": "amd64", "agent_id": "12",
        "kubernetes_version": "1.33",
        "extra_telemetry_data": { "installation_method": "helm-chart", "x": "y" },
    });
    let body = json!({ "events": { "register_agent_at_kas": [item, { "project_id": 7 }] } });
    assert_eq!(world.send_events(body).await, NOTHING);
    let mut first = event("register_agent_at_kas", Value::Null, 7);
    first["properties"] = json!({
        "label": "v18.0.0", "property": "amd64", "value": 12, "kubernetes_version": "1.33",
        "installation_method": "helm-chart",
    });
    assert_eq!(world.events(), [first, event("register_agent_at_kas", Value::Null, 7)]);
}

/// Grape reads an empty string as null.
async fn empty_integer_counts_as_absent(world: World) {
    let form = |body: &str| world.kas.request("POST", "/usage_metrics").form(body);
    assert_eq!(form("gitops_sync_count=").answer().await, NOTHING);
    assert_eq!(form("counters[gitops_sync]=&gitops_sync_count=2").answer().await, NOTHING);
    assert_eq!(world.send_report(json!({ "counters": { "gitops_sync": "" } })).await, NOTHING);
    assert_eq!(world.kas.total("gitops_sync").await, 2);
    let events =
        json!({ "events": { CI_USERS: [{ "user_id": "", "project_id": 7 }, { "project_id": "" }] } });
    assert_eq!(world.send_events(events).await, NOTHING);
    assert_eq!(world.events(), [event(CI_USERS, Value::Null, 7), event(CI_TUNNEL, Value::Null, 7)]);
    let required = json!({ "agent_id": "", "agent_config": {} });
    let answer = world.kas.post("/agent_configuration", required).await;
    assert_eq!(answer, (400, error("agent_id is invalid")));
}

async fn form_is_read_like_json(world: World) {
    let form = format!(
        "counters[k8s_api_proxy_request]=1&unique_counters[{CI_AGENTS}][]=4\
         &unique_counters[{CI_AGENTS}][]=5&gitops_sync_count=2"
    );
    assert_eq!(world.kas.request("POST", "/usage_metrics").form(&form).answer().await, NOTHING);
    let counted = (
        world.kas.total("k8s_api_proxy_request").await,
        world.kas.set(CI_AGENTS).await,
        world.kas.total("gitops_sync").await,
    );
    assert_eq!(counted, (1, 2, 2));
}

/// kas repeats its counters until they are stored, so its body grows after each error.
async fn large_report_is_stored(world: World) {
    let ids = |count: i64| (0..count).map(|n| (10_000_000 + n).to_string()).collect::<Vec<_>>();
    let body = json!({ "unique_counters": { CI_AGENTS: ids(100_000), CI_USERS: ids(1100) } });
    assert!(body.to_string().len() > endpoint::MIB);
    assert_eq!(world.send_report(body).await, NOTHING);
    let counted = world.kas.set(CI_AGENTS).await;
    assert!((95_000..=105_000).contains(&counted), "{counted}: Redis estimates");
    assert_eq!(world.events().len(), 2200);
}

/// The keys are those of GitLab. No SQL statement runs.
#[testkit::test]
async fn report_is_one_round_trip_to_redis(database: Database) {
    let redis = Redis::start();
    let kas = kas_api_with(database, &["--redis-url", &redis.url()]).await;
    let statements = async || kas.service.metric("gitlab_sql_duration_seconds_count").await.unwrap();
    let calls = async || {
        kas.service.metric("gitlab_redis_client_requests_total{storage=\"shared_state\"}").await.unwrap()
    };
    let body = json!({ "counters": { "k8s_api_proxy_request": 5, "gitops_sync": 1 },
        "unique_counters": { CI_USERS: [10, 11], CI_AGENTS: [5] } });
    let (before, first) = (statements().await, calls().await);
    let reading = calls().await - first;
    assert_eq!(kas.post("/usage_metrics", body).await, NOTHING);
    let second = calls().await;
    // Reading the metrics also sends commands to Redis, the same number each time.
    assert_eq!((second - first - 2.0 * reading, reading), (1.0, 1.0));
    assert!((statements().await - before).abs() < 0.5, "a statement was run");
    assert_eq!(redis.ask::<i64>(&["GET", "USAGE_KUBERNETES_AGENT_K8S_API_PROXY_REQUEST"]), 5);
    assert_eq!(redis.ask::<i64>(&["GET", "USAGE_KUBERNETES_AGENT_GITOPS_SYNC"]), 1);
    assert_eq!(redis.ask::<i64>(&["TTL", "USAGE_KUBERNETES_AGENT_GITOPS_SYNC"]), -1);
    let key = format!("{{hll_counters}}_{CI_USERS}-{}", iso_week(endpoint::Clock::System.now().date()));
    assert_eq!(redis.ask::<i64>(&["PFCOUNT", &key]), 2);
    // Also valid on a slow machine.
    assert!((3_628_000..=3_628_800).contains(&redis.ask::<i64>(&["TTL", &key])));
}

#[testkit::test]
async fn report_in_tables_survives_a_restart(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(kas.post("/usage_metrics", json!({ "counters": { "gitops_sync": 4 } })).await, NOTHING);
    assert_eq!(kas.number("SELECT value FROM kas_counters WHERE name = 'gitops_sync'"), 4);
    kas.sql("INSERT INTO kas_unique_counters (name, iso_week, entity_id) VALUES ('gone', '2020-01', 1)");
    let mut conn = kas.service.database.open();
    assert_eq!(database::usage::prune(&mut conn, endpoint::Clock::System.now()).unwrap(), 1);
    assert_eq!(kas.total("gitops_sync").await, 4);
}
