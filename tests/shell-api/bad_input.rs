//! Invalid requests are answered with a client error, never with 500, and change nothing.
use super::support::{NOT_FOUND, nothing_changed, refusal};
use super::{Shell, raw, shell_api, shell_api_with};
use serde_json::{Map, Value, json};
use testkit::Redis;

const JSON: &str = "application/json";

/// Each endpoint with a valid request, and its string parameters.
fn requests() -> Vec<(&'static str, &'static str, Value, Vec<&'static str>)> {
    let actors = ["identifier", "username", "krb5principal"];
    let allowed = ["action", "protocol", "project", "changes", "check_ip", "namespace_path", "env"];
    let allowed = allowed.into_iter().chain(["gl_repository", "gitaly_client_context_bin"]).chain(actors);
    let repository = json!({ "gl_repository": "project-3", "identifier": "key-11" });
    let clone = json!({ "project": "grp/p", "action": "git-upload-pack", "protocol": "ssh" });
    vec![
        ("POST", "/allowed", clone, allowed.collect()),
        ("GET", "/authorized_keys", json!({}), vec!["key"]),
        ("GET", "/discover", json!({}), actors.to_vec()),
        ("POST", "/pre_receive", repository.clone(), vec!["gl_repository"]),
        ("POST", "/post_receive", repository, vec!["gl_repository", "identifier", "changes", "push_options"]),
    ]
}

fn refused(reason: &str) -> (u16, Value) {
    (400, json!({ "message": format!("400 Bad request - {reason}"), "error": reason }))
}

fn with(base: &Value, name: &str, value: Value) -> Value {
    let mut object: Map<String, Value> = base.as_object().unwrap().clone();
    object.insert(name.to_owned(), value);
    Value::Object(object)
}

/// Sends each body and compares the response.
async fn all_are(shell: &Shell, path: &str, cases: &[(Value, (u16, Value))]) {
    for (body, expected) in cases {
        assert_eq!(shell.post(path, body.clone()).await, *expected, "{path} {body}");
    }
}

#[testkit::test]
async fn strings_are_not_arrays_and_contain_no_nul(database: Database) {
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    for (method, path, base, texts) in requests() {
        for name in texts {
            let invalid = refused(&format!("{name} is invalid"));
            for value in [json!("a\0b"), json!("\0"), json!({ "a": "b" }), json!([["a"]]), json!([{}])] {
                let body = with(&base, name, value);
                let answer = shell.request(method, path).json(&body).answer().await;
                assert_eq!(answer, invalid, "{path} {body}");
            }
            let mut query: Vec<String> = base
                .as_object()
                .unwrap()
                .iter()
                .filter(|(known, _)| *known != name)
                .map(|(known, value)| format!("{known}={}", value.as_str().unwrap()))
                .collect();
            query.push(format!("{name}=a%00b"));
            let answer = shell.request(method, &format!("{path}?{}", query.join("&"))).answer().await;
            assert_eq!(answer, invalid, "{path} {query:?}");
        }
    }
    nothing_changed(&shell, &redis);
}

#[testkit::test]
async fn id_is_a_64_bit_integer(database: Database) {
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let too_large: Value = serde_json::from_str("9223372036854775808").unwrap();
    for name in ["key_id", "user_id"] {
        for value in [
            too_large.clone(),
            json!("9223372036854775808"),
            json!("1e3"),
            json!(1.5),
            json!("0x11"),
            json!(true),
            json!([11]),
            json!({}),
            json!("11\0"),
            json!("eleven"),
        ] {
            let body = with(&requests()[0].2, name, value);
            assert_eq!(
                shell.post("/allowed", body.clone()).await,
                refused(&format!("{name} is invalid")),
                "{body}"
            );
            let discovered = shell.request("GET", "/discover").json(&body).answer().await;
            assert_eq!(discovered, refused(&format!("{name} is invalid")), "{body}");
        }
        for nobody in [-1, 0, 999, i64::MIN, i64::MAX] {
            assert_eq!(shell.get(&format!("/discover?{name}={nobody}")).await, (200, Value::Null));
        }
    }
    let base = &requests()[0].2;
    for name in [
        "project-9223372036854775808",
        "project-0",
        "project--1",
        "project-",
        "project-+3",
        "foo",
        "../x",
        "project-3-4",
    ] {
        let reason = format!("Invalid GL Repository \"{name}\"");
        assert_eq!(shell.post("/allowed", with(base, "gl_repository", json!(name))).await, refused(&reason));
    }
    nothing_changed(&shell, &redis);
}

