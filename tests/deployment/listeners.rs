//! The internal and the monitoring listener of HAProxy: access control, and tracing of responses.
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::balancer::{Balancer, Response, Stubs, configuration, variable};
use crate::services::read;

const CHECK: &str = "/api/v4/internal/check";

/// A request from this address, by the PROXY protocol.
fn from_address(balancer: &Balancer, address: &str) -> Response {
    let proxy = format!("PROXY TCP4 {address} 10.0.0.1 1000 80\r\n");
    balancer.until(200, |balancer| {
        balancer.send(&format!("{proxy}GET {CHECK} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    })
}

/// A copy of the configuration that gets client addresses from the PROXY protocol.
fn with_proxy_protocol() -> String {
    let bind = "bind \"${BALANCER_BIND-127.0.0.1:8080}\"";
    let text = configuration();
    assert!(text.contains(bind));
    text.replace(bind, &format!("{bind} accept-proxy"))
}

#[test]
fn only_private_networks_use_the_internal_listener() {
    let networks = read("deploy/haproxy/private-networks.lst");
    let stubs = Stubs::start();
    let balancer = Balancer::launch(&with_proxy_protocol(), stubs.variables());
    for address in ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.1.2", "100.127.255.254", "127.0.0.1"] {
        assert_eq!(from_address(&balancer, address).body, "shell-api", "{address}");
    }
    for address in ["203.0.113.9", "100.63.255.255", "100.128.0.1", "172.32.0.1", "8.8.8.8"] {
        let request = format!("PROXY TCP4 {address} 10.0.0.1 1000 80\r\nGET {CHECK} HTTP/1.1\r\nHost: x\r\n");
        let response = balancer.send(&format!("{request}Connection: close\r\n\r\n"));
        assert_eq!(
            (response.status, response.body.as_str()),
            (404, r#"{"error":"404 Not Found"}"#),
            "{address}"
        );
    }
    let more = format!("{networks}203.0.113.0/24\n");
    let balancer = Balancer::launch_with(&with_proxy_protocol(), &more, stubs.variables());
    assert_eq!(from_address(&balancer, "203.0.113.9").body, "shell-api");
}

/// A copy of the configuration in which every request exceeds the rate limit.
fn with_a_limit_of_zero() -> String {
    configuration().replace("gt 50000", "gt 0")
}

#[test]
fn every_response_has_a_request_id() {
    let mut variables = Stubs::start().variables();
    // Port 1 is closed.
    variables.push(("KAS_API_ADDRESS".to_owned(), "127.0.0.1:1".to_owned()));
    let balancer = Balancer::launch(&with_a_limit_of_zero(), variables);
    let paths = [("/none", 404), ("/api/v4/internal/kubernetes/agent_info", 503), (CHECK, 429)];
    for (path, status) in paths {
        let response = balancer.until(status, |balancer| balancer.get(path, &[("X-Request-Id", "me-1")]));
        assert_eq!(response.header("x-request-id"), "me-1", "{path}");
        assert_eq!(balancer.get(path, &[]).header("x-request-id").len(), 36, "{path}: a UUID");
        let malformed = balancer.get(path, &[("X-Request-Id", "a b")]);
        assert_eq!(malformed.header("x-request-id").len(), 36, "{path}: a UUID");
        assert!(
            malformed.headers.keys().all(|name| name != "retry-after"),
            "gitlab-shell obeys it without bound"
        );
        let lines = balancer.log_lines(1, |line| line["correlation_id"] == "me-1" && line["path"] == path);
        assert_eq!(lines[0]["status"], status);
    }
}

#[test]
fn log_lines_are_json_without_query() {
    let balancer = Balancer::start();
    let path = "/api/v4/internal/discover";
    let id = [("X-Request-Id", "logged-1"), ("User-Agent", "\"\\ü")];
    balancer.until(200, |balancer| balancer.get(&format!("{path}?key=secret\"x"), &id));
    balancer.get("/none\"\\x?key=secret", &id);
    let lines = balancer.log_lines(2, |line| line["correlation_id"] == "logged-1");
    for line in &lines {
        assert!(!line.to_string().contains("secret"), "{line}");
        for field in ["time", "status", "duration_ms", "written_bytes"] {
            assert!(line[field].is_number(), "{field}: {line}");
        }
        assert_eq!(line["service_name"], "haproxy");
        assert_eq!(line["remote_ip"], "127.0.0.1");
        assert_eq!(line["method"], "GET");
    }
    assert!(lines.iter().any(|line| line["path"] == path && line["backend"] == "shell-api"), "{lines:?}");
    assert!(lines.iter().any(|line| line["path"] == "/none\"\\x" && line["backend"] == "none"), "{lines:?}");
}

#[test]
fn health_and_metrics_have_a_listener_of_their_own() {
    let balancer = Balancer::start();
    let metrics = balancer.monitor("/-/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains("haproxy_backend_http_responses_total"), "{}", metrics.body);
    assert_eq!(balancer.monitor("/-/liveness").status, 200);
    balancer.until(200, |balancer| balancer.monitor("/-/readiness"));
    assert_eq!(balancer.monitor("/").status, 404);
    for path in ["/-/metrics", "/-/liveness", "/-/readiness"] {
        assert_eq!(balancer.get(path, &[]).status, 404, "{path} on the internal listener");
        assert_eq!(balancer.edge_get(path, &[]).status, 404, "{path} on the edge listener");
    }
}

#[test]
fn a_balancer_without_usable_backends_is_not_ready() {
    let variables = crate::services::SERVICES
        .iter()
        .map(|service| (variable(service.name, "ADDRESS"), "127.0.0.1:1".to_owned()));
    let balancer = Balancer::launch(
        &configuration(),
        variables.chain([("CHECK_PORT".to_owned(), "1".to_owned())]).collect(),
    );
    balancer.until(503, |balancer| balancer.monitor("/-/readiness"));
    assert_eq!(balancer.monitor("/-/liveness").status, 200);
}

/// Answers every query with 127.0.0.1, or with NXDOMAIN while the name is unknown.
fn name_server(is_known: Arc<AtomicBool>) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            let query = &buffer[..length];
            // RFC 1035: 12 bytes of header, then the name, its end, type and class.
            let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
            let (is_known, is_ipv4) = (is_known.load(Relaxed), query[end - 4..end - 2] == [0, 1]);
            let answers = u8::from(is_known && is_ipv4);
            let code = if is_known { 0x80 } else { 0x83 };
            let mut reply =
                [&query[..2], &[0x81, code, 0, 1, 0, answers, 0, 0, 0, 0], &query[12..end]].concat();
            if answers == 1 {
                reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
            }
            let _ = socket.send_to(&reply, peer);
        }
    });
    port
}

#[test]
fn a_service_may_be_deployed_after_the_balancer() {
    let is_known = Arc::new(AtomicBool::new(false));
    let resolver = format!("nameserver test 127.0.0.1:{}", name_server(Arc::clone(&is_known)));
    let text = configuration();
    assert!(text.contains("parse-resolv-conf"));
    let text = text.replace("parse-resolv-conf", &resolver);
    let stubs = Stubs::start();
    let mut variables = stubs.variables();
    let port = stubs.get("kas-api").port;
    variables.push(("KAS_API_ADDRESS".to_owned(), format!("kas-api.invalid:{port}")));
    let balancer = Balancer::launch(&text, variables);
    let kas = |balancer: &Balancer| balancer.get("/api/v4/internal/kubernetes/agent_info", &[]);
    assert_eq!(kas(&balancer).status, 503);
    assert_eq!(balancer.until(200, |balancer| balancer.get(CHECK, &[])).body, "shell-api");
    is_known.store(true, Relaxed);
    assert_eq!(balancer.until(200, kas).body, "kas-api", "without a restart");
}
