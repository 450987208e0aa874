//! Next to a GitLab: other paths go to GitLab, and each consumer can be switched back to it.
use std::collections::BTreeMap;
use std::process::Command;

use crate::balancer::{Balancer, Stub, Stubs, configuration, wait_until};
use crate::gateway::Gateway;
use crate::rendered::{Rendered, render};
use crate::services::{SERVICES, endpoints};

const CHECK: &str = "/api/v4/internal/check";
const AGENT: &str = "/api/v4/internal/kubernetes/agent_info";
const USERS: &str = "/api/scim/v2/groups/acme/Users";
const LIMITS: &str = "/api/v4/namespaces/storage/limit_exclusions";
const MINUTES: &str = "/api/v4/namespaces/1/minutes";

/// Paths that only GitLab answers.
const OTHERS: [&str; 9] = [
    "/api/v4/job/allowed_agents",
    "/api/v4/internal/pages",
    "/api/v4/internal/mail_room/incoming_email",
    "/api/v4/internal/kubernetes/modules/remote_development/reconcile",
    "/api/v4/internal/autoflow/repository_info?id=1",
    "/api/v4/internal/agents/agentw/agent_info",
    "/api/v4/internal/ci/agents/runner/info",
    "/api/v4/internal/ci/job_router/jobs/request",
    "/api/v4/internal/kubernetes/nothing",
];

struct Setup {
    balancer: Balancer,
    stubs: Stubs,
    gitlab: Stub,
}

/// A balancer with a GitLab and these environment variables.
fn next_to_gitlab(variables: &[(&str, &str)]) -> Setup {
    let (stubs, gitlab) = (Stubs::start(), Stub::start("gitlab"));
    let mut all = stubs.variables();
    all.push(("GITLAB_ADDRESS".to_owned(), format!("127.0.0.1:{}", gitlab.port)));
    all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let balancer = Balancer::launch(&configuration(), all);
    Setup { balancer, stubs, gitlab }
}

impl Setup {
    /// The backend that answers this path, according to the header and to the backend itself.
    fn backend(&self, path: &str) -> String {
        let response = self.balancer.until(200, |balancer| balancer.get(path, &[]));
        assert_eq!(response.header("x-internal-api-backend"), response.body, "{path}");
        response.body
    }
}