#[testkit::test]
async fn broken_bodies_are_refused(database: Database) {
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let nested = |depth: usize| {
        format!(
            "{{\"gl_repository\":\"project-3\",\"a\":{}{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    let multipart = "multipart/form-data; boundary=X";
    for path in ["/allowed", "/pre_receive", "/post_receive"] {
        for (content_type, body, reason) in [
            (JSON, b"{".to_vec(), "the body is not JSON: "),
            (JSON, b"{\"gl_repository\":\"project-3\"".to_vec(), "the body is not JSON: "),
            (JSON, b"{\"gl_repository\":\"\\ud800\"}".to_vec(), "the body is not JSON: "),
            (JSON, b"{\"gl_repository\":\"\xff\"}".to_vec(), "the body is not JSON: "),
            (JSON, b"{\"key_id\":1e400}".to_vec(), "the body is not JSON: "),
            (JSON, b"gl_repository=project-3".to_vec(), "the body is not JSON: "),
            (JSON, b"[]".to_vec(), "the body is not a JSON object"),
            (JSON, b"7".to_vec(), "the body is not a JSON object"),
            (JSON, b"\"[]\"".to_vec(), "the body is not a JSON object"),
            (JSON, b"\"project-3\"".to_vec(), "the body is not a JSON object"),
            (JSON, nested(65).into_bytes(), "the JSON is nested too deeply"),
            (JSON, "[".repeat(endpoint::MIB - 1).into_bytes(), "the JSON is nested too deeply"),
            (multipart, b"--X\r\nContent-Disposition".to_vec(), "the body is not multipart: "),
            ("multipart/form-data", b"--X--".to_vec(), "the body is not multipart: "),
        ] {
            let (status, answer) = shell.request("POST", path).body(content_type, body).answer().await;
            let error = answer["error"].as_str().unwrap_or_default();
            assert!(status == 400 && error.starts_with(reason), "{path} {reason}: {status} {answer}");
            assert_eq!(answer["message"], format!("400 Bad request - {error}"));
        }
    }
    nothing_changed(&shell, &redis);
    let deep = shell.request("POST", "/pre_receive").body(JSON, nested(64));
    assert_eq!(deep.answer().await, (200, json!({ "reference_counter_increased": true })));
}

#[testkit::test]
async fn body_size_is_limited(database: Database) {
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let too_large = (413, r#"{"message":"413 Request Entity Too Large"}"#.to_owned());
    for endpoint in shell_api::ENDPOINTS.iter().filter(|endpoint| endpoint.method == "POST") {
        let large = ["/allowed", "/post_receive"].map(|path| format!("/api/v4/internal{path}"));
        let limit =
            if large.contains(&endpoint.path.to_owned()) { 20 * endpoint::MIB } else { endpoint::MIB };
        let line = format!("POST {}", endpoint.path);
        // A body with a length is rejected before it is sent, a chunked body once it exceeds the limit.
        let announced = format!("Content-Type: {JSON}\r\nContent-Length: {}\r\n", limit + 1);
        assert_eq!(raw::send(&shell, &raw::head(&line, &announced)).await, too_large, "{line}");
        let head = raw::head(&line, &format!("Content-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n"));
        let whole = [head, raw::chunked(&vec![b' '; limit + 1])].concat();
        assert_eq!(raw::send(&shell, &whole).await, too_large, "{line}");
    }
    nothing_changed(&shell, &redis);
    let (mut body, clone) =
        (vec![b' '; 20 * endpoint::MIB], with(&requests()[0].2, "key_id", json!(11)).to_string());
    body[..clone.len()].copy_from_slice(clone.as_bytes());
    assert_eq!(shell.request("POST", "/allowed").body(JSON, body).send().await.status, 200);
}

#[testkit::test]
async fn path_traversal_is_refused(database: Database) {
    let shell = shell_api(database).await;
    let project_404 = (404, refusal(NOT_FOUND.1));
    let clone = |project: &str| with(&with(&requests()[0].2, "project", json!(project)), "key_id", json!(11));
    let cases = [
        "../../etc/passwd",
        "grp/../grp/p",
        "grp//p",
        "grp/p/",
        "//grp/p",
        "grp/p.git.git",
        "grp/p\n",
        "grp/%70",
        "a'b/\"c\\",
    ]
    .into_iter()
    .map(ToOwned::to_owned)
    .chain([format!("grp/{}", "p".repeat(5000)), "a/".repeat(2500), "\u{1F4A9}/".repeat(1000)])
    .map(|path| (clone(&path), project_404.clone()))
    .collect::<Vec<_>>();
    all_are(&shell, "/allowed", &cases).await;
    let long = format!("/discover?username={}", "x".repeat(5000));
    assert_eq!(shell.get(&long).await, (200, Value::Null));
    for (env, status) in [
        (r#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"../../../../../etc"}"#, 400),
        (r#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"/etc"}"#, 400),
        (r#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"a\u0000b"}"#, 400),
        (r#"{"GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":["objects","../../../../../x"]}"#, 400),
        ("no JSON", 200),
    ] {
        let answer = shell.post("/allowed", with(&clone("grp/p"), "env", json!(env))).await;
        assert_eq!(answer.0, status, "{env}");
    }
    for target in [
        "/api/v4/internal/../internal/nope",
        "/api/v4/internal/check%00",
        "/api/v4/internal/%2e%2e/check",
        "/../../etc/passwd",
        "/%ff",
    ] {
        let answer = raw::send(&shell, &raw::head(&format!("GET {target}"), "")).await;
        assert_eq!(answer, (404, r#"{"error":"404 Not Found"}"#.to_owned()), "{target}");
    }
}

#[testkit::test]
async fn malformed_queries_and_forms_are_refused(database: Database) {
    let shell = shell_api(database).await;
    let many = "a[]=1&".repeat(8000);
    let deep = format!("a{}=1", "[b]".repeat(10_000));
    let no_text = refused("the parameters are not in UTF-8");
    for query in ["%FF=%FE", "username=%FF%FE", "username=%ED%A0%80"] {
        assert_eq!(shell.get(&format!("/discover?{query}")).await, no_text, "{query}");
        let form = shell.request("POST", "/pre_receive").form(query).answer().await;
        assert_eq!(form, no_text, "{query}");
    }
    for query in [&deep, "a=1&a[b]=2", "a[b=1", "a[b]=1&a[]=1"] {
        let invalid = refused("a is invalid");
        assert_eq!(shell.get(&format!("/discover?{query}")).await, invalid, "{query:.20}");
        let form = shell.request("POST", "/pre_receive").form(query).answer().await;
        assert_eq!(form, invalid, "{query:.20}");
    }
    for query in ["&&&", "=", "%", "%zz=%z", "a]=1", &many] {
        assert_eq!(shell.get(&format!("/discover?{query}")).await, (200, Value::Null), "{query:.20}");
        if query.len() < 100 {
            let form = shell.request("POST", "/pre_receive").form(query).answer().await;
            assert_eq!(form, refused("gl_repository is missing"), "{query}");
        }
    }
    let raw_bytes = b"gl_repository=\xff\xfe".to_vec();
    let form = shell.request("POST", "/allowed").body("application/x-www-form-urlencoded", raw_bytes);
    assert_eq!(form.answer().await, no_text);
    // A request head that is too long is rejected.
    let target = format!("GET /api/v4/internal/discover?username={}", "x".repeat(200_000));
    let (status, _) = raw::send(&shell, &raw::head(&target, "")).await;
    assert!((400..500).contains(&status), "{status}");
}
