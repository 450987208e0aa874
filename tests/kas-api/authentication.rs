//! Authentication of kas and of agents.
use super::support::{KUBERNETES, NOT_KAS, NOTHING, SECRET, UNAUTHORIZED, token};
use super::{Kas, kas_api, kas_api_with};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use testkit::Redis;
use testkit::kas_fixture::{T5, T5R, T6};

fn claims() -> Value {
    let now = endpoint::Clock::System.unix();
    json!({ "iss": "gitlab-kas", "aud": ["gitlab"], "iat": now, "nbf": now - 5, "exp": now + 30 })
}

/// Valid claims, overridden by others. `null` removes a claim.
fn with(others: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in others.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

/// A token whose header names the algorithm `named`, but which is signed with HMAC.
fn forge(named: &str, hmac: Algorithm, key: &[u8], claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({ "alg": named, "typ": "JWT" })), part(claims));
    let key = EncodingKey::from_secret(key);
    format!("{message}.{}", jsonwebtoken::crypto::sign(message.as_bytes(), &key, hmac).unwrap())
}

fn key() -> Vec<u8> {
    STANDARD.decode(SECRET).unwrap()
}

fn signed(claims: &Value) -> String {
    forge("HS256", Algorithm::HS256, &key(), claims)
}

/// Every token of kas that must be refused. `None` means no header.
fn bad() -> Vec<(&'static str, Option<String>)> {
    let now = endpoint::Clock::System.unix();
    let unsigned = forge("none", Algorithm::HS256, &key(), &claims());
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    let shell = auth::Secrets::new(auth::Secret::from_text("the secret of shell").unwrap(), None);
    let shell_claims = json!({ "iss": "gitlab-shell", "iat": now, "exp": now + 60 });
    vec![
        ("no token", None),
        ("an empty header", Some(String::new())),
        ("no token at all", Some("not a token".to_owned())),
        ("in front of it, Bearer", Some(format!("Bearer {}", token()))),
        ("another secret", Some(forge("HS256", Algorithm::HS256, &[7; 32], &claims()))),
        ("the secret's text", Some(forge("HS256", Algorithm::HS256, SECRET.as_bytes(), &claims()))),
        ("no signature", Some(format!("{unsigned}."))),
        ("two parts", Some(unsigned.to_owned())),
        ("none, but signed", Some(forge("none", Algorithm::HS256, &key(), &claims()))),
        ("the secret as public key", Some(forge("RS256", Algorithm::HS256, &key(), &claims()))),
        ("HS384", Some(forge("HS384", Algorithm::HS384, &key(), &claims()))),
        ("HS512", Some(forge("HS512", Algorithm::HS512, &key(), &claims()))),
        ("expired", Some(signed(&with(&json!({ "exp": now - 1 }))))),
        ("not yet valid", Some(signed(&with(&json!({ "nbf": now + 60 }))))),
        ("wrong issuer", Some(signed(&with(&json!({ "iss": "gitlab-shell" }))))),
        ("no issuer", Some(signed(&with(&json!({ "iss": null }))))),
        ("wrong audience", Some(signed(&with(&json!({ "aud": ["kas"] }))))),
        ("no audience", Some(signed(&with(&json!({ "aud": null }))))),
        ("exp is no number", Some(signed(&with(&json!({ "exp": "soon" }))))),
        ("GitLab Shell's", Some(auth::shell::issue(&shell, now).unwrap())),
        ("GitLab Shell's claims", Some(signed(&shell_claims))),
    ]
}

async fn agent_info(kas: &Kas, token: &str) -> u16 {
    let request = kas.anonymous("GET", "/agent_info").header("Gitlab-Kas-Api-Request", token);
    request.header("Authorization", &format!("Bearer {T5}")).send().await.status
}

/// Endpoints that require an agent token.
const OF_AGENTS: [&str; 9] = [
    "/kubernetes/agent_info",
    "/agents/agentk/agent_info",
    "/kubernetes/project_info",
    "/kubernetes/verify_project_access",
    "/modules/starboard_vulnerability",
    "/starboard_vulnerability/scan_result",
    "/scan_execution_policies",
    "/policies_configuration",
    "/modules/cilium_alert",
];

fn is_of_agents(path: &str) -> bool {
    OF_AGENTS.iter().any(|end| path.ends_with(end))
}

/// A body that has an effect at every endpoint.
fn body() -> Value {
    json!({
        "counters": { "gitops_sync": 1 }, "alert": {}, "uuids": [], "agent_id": 5, "agent_config": {},
        "access_type": "personal_access_token", "access_key": "nope",
        "events": { "register_agent_at_kas": [{ "agent_version": "v1" }] },
    })
}

/// Asserts that no request has changed the database or Redis.
fn nothing_changed(kas: &Kas, redis: &Redis) {
    assert_eq!(redis.ask::<Vec<String>>(&["KEYS", "*"]), Vec::<String>::new());
    for query in [
        "SELECT count(*) FROM cluster_agent_tokens WHERE last_used_at IS NOT NULL",
        "SELECT count(*) FROM agent_activity_events",
        "SELECT count(*) FROM alert_management_alerts",
        "SELECT count(*) FROM vulnerabilities",
    ] {
        assert_eq!(kas.number(query), 0, "{query}");
    }
}

