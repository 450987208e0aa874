//! A parameter of the wrong type is rejected in every encoding, so that a restriction cannot get lost.
use super::{Shell, one_time_passwords, raw, shell_api};
use serde_json::{Value, json};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=X";
const CLONE: &[(&str, &str)] =
    &[("key_id", "11"), ("project", "grp/p"), ("action", "git-upload-pack"), ("protocol", "ssh")];
const GIT_EVENT: &[(&str, &str)] =
    &[("key_id", "11"), ("gl_repository", "project-3"), ("action", "git-upload-pack"), ("protocol", "ssh")];
const PUSH: &[(&str, &str)] = &[("gl_repository", "project-3"), ("identifier", "key-11")];

/// Each endpoint with a valid request, and its parameters by type.
struct Case {
    method: &'static str,
    path: &'static str,
    base: &'static [(&'static str, &'static str)],
    texts: &'static [&'static str],
    lists: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        method: "POST",
        path: "/allowed",
        base: CLONE,
        texts: &[
            "action",
            "protocol",
            "project",
            "gl_repository",
            "changes",
            "env",
            "relative_path",
            "check_ip",
            "namespace_path",
            "gitaly_client_context_bin",
            "key_id",
            "user_id",
            "identifier",
            "username",
            "krb5principal",
        ],
        lists: &["push_options"],
    },
    Case { method: "GET", path: "/authorized_keys", base: &[], texts: &["key"], lists: &[] },
    Case {
        method: "GET",
        path: "/discover",
        base: &[("key_id", "11")],
        texts: &["key_id", "user_id", "identifier", "username", "krb5principal"],
        lists: &[],
    },
    Case { method: "POST", path: "/pre_receive", base: &[], texts: &["gl_repository"], lists: &[] },
    Case {
        method: "POST",
        path: "/post_receive",
        base: PUSH,
        texts: &["gl_repository", "identifier", "changes"],
        lists: &["push_options"],
    },
    Case {
        method: "POST",
        path: "/lfs_authenticate",
        base: &[("key_id", "11"), ("project", "grp/p")],
        texts: &["key_id", "project"],
        lists: &[],
    },
    Case {
        method: "GET",
        path: "/gitaly/object_pool_members",
        base: &[("storage", "default"), ("disk_paths[]", "@pools/1")],
        texts: &["storage", "upstream_only"],
        lists: &[],
    },
    Case {
        method: "GET",
        path: "/gitaly/object_pool_members",
        base: &[("storage", "default")],
        texts: &[],
        lists: &["disk_paths"],
    },
    Case {
        method: "POST",
        path: "/two_factor_recovery_codes",
        base: &[("key_id", "11")],
        texts: &["key_id", "user_id"],
        lists: &[],
    },
    Case {
        method: "POST",
        path: "/personal_access_token",
        base: &[("key_id", "11"), ("name", "n")],
        texts: &["key_id", "user_id", "name", "expires_at"],
        lists: &["scopes"],
    },
    Case {
        method: "GET",
        path: "/lfs",
        base: &[("oid", "0"), ("gl_repository", "project-3")],
        texts: &["oid", "gl_repository"],
        lists: &[],
    },
    Case {
        method: "GET",
        path: "/authorized_certs",
        base: &[("key", "AAAA"), ("user_identifier", "alice")],
        texts: &["key", "user_identifier"],
        lists: &[],
    },
    Case {
        method: "POST",
        path: "/two_factor_config",
        base: &[("key_id", "11")],
        texts: &["key_id", "user_id"],
        lists: &[],
    },
    Case {
        method: "POST",
        path: "/two_factor_manual_otp_check",
        base: &[("key_id", "11"), ("otp_attempt", "123456")],
        texts: &["key_id", "user_id", "otp_attempt"],
        lists: &[],
    },
    Case {
        method: "POST",
        path: "/error_tracking/allowed",
        base: &[("project_id", "3"), ("public_key", "glet_on")],
        texts: &["project_id", "public_key"],
        lists: &[],
    },
    Case {
        method: "POST",
        path: "/shellhorse/git_audit_event",
        base: GIT_EVENT,
        texts: &["action", "protocol", "gl_repository", "key_id", "username", "check_ip"],
        lists: &[],
    },
];

fn refused(name: &str) -> (u16, Value) {
    let reason = format!("{name} is invalid");
    (400, json!({ "message": format!("400 Bad request - {reason}"), "error": reason }))
}