#[test]
fn without_gitlab_other_paths_are_not_found() {
    let balancer = Balancer::start();
    for path in OTHERS {
        let response = balancer.get(path, &[]);
        assert_eq!(
            (response.status, response.body.as_str()),
            (404, r#"{"error":"404 Not Found"}"#),
            "{path}"
        );
    }
    // An empty variable counts as unset, because Docker Compose passes unset variables on as empty ones.
    let mut variables = Stubs::start().variables();
    variables.push(("GITLAB_ADDRESS".to_owned(), String::new()));
    let balancer = Balancer::launch(&configuration(), variables);
    assert_eq!(balancer.get(OTHERS[0], &[]).status, 404);
}

#[test]
fn with_gitlab_other_paths_reach_it_unchanged() {
    let setup = next_to_gitlab(&[]);
    for path in OTHERS {
        assert_eq!(setup.backend(path), "gitlab", "{path}");
    }
    for path in ["/", "/api/v4/projects", "/api/v4/job", "/users/sign_in", "/v4/internal/pages"] {
        assert_eq!(setup.balancer.get(path, &[]).status, 404, "{path} is no second front door");
    }
    let request = "POST /api/v4/job/allowed_agents?a=%2Fb HTTP/1.1\r\nHost: gl.example.com\r\nJob-Token: \
        t\r\n\
        Content-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(setup.balancer.send(request).status, 200);
    let head = setup.gitlab.heads().pop().unwrap();
    assert!(head.starts_with("POST /api/v4/job/allowed_agents?a=%2Fb HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("job-token: t\r\n") && head.contains("host: gl.example.com\r\n"), "{head}");
}

#[test]
fn each_consumer_can_be_handed_back_to_gitlab() {
    let consumers = [
        ("SHELL_SHARE", "shell-api", CHECK),
        ("KAS_SHARE", "kas-api", AGENT),
        ("SCIM_SHARE", "scim-api", USERS),
        ("ADMIN_SHARE", "admin-api", LIMITS),
        ("BILLING_SHARE", "billing-api", MINUTES),
    ];
    for (share, _, _) in consumers {
        let setup = next_to_gitlab(&[(share, "0")]);
        for (other, service, path) in consumers {
            let expected = if other == share { "gitlab" } else { service };
            assert_eq!(setup.backend(path), expected, "{share}=0: {path}");
        }
        // They have no counterpart in GitLab.
        assert_eq!(setup.backend("/admin"), "admin-api", "{share}");
        assert_eq!(setup.backend("/v4/namespaces"), "admin-api", "{share}");
        let edge = setup
            .balancer
            .until(200, |balancer| balancer.edge_get(USERS, &[("X-Forwarded-For", "198.51.100.7")]));
        let (expected, heads) = if share == "SCIM_SHARE" {
            ("gitlab", setup.gitlab.heads())
        } else {
            ("scim-api", setup.stubs.get("scim-api").heads())
        };
        assert_eq!(edge.body, expected, "{share}=0 at the edge");
        assert!(!heads.last().unwrap().contains("198.51.100.7"), "{heads:?}");
        assert_eq!(setup.balancer.edge_get(OTHERS[0], &[]).status, 404, "the edge passes SCIM only");
    }
}

#[test]
fn gitlab_shell_names_its_client_to_gitlab_too() {
    let setup = next_to_gitlab(&[("SHELL_SHARE", "0")]);
    let forwarded = [("X-Forwarded-For", "198.51.100.7")];
    for (path, is_kept) in [(CHECK, true), (AGENT, false)] {
        setup.balancer.until(200, |balancer| balancer.get(path, &forwarded));
        let stub = if is_kept { &setup.gitlab } else { setup.stubs.get("kas-api") };
        let head = stub.heads().pop().unwrap();
        assert_eq!(head.contains("x-forwarded-for: 198.51.100.7\r\n"), is_kept, "{path}: {head}");
    }
}

#[test]
fn a_share_is_per_cent_of_the_requests() {
    let ours = |share: &str| {
        let setup = next_to_gitlab(&[("SHELL_SHARE", share)]);
        assert_eq!(setup.balancer.until(200, |balancer| balancer.get(MINUTES, &[])).body, "billing-api");
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..2000 {
            *counts.entry(setup.balancer.get(CHECK, &[]).body).or_default() += 1;
        }
        counts.get("shell-api").copied().unwrap_or_default()
    };
    let share = ours("30");
    assert!((500..=700).contains(&share), "{share} of 2000");
    assert_eq!(ours("101"), 2000);
    assert_eq!(ours("-1"), 0);
}

#[test]
fn a_share_that_is_no_number_stops_the_start() {
    for share in ["x", ""] {
        let mut command = Command::new("haproxy");
        command.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").env("GITLAB_ADDRESS", "127.0.0.1:1");
        command.env("KAS_SHARE", share).current_dir(crate::services::root());
        let output = command.args(["-c", "-f", "deploy/haproxy/haproxy.cfg"]).output().unwrap();
        assert!(!output.status.success(), "{share:?}");
    }
}

#[test]
fn objects_of_lfs_are_gitlabs_unless_ours_are_complete() {
    let lfs = "/api/v4/internal/lfs";
    let post_receive = "/api/v4/internal/post_receive";
    let setup = next_to_gitlab(&[]);
    assert_eq!(setup.backend(lfs), "gitlab");
    assert_eq!(setup.backend(post_receive), "shell-api");
    let setup = next_to_gitlab(&[("LFS_OBJECTS", "ours"), ("POST_RECEIVE", "gitlab")]);
    assert_eq!(setup.backend(lfs), "shell-api");
    assert_eq!(setup.backend(post_receive), "gitlab");
    assert_eq!(setup.backend("/api/v4/internal/lfs_authenticate"), "shell-api");
}

#[test]
fn gitlab_sees_its_own_host_name() {
    let setup = next_to_gitlab(&[("GITLAB_HOST", "gitlab.example.com")]);
    assert_eq!(setup.backend(OTHERS[0]), "gitlab");
    let head = setup.gitlab.heads().pop().unwrap();
    assert!(head.contains("host: gitlab.example.com\r\n") && !head.contains("localhost"), "{head}");
}

#[test]
fn paths_refused_by_the_balancer_do_not_reach_gitlab() {
    let setup = next_to_gitlab(&[("KAS_SHARE", "0"), ("SHELL_SHARE", "0")]);
    let edge: &[(&str, &str)] = &[("X-Gitlab-Edge", "1")];
    let refused: [(&str, &[(&str, &str)]); 5] = [
        ("/api/v4/internal/../internal/pages", &[]),
        ("/api/v4/internal//pages", &[]),
        ("/api/v4/internal/pages%2fx", &[]),
        ("/api/v4/internal/%2e%2e/pages", &[]),
        (OTHERS[0], edge),
    ];
    assert_eq!(setup.backend(CHECK), "gitlab");
    let before = setup.gitlab.heads().len();
    for (path, headers) in refused {
        assert_eq!(setup.balancer.get(path, headers).status, 404, "{path}");
    }
    assert_eq!(setup.gitlab.heads().len(), before);
}

#[test]
fn an_answer_of_ours_is_final() {
    for status in [404, 500, 503] {
        let (stubs, gitlab) = (Stubs::start(), Stub::start("gitlab"));
        let kas = Stub::start_with_status("kas-api", status);
        let mut variables = stubs.variables();
        variables.push(("KAS_API_ADDRESS".to_owned(), format!("127.0.0.1:{}", kas.port)));
        variables.push(("GITLAB_ADDRESS".to_owned(), format!("127.0.0.1:{}", gitlab.port)));
        let balancer = Balancer::launch(&configuration(), variables);
        let response = wait_until("an answer of the stub", || {
            Some(balancer.get(AGENT, &[])).filter(|response| response.body == "kas-api")
        });
        assert_eq!(response.status, status);
        assert_eq!(gitlab.heads(), Vec::<String>::new());
    }
}

#[test]
fn unavailable_gitlab_does_not_affect_our_endpoints() {
    for address in ["127.0.0.1:1", "gitlab.invalid:80"] {
        let setup = next_to_gitlab(&[("GITLAB_ADDRESS", address), ("SCIM_SHARE", "0")]);
        assert_eq!(setup.backend(CHECK), "shell-api", "{address}");
        let response = setup.balancer.until(503, |balancer| balancer.get(OTHERS[0], &[]));
        assert_eq!(response.body, r#"{"message":"503 Service Unavailable"}"#, "{address}");
        let response = setup.balancer.until(503, |balancer| balancer.edge_get(USERS, &[]));
        assert_eq!(response.header("content-type"), "application/scim+json", "{address}");
    }
}

/// The Gateway's routes with the component `fall-through` send the same paths to GitLab as HAProxy does.
#[test]
fn a_gateway_falls_through_to_gitlab_too() {
    let overlay = Rendered { name: "fall-through", objects: render("tests/deployment/fall-through") };
    let gateway = Gateway::new(&overlay, "internal");
    for path in OTHERS.into_iter().chain(["/api/v4/internal/lfs", "/api/v4/internal/lfs/"]) {
        assert_eq!(gateway.route(path), Some("gitlab-webservice-default"), "{path}");
    }
    for path in ["/", "/api/v4/projects", "/api/v4/job", "/users/sign_in", "/v4/internal/pages"] {
        assert_eq!(gateway.route(path), None, "{path}");
    }
    for service in &SERVICES {
        for (_, pattern) in endpoints(service.name) {
            let path = pattern.split('/').map(|segment| if segment.starts_with('{') { "1" } else { segment });
            let path = path.collect::<Vec<_>>().join("/");
            if path != "/api/v4/internal/lfs" {
                assert_eq!(gateway.route(&path), Some(service.name), "{path}");
            }
        }
    }
    let edge = Gateway::new(&overlay, "edge");
    assert_eq!(edge.route(OTHERS[0]), None, "the edge passes SCIM only");
}