/// Every endpoint answers 401 without a valid token of kas, whatever the agent's token is, and changes
/// nothing.
#[testkit::test]
async fn every_endpoint_requires_the_token_of_kas(database: Database) {
    let redis = Redis::start();
    let kas = kas_api_with(database, &["--redis-url", &redis.url()]).await;
    for endpoint in kas_api::ENDPOINTS.iter() {
        for (what, bad) in bad() {
            let request = kas
                .service
                .request(endpoint.method, endpoint.path)
                .header("Authorization", &format!("Bearer {T5}"));
            let request = match bad {
                Some(bad) => request.header("Gitlab-Kas-Api-Request", &bad),
                None => request,
            };
            let answer = request.json(&body()).send().await;
            assert_eq!((answer.status, answer.text.as_str()), (401, NOT_KAS), "{} {what}", endpoint.path);
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
    }
    nothing_changed(&kas, &redis);
}

/// Agent endpoints answer 401 without a valid agent token, even with the token of kas.
#[testkit::test]
async fn agent_endpoints_require_an_agent_token(database: Database) {
    let redis = Redis::start();
    let kas = kas_api_with(database, &["--redis-url", &redis.url()]).await;
    let of_agents: Vec<_> =
        kas_api::ENDPOINTS.iter().filter(|endpoint| is_of_agents(endpoint.path)).collect();
    assert_eq!(of_agents.len(), 9);
    for endpoint in of_agents {
        for bad in [
            None,
            Some(format!("Bearer {T5R}")),
            Some("Bearer NONEXISTENT".to_owned()),
            Some("Bearer ".to_owned()),
            Some(T5.to_owned()),
            Some(format!("Basic {T5}")),
            Some(format!("Bearer {}", &T5[..T5.len() - 1])),
        ] {
            let request = kas
                .service
                .request(endpoint.method, endpoint.path)
                .header("Gitlab-Kas-Api-Request", &token());
            let request = match &bad {
                Some(bad) => request.header("Authorization", bad),
                None => request,
            };
            let answer = request.json(&body()).send().await;
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (401, UNAUTHORIZED),
                "{} {bad:?}",
                endpoint.path
            );
        }
    }
    nothing_changed(&kas, &redis);
    for (reason, count) in [("unknown", 18.0), ("revoked", 9.0)] {
        let labels = format!("consumer=\"kas\",reason=\"{reason}\",scheme=\"agent_token\"");
        let failures = kas.service.metric(&format!("internal_api_auth_failures_total{{{labels}}}")).await;
        assert_eq!(failures, Some(count), "{reason}");
    }
}

#[testkit::test]
async fn the_other_endpoints_ask_for_no_agent(database: Database) {
    let kas = kas_api(database).await;
    for endpoint in kas_api::ENDPOINTS.iter().filter(|endpoint| !is_of_agents(endpoint.path)) {
        let request =
            kas.service.request(endpoint.method, endpoint.path).header("Gitlab-Kas-Api-Request", &token());
        let answer = request.json(&body()).send().await;
        assert!(matches!(answer.status, 200 | 204 | 400), "{} {}", endpoint.path, answer.text);
    }
}

/// An agent of another project reads and changes only its own data.
#[testkit::test]
async fn an_agent_gets_nothing_of_another_agents_project(database: Database) {
    let kas = kas_api(database).await;
    let (_, info) = kas.agent_with("GET", "/agent_info", T6).answer().await;
    assert_eq!(
        (&info["project_id"], &info["agent_id"], &info["agent_name"]),
        (&json!(13), &json!(6), &json!("other-agent"))
    );
    for path in ["/project_info?id=7", "/verify_project_access?id=7"] {
        let answer = kas.agent_with("GET", path, T6).answer().await;
        assert_eq!(answer, (404, json!({ "message": "404 Not Found" })), "{path}");
    }
    assert_eq!(kas.agent_with("GET", "/verify_project_access?id=13", T6).answer().await, NOTHING);
    let alert = json!({ "alert": { "title": "x" } });
    assert_eq!(kas.agent_with("POST", "/modules/cilium_alert", T6).json(&alert).answer().await, NOTHING);
    assert_eq!(kas.number("SELECT project_id FROM alert_management_alerts"), 13);
}

#[testkit::test]
async fn optional_claims_of_kas_are_accepted(database: Database) {
    let kas = kas_api(database).await;
    for others in [
        json!({}),
        json!({ "aud": "gitlab" }),
        json!({ "aud": ["x", "gitlab"], "exp": null, "nbf": null, "iat": null }),
        json!({ "iat": "never", "sub": 7 }),
    ] {
        assert_eq!(agent_info(&kas, &signed(&with(&others))).await, 200, "{others}");
    }
}

