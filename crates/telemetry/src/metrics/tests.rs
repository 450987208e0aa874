use super::*;

const ROUTES: [(&str, &str, &str); 2] =
    [("GET", "/api/v4/internal/check", "source_code"), ("POST", "/api/v4/internal/allowed", "source_code")];

fn metrics() -> Metrics {
    Metrics::new("shell-api", "1.2.3", "abc", &ROUTES)
}

#[track_caller]
fn assert_has(metrics: &Metrics, expected: &[&str]) {
    let text = metrics.render();
    for line in expected {
        assert!(text.lines().any(|present| present == *line), "no {line} in\n{text}");
    }
}

#[test]
fn known_series_exist_from_the_start() {
    let metrics = metrics();
    metrics.initialise_auth("shell", "jwt");
    metrics.initialise_jobs("post_receive");
    metrics.initialise_redis("rate_limiting", &["timeout"]);
    metrics.initialise_throttled("shell", "gitlab_shell_operation");
    metrics.secret_loaded("shell", 1.5);
    metrics.initialise_decisions();
    metrics.initialise_audit_events(&["project_created"]);
    assert_has(
        &metrics,
        &[
            r#"internal_api_git_access_decisions_total{action="git-receive-pack",result="allowed",row="30"} 0"#,
            r#"internal_api_audit_events_total{event_name="project_created"} 0"#,
            "internal_api_database_pool_wait_seconds_count 0",
            "internal_api_git_processes_running 0",
            r#"http_requests_total{feature_category="source_code",method="get",route="/api/v4/internal/check",status="200"} 0"#,
            r#"http_request_duration_seconds_count{method="post",route="/api/v4/internal/allowed"} 0"#,
            r#"http_health_requests_total{method="get",status="200"} 0"#,
            "rack_uncaught_errors_total 0",
            "gitlab_sql_duration_seconds_count 0",
            r#"gitlab_redis_client_requests_total{storage="rate_limiting"} 0"#,
            r#"internal_api_auth_failures_total{consumer="shell",reason="unknown",scheme="jwt"} 0"#,
            r#"internal_api_requests_throttled_total{consumer="shell",throttle_key="gitlab_shell_operation"} 0"#,
            "internal_api_inflight_requests 0",
            "internal_api_draining 0",
            r#"internal_api_secret_reload_total{result="error",secret="shell"} 0"#,
            r#"internal_api_secret_loaded_timestamp_seconds{secret="shell"} 1.5"#,
            r#"internal_api_jobs_enqueued_total{queue="post_receive",result="ok"} 0"#,
            r#"internal_api_build_info{revision="abc",service="shell-api",version="1.2.3"} 1"#,
        ],
    );
}

