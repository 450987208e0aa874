//! The edge listener of HAProxy: identity providers outside the network reach only SCIM, and cannot forge
//! headers.
use std::collections::BTreeSet;

use crate::balancer::{Balancer, Stubs, configuration};

const USERS: &str = "/api/scim/v2/groups/acme/Users";

/// Headers with which a client could impersonate a proxy, a tracer, GitLab or another client.
const FORGED: [(&str, &str); 19] = [
    ("X-Forwarded-For", "198.51.100.7"),
    ("X-Forwarded-Proto", "gopher"),
    ("X-Forwarded-Host", "evil.example.com"),
    ("X-Forwarded-Port", "1"),
    ("X-Forwarded-Prefix", "/x"),
    ("X-Forwarded-Anything", "1"),
    ("Forwarded", "for=198.51.100.7;proto=gopher"),
    ("X-Real-IP", "198.51.100.7"),
    ("X-Request-Id", "chosen-outside"),
    ("X-Correlation-Id", "chosen-outside"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("tracestate", "a=b"),
    ("baggage", "a=b"),
    ("X-Gitlab-Client-Name", "kas"),
    ("Gitlab-Shell-Api-Request", "token"),
    ("X-Gitlab-Edge", "1"),
    ("True-Client-IP", "198.51.100.7"),
    ("X-Original-URL", "/api/v4/internal/allowed"),
    ("Connection", "X-Forwarded-Proto, Authorization"),
];

#[test]
fn only_listed_headers_pass_the_edge() {
    let stubs = Stubs::start();
    let balancer = Balancer::launch(&configuration(), stubs.variables());
    let own = [("Authorization", "Bearer t"), ("Accept", "application/scim+json"), ("If-Match", "W/\"1\"")];
    let headers: Vec<_> = FORGED.into_iter().chain(own).collect();
    balancer.until(200, |balancer| balancer.edge_get(USERS, &headers));
    let head = stubs.get("scim-api").heads().pop().unwrap();
    let mut received: Vec<(&str, &str)> =
        head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect();
    received.sort_unstable();
    let names: Vec<&str> = received.iter().map(|(name, _)| *name).collect();
    // The test's socket has no address to forward: a TCP client's would be in X-Forwarded-For.
    let expected = ["accept", "authorization", "host", "if-match", "x-forwarded-proto", "x-request-id"];
    assert_eq!(names, expected);
    let forged: BTreeSet<&str> = FORGED.iter().map(|(_, value)| *value).collect();
    assert!(received.iter().all(|(_, value)| !forged.contains(value)), "{received:?}");
    assert!(received.contains(&("x-forwarded-proto", "https")), "{received:?}");
}

#[test]
fn the_scheme_of_the_edge_is_a_setting() {
    let stubs = Stubs::start();
    let mut variables = stubs.variables();
    variables.push(("EDGE_SCHEME".to_owned(), "http".to_owned()));
    let balancer = Balancer::launch(&configuration(), variables);
    balancer.until(200, |balancer| balancer.edge_get(USERS, &[("X-Forwarded-Proto", "https")]));
    let head = stubs.get("scim-api").heads().pop().unwrap();
    assert!(head.contains("x-forwarded-proto: http\r\n"), "{head}");
}

#[test]
fn the_edge_refuses_a_malformed_host() {
    let balancer = Balancer::start();
    balancer.until(200, |balancer| balancer.edge_get(USERS, &[]));
    for host in ["[::1]:8090", "gitlab.example.com", "GitLab.example.com:443", "203.0.113.9"] {
        assert_eq!(balancer.edge_get(USERS, &[("Host", host)]).status, 200, "{host}");
    }
    let refused = ["a\"b<script>:1", "", "a b", "a/b", "localhost:x", "good.example.com, \"<script>", "a@b"];
    for host in refused {
        let response = balancer.edge_get(USERS, &[("Host", host)]);
        assert_eq!(response.status, 400, "{host}");
        assert_eq!(response.header("content-type"), "application/scim+json", "{host}");
    }
}

#[test]
fn the_edge_chooses_the_request_id() {
    let balancer = Balancer::start();
    let response = balancer.edge_get("/none", &[("X-Request-Id", "me-1")]);
    assert_eq!(response.status, 404);
    assert_eq!(response.header("x-request-id").len(), 36, "a UUID: {response:?}");
    assert_eq!(
        response.header("x-internal-api-backend"),
        "",
        "the name of the backend is not sent to clients"
    );
}