#[testkit::test]
async fn old_kas_and_late_clocks_are_accepted_if_configured(database: Database) {
    let kas = kas_api_with(database, &["--require-audience", "false", "--jwt-leeway-seconds", "60"]).await;
    let now = endpoint::Clock::System.unix();
    assert_eq!(
        agent_info(&kas, &signed(&with(&json!({ "aud": null, "exp": now - 30, "nbf": now + 30 })))).await,
        200
    );
    assert_eq!(agent_info(&kas, &signed(&with(&json!({ "exp": now - 90 })))).await, 401);
    assert_eq!(agent_info(&kas, &signed(&with(&json!({ "iss": "gitlab-shell" })))).await, 401);
}

/// The first header that is present is used, even if it is empty or wrong.
#[testkit::test]
async fn first_present_header_is_used(database: Database) {
    let kas = kas_api(database).await;
    let (agentk, agent, bearer) = ("Gitlab-Agentk-Api-Request", "Gitlab-Agent-Api-Request", "Authorization");
    for (headers, status) in [
        (vec![(agentk, T5)], 200),
        (vec![(agent, T5)], 200),
        (vec![(bearer, &*format!("Bearer {T5}"))], 200),
        (vec![(bearer, &*format!("bEaReR {T5}"))], 200),
        (vec![(agentk, ""), (agent, T5)], 401),
        (vec![(agentk, "x"), (agent, T5)], 401),
        (vec![(agent, ""), (bearer, &*format!("Bearer {T5}"))], 401),
        (vec![(agentk, T5), (agent, "x"), (bearer, "Bearer x")], 200),
    ] {
        let request = headers
            .iter()
            .fold(kas.request("GET", "/agent_info"), |request, (name, value)| request.header(name, value));
        assert_eq!(request.send().await.status, status, "{headers:?}");
    }
}

#[testkit::test]
async fn tokens_that_old_releases_have_stored_are_known(database: Database) {
    let kas = kas_api(database).await;
    for (name, form) in testkit::kas_fixture::key_base().stored_forms(T5).iter().enumerate() {
        kas.sql(&format!("UPDATE cluster_agent_tokens SET token_encrypted = '{form}' WHERE id = 50"));
        assert_eq!(agent_info(&kas, &token()).await, 200, "form {name}");
    }
    // Tokens of GitLab before 14.0 have no prefix, and an instance can have its own prefix.
    for clear in ["50characters", "acme-glagent-x"] {
        let stored = testkit::kas_fixture::key_base().encrypt(clear);
        kas.sql(&format!("UPDATE cluster_agent_tokens SET token_encrypted = '{stored}' WHERE id = 50"));
        assert_eq!(kas.agent_with("GET", "/agent_info", clear).send().await.status, 200, "{clear}");
    }
}

#[testkit::test]
async fn the_previous_secret_verifies_until_its_file_is_empty(database: Database) {
    let files = tempfile::TempDir::new().unwrap();
    let [current, previous] = ["current", "previous"].map(|name| files.path().join(name));
    let write = |path: &std::path::Path, byte: u8| std::fs::write(path, STANDARD.encode([byte; 32])).unwrap();
    write(&current, 2);
    write(&previous, 1);
    let arguments = [
        "--kas-secret-file",
        current.to_str().unwrap(),
        "--kas-secret-previous-file",
        previous.to_str().unwrap(),
    ];
    let kas = kas_api_with(database, &arguments).await;
    let statuses = async || {
        let token = |byte: u8| forge("HS256", Algorithm::HS256, &[byte; 32], &claims());
        [
            agent_info(&kas, &token(1)).await,
            agent_info(&kas, &token(2)).await,
            agent_info(&kas, &token(3)).await,
        ]
    };
    assert_eq!(statuses().await, [200, 200, 401]);
    std::fs::write(&previous, "\n").unwrap();
    kas.secret.reload(true);
    assert_eq!(statuses().await, [401, 200, 401]);
    // An invalid file keeps the old secret.
    std::fs::write(&current, "too short").unwrap();
    kas.secret.reload(true);
    assert_eq!(statuses().await, [401, 200, 401]);
    write(&current, 3);
    kas.secret.reload(true);
    assert_eq!(statuses().await, [401, 401, 200]);
}

#[testkit::test]
async fn credentials_are_checked_before_the_body(database: Database) {
    let kas = kas_api(database).await;
    for endpoint in kas_api::ENDPOINTS.iter() {
        let answer =
            kas.service.request(endpoint.method, endpoint.path).body("application/json", "{").send().await;
        assert_eq!((answer.status, answer.text.as_str()), (401, NOT_KAS), "{}", endpoint.path);
    }
    let answer = kas.request("POST", "/modules/cilium_alert").body("application/json", "{").send().await;
    assert_eq!((answer.status, answer.text.as_str()), (401, UNAUTHORIZED));
    assert!(
        kas_api::ENDPOINTS
            .iter()
            .all(|endpoint| endpoint.path.starts_with(KUBERNETES) || endpoint.path.contains("agentk"))
    );
}