#[test]
fn each_metric_has_its_name_and_labels() {
    let metrics = metrics();
    metrics.http_request("POST", "/api/v4/internal/allowed", 401, "source_code", 0.06);
    metrics.http_request("BREW", "unmatched", 404, "not_owned", 0.001);
    metrics.health_request("GET", 503);
    metrics.uncaught_error();
    metrics.sql(0.0007);
    metrics.set_database("db.example.com", Some(5432));
    metrics.set_database("ignored", None);
    metrics.pool(10, 3, 2, 1);
    metrics.redis("rate_limiting", None);
    metrics.redis("rate_limiting", Some("Timeout"));
    metrics.throttle("gitlab_shell_operation", false, "source_code", 0.6);
    metrics.auth_failure("shell", "jwt", "expired");
    metrics.throttled("shell", "gitlab_shell_operation");
    metrics.draining(true);
    metrics.decision("git-receive-pack", "denied", "29g");
    metrics.decision("rm -rf", "denied", "9");
    metrics.pool_wait(0.002);
    metrics.gitaly_request("CommitService/ListCommits", "Unavailable", 0.07);
    metrics.git_process_started();
    metrics.git_process_started();
    metrics.git_process_ended("rev-list", "timeout", 12.0);
    metrics.certificate_expiry("server", 1.5);
    metrics.audit_event("project_created");
    metrics.secret_reload("shell", false);
    metrics.job_enqueued("post_receive", true);
    assert_has(
        &metrics,
        &[
            r#"http_requests_total{feature_category="source_code",method="post",route="/api/v4/internal/allowed",status="401"} 1"#,
            r#"http_requests_total{feature_category="not_owned",method="other",route="unmatched",status="404"} 1"#,
            r#"http_request_duration_seconds_bucket{method="post",route="/api/v4/internal/allowed",le="0.05"} 0"#,
            r#"http_request_duration_seconds_bucket{method="post",route="/api/v4/internal/allowed",le="0.1"} 1"#,
            r#"http_health_requests_total{method="get",status="503"} 1"#,
            "rack_uncaught_errors_total 1",
            r#"gitlab_sql_duration_seconds_bucket{le="0.0005"} 0"#,
            r#"gitlab_sql_duration_seconds_bucket{le="0.001"} 1"#,
            r#"gitlab_database_connection_pool_size{class="main",host="db.example.com",port="5432"} 10"#,
            r#"gitlab_database_connection_pool_busy{class="main",host="db.example.com",port="5432"} 3"#,
            r#"gitlab_database_connection_pool_idle{class="main",host="db.example.com",port="5432"} 2"#,
            r#"gitlab_database_connection_pool_waiting{class="main",host="db.example.com",port="5432"} 1"#,
            r#"gitlab_redis_client_requests_total{storage="rate_limiting"} 2"#,
            r#"gitlab_redis_client_exceptions_total{exception="Timeout",storage="rate_limiting"} 1"#,
            r#"gitlab_application_rate_limiter_throttle_utilization_ratio_bucket{feature_category="source_code",peek="false",throttle_key="gitlab_shell_operation",le="0.5"} 0"#,
            r#"gitlab_application_rate_limiter_throttle_utilization_ratio_bucket{feature_category="source_code",peek="false",throttle_key="gitlab_shell_operation",le="0.75"} 1"#,
            r#"internal_api_auth_failures_total{consumer="shell",reason="expired",scheme="jwt"} 1"#,
            r#"internal_api_requests_throttled_total{consumer="shell",throttle_key="gitlab_shell_operation"} 1"#,
            "internal_api_draining 1",
            r#"internal_api_git_access_decisions_total{action="git-receive-pack",result="denied",row="29g"} 1"#,
            r#"internal_api_git_access_decisions_total{action="other",result="denied",row="9"} 1"#,
            r#"internal_api_database_pool_wait_seconds_bucket{le="0.001"} 0"#,
            r#"internal_api_database_pool_wait_seconds_bucket{le="0.005"} 1"#,
            r#"internal_api_gitaly_requests_total{code="Unavailable",method="CommitService/ListCommits"} 1"#,
            r#"internal_api_gitaly_request_duration_seconds_bucket{method="CommitService/ListCommits",le="0.1"} 1"#,
            "internal_api_git_processes_running 1",
            r#"internal_api_git_processes_total{command="rev-list",result="timeout"} 1"#,
            r#"internal_api_git_process_duration_seconds_bucket{command="rev-list",le="10"} 0"#,
            r#"internal_api_certificate_expiry_timestamp_seconds{certificate="server"} 1.5"#,
            r#"internal_api_audit_events_total{event_name="project_created"} 1"#,
            r#"internal_api_secret_reload_total{result="error",secret="shell"} 1"#,
            r#"internal_api_jobs_enqueued_total{queue="post_receive",result="ok"} 1"#,
        ],
    );
}

#[test]
fn requests_count_as_inflight_until_they_are_dropped() {
    let metrics = metrics();
    let (first, second) = (metrics.inflight(), metrics.clone().inflight());
    assert_has(&metrics, &["internal_api_inflight_requests 2"]);
    drop((first, second));
    assert_has(&metrics, &["internal_api_inflight_requests 0"]);
}

#[test]
fn services_in_one_process_share_nothing() {
    let (one, other) = (metrics(), metrics());
    one.uncaught_error();
    assert_has(&other, &["rack_uncaught_errors_total 0"]);
}

#[cfg(target_os = "linux")]
#[test]
fn metrics_of_the_process_are_exported() {
    let text = metrics().render();
    for name in ["process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes"] {
        assert!(text.contains(&format!("\n{name} ")), "no {name} in\n{text}");
    }
}