fn multipart(pairs: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    format!("{}--X--\r\n", pairs.iter().map(part).collect::<String>())
}

/// The parameters of the case without this one, with further pairs.
fn with<'a>(case: &Case, name: &str, further: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs: Vec<(&'a str, &'a str)> = Vec::new();
    for (known, value) in case.base {
        if *known != name {
            pairs.push((*known, *value));
        }
    }
    pairs.extend_from_slice(further);
    pairs
}

/// Asserts that the pairs are rejected in each encoding with the same response.
async fn is_refused(shell: &Shell, case: &Case, pairs: &[(&str, &str)], name: &str) {
    let form: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let form = form.join("&");
    let request = |path: &str| shell.request(case.method, path);
    let what = format!("{} {form}", case.path);
    let query = request(&format!("{}?{form}", case.path)).answer().await;
    assert_eq!(query, refused(name), "query: {what}");
    for (content_type, body) in [(FORM, form.clone()), (MULTIPART, multipart(pairs))] {
        let answer = request(case.path).body(content_type, body).answer().await;
        assert_eq!(answer, refused(name), "{content_type}: {what}");
    }
}

async fn json_is_refused(shell: &Shell, case: &Case, name: &str, value: &Value) {
    let mut body: Value = case.base.iter().map(|(name, value)| (*name, json!(value))).collect();
    body[name] = value.clone();
    let answer = shell.request(case.method, case.path).json(&body).answer().await;
    assert_eq!(answer, refused(name), "{} {body}", case.path);
}

#[testkit::test]
async fn wrong_shape_is_invalid_in_every_encoding(database: Database) {
    let shell = one_time_passwords::switched_on(database, &[]).await;
    for case in CASES {
        for name in case.texts {
            for shape in
                [format!("{name}[a]"), format!("{name}[]"), format!("{name}[0]"), format!("{name}[][b]")]
            {
                let pairs = with(case, name, &[(shape.as_str(), "1")]);
                is_refused(&shell, case, &pairs, name).await;
            }
            for value in [json!(["1"]), json!({ "a": "1" }), json!([]), json!({}), json!([["1"]])] {
                json_is_refused(&shell, case, name, &value).await;
            }
        }
        for name in case.lists {
            for shape in
                [format!("{name}[a]"), format!("{name}[0]"), format!("{name}[][b]"), format!("{name}[][]")]
            {
                let pairs = with(case, name, &[(shape.as_str(), "1")]);
                is_refused(&shell, case, &pairs, name).await;
            }
            for value in [json!({ "0": "a" }), json!({}), json!([["a"]]), json!([{}])] {
                json_is_refused(&shell, case, name, &value).await;
            }
        }
        for name in case.texts.iter().chain(case.lists) {
            let (object, open) = (format!("{name}[a]"), format!("{name}[b"));
            for further in [[(*name, "1"), (object.as_str(), "2")], [(object.as_str(), "2"), (*name, "1")]] {
                let pairs = with(case, name, &further);
                is_refused(&shell, case, &pairs, name).await;
            }
            is_refused(&shell, case, &with(case, name, &[(open.as_str(), "1")]), name).await;
        }
    }
}

#[testkit::test]
async fn restriction_in_a_form_is_not_lost(database: Database) {
    database.sql("INSERT INTO ip_restrictions (id, group_id, range) VALUES (1, 20, '10.0.0.0/8')");
    let shell = shell_api(database).await;
    let form = "key_id=11&project=grp/p&action=git-upload-pack&protocol=ssh";
    let ask = async |further: &str| {
        shell.request("POST", "/allowed").form(&format!("{form}{further}")).answer().await
    };
    assert_eq!(ask("&check_ip[a]=1.2.3.4").await, refused("check_ip"));
    assert_eq!(ask("&namespace_path[x]=other").await, refused("namespace_path"));
    assert_eq!(ask("&check_ip=10.0.0.1").await.0, 200);
    assert_eq!(ask("&check_ip=1.2.3.4").await.0, 404);
}

