//! Encodings of requests, and the headers of every response.
use super::support::{storages, token, write_config};
use super::{Shell, raw, shell_api, shell_api_with};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Answer, Process};

const JSON: &str = "application/json";
const INCREASED: &str = r#"{"reference_counter_increased":true}"#;

fn reduced(answer: &Answer) -> (u16, &str) {
    (answer.status, &answer.text)
}

/// Asserts the headers that every response must have and must not have.
fn has_the_headers(answer: &Answer, what: &str) {
    let headers = ["content-type", "cache-control", "server", "retry-after"].map(|name| answer.header(name));
    let expected = [Some(JSON), Some("max-age=0, private, must-revalidate"), None, None];
    assert_eq!(headers, expected, "{what}");
    assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 26), "{what}");
}

#[testkit::test]
async fn unknown_paths_and_methods_are_refused(database: Database) {
    let shell = shell_api(database).await;
    for endpoint in shell_api::ENDPOINTS.iter() {
        let same = |other: &&endpoint::Endpoint| other.path == endpoint.path;
        let methods: Vec<&str> =
            shell_api::ENDPOINTS.iter().filter(same).map(|endpoint| endpoint.method).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            if !methods.contains(&method) {
                let answer = shell.service.request(method, endpoint.path).send().await;
                let expected = (405, r#"{"error":"405 Not Allowed"}"#);
                assert_eq!(reduced(&answer), expected, "{method} {}", endpoint.path);
                let changes = endpoint.path.ends_with("/two_factor_recovery_codes");
                let get = if changes { "GET" } else { "GET, HEAD" };
                let allow = methods.join(", ").replace("GET", get);
                assert_eq!(answer.header("allow"), Some(&*allow), "{method} {}", endpoint.path);
                has_the_headers(&answer, method);
            }
        }
    }
    let head = shell.request("HEAD", "/check").send().await;
    assert_eq!((head.status, &*head.text), (200, ""));
    let changing = shell.request("HEAD", "/two_factor_recovery_codes?key_id=11").send().await;
    assert_eq!((changing.status, changing.header("allow")), (405, Some("POST, GET")));
    let root = "/api/v4/internal";
    for path in ["/nope", "/check.json", "/check/more", "//check", "/CHECK", "/", ""] {
        let answer = shell.service.request("GET", &format!("{root}{path}")).send().await;
        assert_eq!(reduced(&answer), (404, r#"{"error":"404 Not Found"}"#), "{path}");
        has_the_headers(&answer, path);
    }
}

#[testkit::test]
async fn every_answer_has_its_headers(database: Database) {
    let shell = shell_api(database).await;
    for (status, request) in [
        (200, shell.request("GET", "/check")),
        (200, shell.request("GET", "/check").header("Accept-Encoding", "gzip")),
        (200, shell.request("GET", "/discover")),
        (401, shell.anonymous("GET", "/check")),
        (400, shell.request("POST", "/allowed").body(JSON, "{")),
        (404, shell.request("GET", "/authorized_keys?key=AAAA")),
        (413, shell.request("POST", "/pre_receive").body(JSON, vec![b' '; endpoint::MIB + 1])),
        (415, shell.request("POST", "/pre_receive").body("text/plain", "gl_repository=project-3")),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.status, status, "{}", answer.text);
        has_the_headers(&answer, &status.to_string());
        let message = answer.json().1["message"].as_str().map(str::len);
        assert!(status == 200 || message > Some(0), "{status}: {}", answer.text);
    }
}

#[testkit::test]
async fn parameters_are_accepted_in_many_encodings(database: Database) {
    let shell = shell_api(database).await;
    let multipart =
        "--X\r\nContent-Disposition: form-data; name=\"gl_repository\"\r\n\r\nproject-3\r\n--X--\r\n";
    let post = |path: &str| shell.request("POST", path);
    let with_type = |content_type, body: &'static str| post("/pre_receive").body(content_type, body);
    for (what, request) in [
        ("JSON", with_type(JSON, r#"{"gl_repository":"project-3"}"#)),
        (
            "JSON with charset",
            with_type("application/json; charset=utf-8", r#"{"gl_repository":"project-3"}"#),
        ),
        ("JSON, loudly", with_type("APPLICATION/JSON", r#" {"gl_repository":"project-3","more":{"a":[1]}}"#)),
        ("form", post("/pre_receive").form("gl_repository=project-3")),
        ("multipart", with_type("multipart/form-data; boundary=X", multipart)),
        ("query", post("/pre_receive?gl_repository=project-3")),
        ("query and empty JSON", post("/pre_receive?gl_repository=project-3").body(JSON, "")),
        ("query and null", post("/pre_receive?gl_repository=project-3").body(JSON, "{}")),
        ("body over query", post("/pre_receive?gl_repository=").form("gl_repository=project-3")),
        ("slash at the end", post("/pre_receive/?gl_repository=project-3")),
        ("number", with_type(JSON, r#"{"gl_repository":3}"#)),
    ] {
        assert_eq!(reduced(&request.send().await), (200, INCREASED), "{what}");
    }
    let untyped = raw::head("POST /api/v4/internal/pre_receive", "Content-Length: 29\r\n");
    let untyped = [untyped, br#"{"gl_repository":"project-3"}"#.to_vec()].concat();
    assert_eq!(raw::send(&shell, &untyped).await, (200, INCREASED.to_owned()));
    // `null` in the body removes the parameter of the query.
    let answer =
        post("/pre_receive?gl_repository=project-3").body(JSON, r#"{"gl_repository":null}"#).send().await;
    let missing =
        r#"{"error":"gl_repository is missing","message":"400 Bad request - gl_repository is missing"}"#;
    assert_eq!(reduced(&answer), (400, missing));
}

#[testkit::test]
async fn parameters_are_read_alike_in_every_encoding(database: Database) {
    let shell = shell_api(database).await;
    let expected = shell.clone(11, "grp/p").await;
    assert_eq!((expected.0, &expected.1["gl_username"]), (200, &json!("alice")));
    let form = "key_id=11&project=grp/p&action=git-upload-pack&protocol=ssh";
    assert_eq!(shell.request("POST", "/allowed").form(form).answer().await, expected);
    let rest = json!({ "project": "grp/p", "action": "git-upload-pack", "protocol": "SSH" });
    let merged = shell.request("POST", "/allowed?key_id=11&project=grp/pub").json(&rest);
    assert_eq!(merged.answer().await, expected);
    let number = json!({ "key_id": 11 });
    assert_eq!(
        shell.request("POST", &format!("/allowed?{form}&key_id=12")).json(&number).answer().await,
        expected
    );
}

#[testkit::test]
async fn everything_may_lie_below_a_root(database: Database) {
    let shell = shell_api_with(database, &["--relative-url-root", "/gitlab"]).await;
    let ask = async |path: &str| {
        let request = shell.service.request("GET", path).header("Gitlab-Shell-Api-Request", &token());
        request.send().await
    };
    for path in ["/gitlab/api/v4/internal/check", "/gitlab/api/v4/internal/check/"] {
        assert_eq!(ask(path).await.status, 200, "{path}");
    }
    for path in
        ["/api/v4/internal/check", "/gitlabapi/v4/internal/check", "/gitlab/gitlab/api/v4/internal/check"]
    {
        assert_eq!(reduced(&ask(path).await), (404, r#"{"error":"404 Not Found"}"#), "{path}");
    }
    // The body limit of an endpoint also applies below a relative URL root.
    let path = "/gitlab/api/v4/internal/allowed";
    let request = shell.service.request("POST", path).header("Gitlab-Shell-Api-Request", &token());
    assert_eq!(request.body(JSON, vec![b' '; 2 * endpoint::MIB]).send().await.status, 400);
    assert_eq!(ask("/-/readiness").await.status, 200);
}

#[testkit::test]
async fn correlation_id_of_the_caller_is_kept(database: Database) {
    let shell = shell_api(database).await;
    let named = async |name: &str| {
        let answer = shell.request("GET", "/check").header("X-Request-Id", name).send().await;
        answer.header("x-request-id").unwrap().to_owned()
    };
    let long = "a".repeat(255);
    for name in ["abc", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a_B.c:d-1", &long] {
        assert_eq!(named(name).await, name);
    }
    for name in ["", "a b", "a/b", "{}", "ümlaut", &"a".repeat(256)] {
        let made = named(name).await;
        assert!(made.len() == 26 && made.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}: {made}");
    }
    let (one, other) = (named("").await, named("").await);
    assert_ne!(one, other);
    let Shell { service, .. } =
        shell_api_with(testkit::Database::sqlite(), &["--trusted-proxies", "10.0.0.0/8"]).await;
    let request = service.request("GET", "/api/v4/internal/check").header("X-Request-Id", "abc");
    assert_ne!(
        request.send().await.header("x-request-id"),
        Some("abc"),
        "an untrusted client's id is not used"
    );
}

#[testkit::test]
async fn correlation_id_is_in_the_log(database: Database) {
    let data = TempDir::new().unwrap();
    let config = write_config(&data, &storages("/nowhere"));
    let directory = data.path().to_str().unwrap();
    let arguments =
        ["--config", &config, "--database-url", database.url_for("shell-api"), "--data-dir", directory];
    let process = Process::start("shell-api", &arguments, &[]).until_ready();
    let request = process.request("GET", "/api/v4/internal/check").header("X-Request-Id", "abc");
    assert_eq!(request.send().await.header("x-request-id"), Some("abc"));
    let line = process.log_line(|line| line["message"] == "access");
    let named = ["correlation_id", "endpoint_id", "status"].map(|name| line[name].clone());
    assert_eq!(named, [json!("abc"), json!("GET /api/v4/internal/check"), Value::from(401)]);
}

/// The documentation lists exactly the endpoints that the service has.
#[test]
fn the_page_lists_every_endpoint() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/shell-api.md");
    let page = std::fs::read_to_string(page).unwrap();
    let listed: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`')).collect();
    let served: Vec<String> = shell_api::ENDPOINTS
        .iter()
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
        .collect();
    assert_eq!(listed, served);
}
