//! Outages of Redis.
use super::support::{NOTHING, message};
use super::{kas_api, kas_api_with};
use serde_json::json;
use testkit::{Database, Redis};

#[actix_web::test]
async fn without_its_database_every_endpoint_that_needs_it_is_unavailable() {
    let kas = kas_api(Database::postgresql()).await;
    assert_eq!(kas.agent("GET", "/agent_info").send().await.status, 200);
    let name = kas.service.database.url().rsplit_once('/').unwrap().1.to_owned();
    let url = std::env::var("TEST_DATABASE_URL").unwrap();
    let mut server =
        database::Location::parse(&url).unwrap().open(std::time::Duration::from_secs(20)).unwrap();
    testkit::fixture::run(
        &mut server,
        &format!(
            "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false; SELECT pg_terminate_backend(pid) FROM \
             pg_stat_activity WHERE datname = '{name}'"
        ),
    );
    let unavailable = (503, message("503 Service Unavailable"));
    for (method, path) in
        [("GET", "/agent_info"), ("GET", "/receptive_agents"), ("POST", "/modules/cilium_alert")]
    {
        assert_eq!(kas.agent(method, path).answer().await, unavailable, "{path}");
    }
    let report = json!({ "counters": { "gitops_sync": 1 } });
    assert_eq!(kas.post("/usage_metrics", report).await, unavailable);
    assert_eq!(kas.service.get("/-/metrics").await.status, 200);
    testkit::fixture::run(&mut server, &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"));
    assert_eq!(kas.agent("GET", "/agent_info").send().await.status, 200);
}

#[testkit::test]
async fn redis_outage_affects_only_usage_reports(database: Database) {
    let mut redis = Redis::start();
    let kas = kas_api_with(database, &["--redis-url", &redis.url()]).await;
    let report = || json!({ "counters": { "gitops_sync": 1 } });
    assert_eq!(kas.post("/usage_metrics", report()).await, NOTHING);
    redis.stop();
    let unavailable = (503, message("503 Service Unavailable"));
    assert_eq!(kas.post("/usage_metrics", report()).await, unavailable);
    assert_eq!(
        kas.post("/agent_events", json!({ "events": { "register_agent_at_kas": [{ "project_id": 7 }] } }))
            .await,
        unavailable
    );
    assert_eq!(kas.agent("GET", "/agent_info").send().await.status, 200);
    assert_eq!(kas.service.get("/-/metrics").await.status, 200);
    assert_eq!(kas.service.get("/-/readiness?all=1").await.status, 503);
    redis.restart();
    assert_eq!(kas.post("/usage_metrics", report()).await, NOTHING);
    assert_eq!(kas.total("gitops_sync").await, 1, "this Redis keeps nothing");
}

#[actix_web::test]
async fn redis_is_used_again_after_an_idle_outage() {
    let mut redis = Redis::start();
    let kas = kas_api_with(Database::sqlite(), &["--redis-url", &redis.url()]).await;
    let report = || json!({ "counters": { "gitops_sync": 1 } });
    let reports = || futures_util::future::join_all((0..32).map(|_| kas.post("/usage_metrics", report())));
    // Concurrent requests, so that each worker opens a connection.
    assert!(reports().await.iter().all(|answer| *answer == NOTHING));
    redis.stop();
    redis.restart();
    assert!(reports().await.iter().all(|answer| *answer == NOTHING));
    assert_eq!(kas.total("gitops_sync").await, 32);
}

#[actix_web::test]
async fn a_report_of_very_many_waits_as_long_as_redis_needs() {
    let redis = Redis::start();
    let kas = kas_api_with(Database::sqlite(), &["--redis-url", &redis.url()]).await;
    let users: Vec<u32> = (1..=100_000).collect();
    let name = "k8s_api_proxy_requests_unique_users_via_ci_access";
    assert_eq!(kas.post("/usage_metrics", json!({ "unique_counters": { name: users } })).await, NOTHING);
}

/// Such a report is sent in several batches, of which the server refuses the first.
#[actix_web::test]
async fn a_large_report_is_stored_as_a_whole_or_not_at_all() {
    let redis = Redis::start();
    let kas = kas_api_with(Database::sqlite(), &["--redis-url", &redis.url()]).await;
    let users: Vec<u32> = (1..=5_000).collect();
    let name = "k8s_api_proxy_requests_unique_users_via_ci_access";
    let report = json!({ "counters": { "gitops_sync": 1 }, "unique_counters": { name: users } });
    redis.ask::<String>(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(kas.post("/usage_metrics", report.clone()).await, (503, message("503 Service Unavailable")));
    redis.ask::<String>(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!((kas.total("gitops_sync").await, redis.ask::<i64>(&["XLEN", "kas:events"])), (0, 0));
    assert_eq!(kas.post("/usage_metrics", report).await, NOTHING);
    assert_eq!((kas.total("gitops_sync").await, redis.ask::<i64>(&["XLEN", "kas:events"])), (1, 10_000));
}

#[actix_web::test]
async fn hanging_redis_delays_requests_only_briefly() {
    let redis = Redis::start();
    let kas = kas_api_with(Database::sqlite(), &["--redis-url", &redis.url()]).await;
    let report = || json!({ "counters": { "gitops_sync": 1 } });
    assert_eq!(kas.post("/usage_metrics", report()).await, NOTHING);
    redis.ask::<String>(&["CLIENT", "PAUSE", "1500", "WRITE"]);
    let started = std::time::Instant::now();
    let answers = futures_util::future::join_all((0..32).map(|_| kas.post("/usage_metrics", report()))).await;
    let unavailable = (503, message("503 Service Unavailable"));
    assert!(answers.iter().all(|answer| *answer == unavailable || *answer == NOTHING), "{answers:?}");
    assert!(answers.contains(&unavailable) && started.elapsed().as_secs() < 10);
    // The request succeeds after the pause.
    redis.ask::<i64>(&["INCR", "awake"]);
    assert_eq!(kas.post("/usage_metrics", report()).await, NOTHING);
}

/// After a failover the old server refuses writes, and the new one has the same address.
#[actix_web::test]
async fn a_redis_that_became_a_replica_is_left() {
    let redis = Redis::start();
    let kas = kas_api_with(Database::sqlite(), &["--redis-url", &redis.url()]).await;
    let report = || {
        json!({ "counters": { "gitops_sync": 1 },
        "unique_counters": { "flux_git_push_notified_unique_projects": [1] } })
    };
    let clients = || {
        let list: String = redis.ask(&["CLIENT", "LIST"]);
        let ids =
            list.split(' ').flat_map(|word| word.split('\n')).filter_map(|word| word.strip_prefix("id="));
        ids.map(|id| id.parse::<i64>().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(kas.post("/usage_metrics", report()).await, NOTHING);
    redis.ask::<String>(&["REPLICAOF", "127.0.0.1", "1"]);
    for report in [report(), json!({ "counters": { "gitops_sync": 1 } })] {
        let before = clients();
        assert_eq!(kas.post("/usage_metrics", report).await, (503, message("503 Service Unavailable")));
        redis.ask::<String>(&["REPLICAOF", "NO", "ONE"]);
        assert_eq!(kas.post("/usage_metrics", json!({ "counters": { "gitops_sync": 1 } })).await, NOTHING);
        // `CLIENT LIST` has a new client each time, and the service has opened a new connection.
        let newest = *before.iter().max().unwrap();
        assert!(clients().iter().filter(|id| **id > newest).count() >= 2);
        redis.ask::<String>(&["REPLICAOF", "127.0.0.1", "1"]);
    }
}