#[testkit::test]
async fn form_and_json_are_read_without_a_type(database: Database) {
    let shell = shell_api(database).await;
    let form = "key_id=11&project=grp/p&action=git-upload-pack&protocol=ssh".to_owned();
    let json = json!({ "key_id": 11, "project": "grp/p", "action": "git-upload-pack", "protocol": "ssh" });
    for body in
        [form.clone(), json.to_string(), format!("\r\n {json}"), Value::String(json.to_string()).to_string()]
    {
        let length = format!("Content-Length: {}\r\n", body.len());
        let head = raw::head("POST /api/v4/internal/allowed", &length);
        let (status, text) = raw::send(&shell, &[head, body.clone().into_bytes()].concat()).await;
        assert_eq!(status, 200, "{body}: {text}");
    }
    let text = shell.request("POST", "/allowed").body("text/plain", form).answer().await;
    assert_eq!(text.0, 415);
}

/// An endpoint with a list: a valid request without it, and the answer when the list is missing.
struct ListCase {
    method: &'static str,
    path: &'static str,
    name: &'static str,
    base: &'static [(&'static str, &'static str)],
    missing: (u16, Value),
}

fn scopes() -> ListCase {
    let missing = json!({ "success": false, "message": "No token scopes specified" });
    let base = &[("key_id", "11"), ("name", "n")];
    ListCase { method: "POST", path: "/personal_access_token", name: "scopes", base, missing: (200, missing) }
}

fn lists() -> [ListCase; 3] {
    let reason = "disk_paths is missing";
    let missing = json!({ "message": format!("400 Bad request - {reason}"), "error": reason });
    let pushed = json!({ "messages": [], "reference_counter_decreased": true });
    [
        scopes(),
        ListCase {
            method: "GET",
            path: "/gitaly/object_pool_members",
            name: "disk_paths",
            base: &[("storage", "default")],
            missing: (400, missing),
        },
        ListCase {
            method: "POST",
            path: "/post_receive",
            name: "push_options",
            base: PUSH,
            missing: (200, pushed),
        },
    ]
}

/// Sends one more pair, in the query, in a form and as multipart.
async fn in_each_encoding(shell: &Shell, case: &ListCase, pair: (&str, &str)) -> Vec<(String, (u16, Value))> {
    let pairs = [case.base, &[pair]].concat();
    let form: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let form = form.join("&").replace(' ', "%20");
    let in_query = shell.request(case.method, &format!("{}?{form}", case.path)).answer().await;
    let mut answers = vec![(format!("{} query {form}", case.path), in_query)];
    for (content_type, body) in [(FORM, form.clone()), (MULTIPART, multipart(&pairs))] {
        let answer = shell.request(case.method, case.path).body(content_type, body).answer().await;
        answers.push((format!("{} {content_type} {form}", case.path), answer));
    }
    answers
}

/// An empty or blank text is no item of a list, and an empty list is a missing one.
#[testkit::test]
async fn list_without_items_is_missing_in_every_encoding(database: Database) {
    let shell = shell_api(database).await;
    for case in lists() {
        for value in ["", " ", "   "] {
            for (what, answer) in in_each_encoding(&shell, &case, (case.name, value)).await {
                assert_eq!(answer, case.missing, "{what}");
            }
        }
        for value in [json!(""), json!(" "), json!("\t\n"), json!([]), json!([null]), Value::Null] {
            let mut body: Value = case.base.iter().map(|(name, value)| (*name, json!(value))).collect();
            body[case.name] = value.clone();
            let answer = shell.request(case.method, case.path).json(&body).answer().await;
            assert_eq!(answer, case.missing, "{} {}: {value}", case.path, case.name);
        }
    }
}

/// A bare text is a list of one. An empty item is an item.
#[testkit::test]
async fn scopes_are_the_same_list_in_every_encoding(database: Database) {
    let (shell, case) = (shell_api(database).await, scopes());
    for name in ["scopes", "scopes[]"] {
        for (what, (status, body)) in in_each_encoding(&shell, &case, (name, "api")).await {
            assert_eq!((status, &body["scopes"]), (200, &json!(["api"])), "{what}: {body}");
        }
    }
    for value in ["", " "] {
        let start = format!("Invalid scope: '{value}'. Valid scopes are: ");
        for (what, (_, body)) in in_each_encoding(&shell, &case, ("scopes[]", value)).await {
            assert!(body["message"].as_str().unwrap().starts_with(&start), "{what}: {body}");
        }
    }
    for (what, answer) in in_each_encoding(&shell, &case, ("scopes[0]", "api")).await {
        assert_eq!(answer, refused("scopes"), "{what}");
    }
}
