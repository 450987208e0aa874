//! Scan execution policies.
use super::support::message;
use super::{Kas, kas_api, kas_api_with, vulnerabilities};
use serde_json::{Value, json};

const ROOT: &str = "/modules/starboard_vulnerability";
const PAGE_YAML: &str = "---\nname: Policy\ndescription: 'Policy description'\nenabled: true\nactions:\n- \
                         scan: container_scanning\nrules:\n- type: pipeline\n  branches:\n  - main\n";

fn policy(kas: &Kas, configuration: i64, index: i64, name: &str, content: &Value) {
    kas.sql(&format!(
        "INSERT INTO security_policies (id, security_orchestration_policy_configuration_id, \
         security_policy_management_project_id, policy_index, type, enabled, name, description, checksum, \
         content, created_at, updated_at)
         VALUES ({}, {configuration}, 7, {index}, 1, true, '{name}', 'Policy description', 'x', '{content}', \
         '2022-01-01 00:00:00', '2022-01-01 00:00:00')",
        100 * configuration + index
    ));
}

fn of_project(kas: &Kas) {
    configuration(kas, 1, "project_id", 7);
}

fn of_group(kas: &Kas, id: i64, group: i64) {
    configuration(kas, id, "namespace_id", group);
}

/// Adds policies to a project or a group.
fn configuration(kas: &Kas, id: i64, column: &str, owner: i64) {
    kas.sql(&format!(
        "INSERT INTO security_orchestration_policy_configurations (id, {column}, \
         security_policy_management_project_id, configured_at, created_at, updated_at)
         VALUES ({id}, {owner}, 7, '2022-06-02 05:36:26.789', '2022-06-02 05:36:26', '2022-06-02 05:36:26')"
    ));
}

/// The policy of GitLab's documentation.
fn page() -> Value {
    json!({ "actions": [{ "scan": "container_scanning" }], "rules": [{ "branches": ["main"],
        "type": "pipeline" }] })
}

fn scheduled(cadence: &str, agents: &Value) -> Value {
    json!({ "actions": [{ "scan": "container_scanning" }], "rules": [{ "type": "schedule", "cadence": cadence,
        "agents": agents }] })
}

async fn configurations(kas: &Kas) -> (u16, Value) {
    kas.get(&format!("{ROOT}/policies_configuration")).await
}

async fn policies(kas: &Kas) -> (u16, Value) {
    kas.get(&format!("{ROOT}/scan_execution_policies")).await
}

fn none() -> (u16, Value) {
    (200, json!({ "configurations": [] }))
}

#[testkit::test]
async fn project_without_policies_has_empty_lists(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(policies(&kas).await, (200, json!({ "policies": [] })));
    assert_eq!(configurations(&kas).await, none());
}

#[testkit::test]
async fn policy_of_the_documentation_is_shown_to_the_letter(database: Database) {
    let kas = kas_api(database).await;
    of_project(&kas);
    policy(&kas, 1, 0, "Policy", &page());
    let expected = json!({ "name": "Policy", "description": "Policy description", "enabled": true,
        "yaml": PAGE_YAML, "updated_at": "2022-06-02T05:36:26+00:00" });
    assert_eq!(policies(&kas).await, (200, json!({ "policies": [expected] })));
    kas.sql("UPDATE security_policies SET updated_at = '2023-01-02 03:04:05.678', enabled = false");
    let (_, answer) = policies(&kas).await;
    let policy = &answer["policies"][0];
    assert_eq!(
        (&policy["updated_at"], &policy["enabled"]),
        (&json!("2023-01-02T03:04:05+00:00"), &json!(false))
    );
}

#[testkit::test]
async fn yaml_parses_to_the_policy(database: Database) {
    let kas = kas_api(database).await;
    of_project(&kas);
    let content = json!({
        "actions": [{ "scan": "dast", "tags": ["yes", "007", "null", "a: b"] }],
        "skip_ci": { "allowed": true }, "a": "it's \"so\"",
        "rules": [{ "type": "schedule", "cadence": "0 0 * * *", "agents": { "prod": null } }],
    });
    policy(&kas, 1, 0, "no", &json!({}));
    kas.sql(&format!(
        "UPDATE security_policies SET content = '{}', description = NULL",
        content.to_string().replace('\'', "''")
    ));
    let read = async || {
        let (_, answer) = policies(&kas).await;
        let text = answer["policies"][0]["yaml"].as_str().unwrap().to_owned();
        let value: Value = yaml_serde::from_str(&text).unwrap();
        (text, value, answer["policies"][0]["description"].clone())
    };
    let (text, value, description) = read().await;
    let mut expected = content.clone();
    expected["name"] = json!("no");
    expected["enabled"] = json!(true);
    assert_eq!((value, description), (expected, Value::Null));
    assert!(text.ends_with('\n') && !text.contains("description"), "{text}");
    for description in ["it's: #so", "two\nlines", "", "  blank ", "tab\there"] {
        kas.sql(&format!("UPDATE security_policies SET description = '{}'", description.replace('\'', "''")));
        assert_eq!(read().await.1["description"], description, "{description:?}");
    }
}

/// Readers of YAML 1.1, such as GitLab, take more strings for another type than those of YAML 1.2.
#[testkit::test]
async fn strings_of_another_type_in_yaml_1_1_are_quoted(database: Database) {
    let kas = kas_api(database).await;
    of_project(&kas);
    let quoted = "no;yes;on;off;y;2022-06-02;2022-06-02T05:36:26Z;12:30;1_000;=;0o17;017;~;<<;1e5;0x1F;.inf;\
                  -12:30:45.5;*/5 * * * *;@daily";
    let quoted: Vec<&str> = quoted.split(';').collect();
    let plain = ["main", "container_scanning", "30 2 * * *", "release/1.0 a", "nobody", "-a:b"];
    let content = json!({ "actions": quoted, "rules": [], "no": { "12:30": plain } });
    policy(&kas, 1, 0, "Policy", &content);
    let (_, answer) = policies(&kas).await;
    let list = |strings: &[&str], quote: &str, indent: &str| -> String {
        strings.iter().map(|string| format!("{indent}- {quote}{string}{quote}\n")).collect()
    };
    let expected = format!(
        "---\nname: Policy\ndescription: 'Policy description'\nenabled: true\nactions:\n{}rules: []\n\
         'no':\n  '12:30':\n{}",
        list(&quoted, "'", ""),
        list(&plain, "", "  ")
    );
    assert_eq!(answer["policies"][0]["yaml"], expected);
}

/// Any string is read back as itself, as a key, in a list and in a mapping.
#[testkit::test]
async fn any_string_is_read_back_from_yaml(database: Database) {
    const PARTS: [&str; 40] = [
        " ", "\n", "\t", "\r", "'", "\"", "\\", ":", "#", "-", "?", "!", "&", "*", "|", ">", "%", "@", "`",
        "[", "]", "{", "}", ",", "~", "=", "<", ".", "0", "7", "_", "e", "x", "no", "null", "é", "😀",
        "\u{85}", "\u{2028}", "\u{feff}",
    ];
    let kas = kas_api(database).await;
    of_project(&kas);
    // A linear congruential generator: the same strings in each run.
    let mut state = 16_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % limit
    };
    let mut string = || (0..below(6)).map(|_| PARTS[below(PARTS.len())]).collect::<String>();
    let strings: Vec<String> = (0..2_000).map(|_| string()).collect();
    let pairs = |strings: &[String]| -> serde_json::Map<String, Value> {
        strings.iter().map(|text| (format!("k{text}"), json!(text))).collect()
    };
    let nested = json!([[&strings[..500]], pairs(&strings[..500]), { "x": pairs(&strings[500..]) }]);
    let content =
        json!({ "actions": &strings, "rules": [], "nested": nested, "long": { ("k".repeat(200)): [1] } });
    policy(&kas, 1, 0, "Policy", &json!({}));
    let stored = content.to_string().replace('\'', "''");
    kas.sql(&format!("UPDATE security_policies SET description = NULL, content = '{stored}'"));
    let (_, answer) = policies(&kas).await;
    let mut read: Value = yaml_serde::from_str(answer["policies"][0]["yaml"].as_str().unwrap()).unwrap();
    read.as_object_mut().unwrap().retain(|key, _| !["name", "enabled"].contains(&key.as_str()));
    let numbered = |value: &Value| value["actions"].as_array().unwrap().clone();
    for (read, sent) in numbered(&read).iter().zip(&strings) {
        assert_eq!(read, sent);
    }
    assert_eq!(read, content);
}

#[testkit::test]
async fn rules_may_be_in_their_own_table(database: Database) {
    let kas = kas_api(database).await;
    of_project(&kas);
    policy(&kas, 1, 0, "Policy", &json!({ "actions": [{ "scan": "container_scanning" }] }));
    for (index, kind, content) in [
        (1, 1, json!({ "cadence": "@daily", "agents": { "prod": {} } })),
        (0, 0, json!({ "branches": ["main"] })),
    ] {
        kas.sql(&format!(
            "INSERT INTO scan_execution_policy_rules (security_policy_id, \
                          security_policy_management_project_id, rule_index, type, content, created_at, \
                          updated_at) VALUES (100, 7, {index}, {kind}, '{content}', '2020-01-01 00:00:00', \
                          '2020-01-01 00:00:00')"
        ));
    }
    let (_, answer) = policies(&kas).await;
    let value: Value = yaml_serde::from_str(answer["policies"][0]["yaml"].as_str().unwrap()).unwrap();
    assert_eq!(
        value["rules"],
        json!([{ "type": "pipeline", "branches": ["main"] }, { "type": "schedule", "cadence": "@daily",
            "agents": { "prod": {} } }])
    );
    let expected =
        json!([{ "cadence": "@daily", "namespaces": [], "updated_at": "2022-06-02T05:36:26+00:00" }]);
    assert_eq!(configurations(&kas).await, (200, json!({ "configurations": expected })));
}

#[testkit::test]
async fn nearest_configuration_comes_first_with_five_policies_each(database: Database) {
    let kas = kas_api(database).await;
    kas.sql("UPDATE projects SET namespace_id = 3 WHERE id = 7");
    of_group(&kas, 2, 1);
    of_group(&kas, 3, 3);
    of_group(&kas, 4, 2);
    of_project(&kas);
    for configuration in [2, 3, 4, 1] {
        for index in (0..7).rev() {
            policy(&kas, configuration, index, &format!("{configuration}-{index}"), &page());
        }
    }
    kas.sql("UPDATE security_policies SET type = 0 WHERE name = '1-1'");
    let (_, answer) = policies(&kas).await;
    let names: Vec<_> = answer["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "1-0", "1-2", "1-3", "1-4", "1-5", "3-0", "3-1", "3-2", "3-3", "3-4", "2-0", "2-1", "2-2", "2-3",
            "2-4"
        ]
    );
}

#[testkit::test]
async fn agent_gets_its_schedule(database: Database) {
    let kas = kas_api(database).await;
    of_project(&kas);
    policy(&kas, 1, 0, "Pipeline", &page());
    policy(
        &kas,
        1,
        1,
        "Scan",
        &scheduled("30 2 * * *", &json!({ "prod": { "namespaces": ["namespace-a", "namespace-b"] } })),
    );
    let expected = json!({ "cadence": "30 2 * * *", "namespaces": ["namespace-a", "namespace-b"],
        "updated_at": "2022-06-02T05:36:26+00:00" });
    assert_eq!(configurations(&kas).await, (200, json!({ "configurations": [expected] })));
}

#[testkit::test]
async fn rules_for_others_are_left_out(database: Database) {
    let kas = kas_api(database).await;
    of_project(&kas);
    policy(&kas, 1, 0, "Scan", &json!({}));
    let prod = json!({ "prod": {} });
    let mut other_scan = scheduled("@daily", &prod);
    other_scan["actions"][0]["scan"] = json!("sast");
    let mut branches = scheduled("@daily", &prod);
    branches["rules"][0] = json!({ "type": "schedule", "cadence": "@daily", "branches": ["main"] });
    let mut pipeline = scheduled("@daily", &prod);
    pipeline["rules"][0]["type"] = json!("pipeline");
    for content in [
        scheduled("@daily", &json!({ "staging": {} })),
        scheduled("@daily", &json!({ "Prod": {} })),
        scheduled("nope", &prod),
        scheduled("61 * * * *", &prod),
        scheduled("@daily", &json!(["prod"])),
        other_scan,
        branches,
        pipeline,
        json!({}),
        json!({ "actions": 7, "rules": [7] }),
    ] {
        kas.sql(&format!("UPDATE security_policies SET content = '{content}'"));
        assert_eq!(configurations(&kas).await, none(), "{content}");
    }
}

#[testkit::test]
async fn no_namespaces_mean_all_of_them(database: Database) {
    let kas = kas_api(database).await;
    of_project(&kas);
    policy(&kas, 1, 0, "Scan", &json!({}));
    for agents in [
        json!({ "prod": {} }),
        json!({ "prod": null }),
        json!({ "prod": { "namespaces": null } }),
        json!({ "prod": { "namespaces": [] }, "staging": { "namespaces": ["x"] } }),
    ] {
        kas.sql(&format!(
            "UPDATE security_policies SET content = '{}'",
            scheduled("TZ=Europe/Berlin 0 1 * * *", &agents)
        ));
        let expected = json!({ "cadence": "TZ=Europe/Berlin 0 1 * * *", "namespaces": [],
            "updated_at": "2022-06-02T05:36:26+00:00" });
        assert_eq!(configurations(&kas).await, (200, json!({ "configurations": [expected] })), "{agents}");
    }
    kas.sql("UPDATE security_policies SET enabled = false");
    assert_eq!(configurations(&kas).await, none());
}

#[testkit::test]
async fn first_five_rules_are_used(database: Database) {
    let kas = kas_api(database).await;
    of_project(&kas);
    let rules: Vec<Value> = (0..7)
        .map(|n| json!({ "type": "schedule", "cadence": format!("{n} 0 * * *"), "agents": { "prod": {} } }))
        .collect();
    policy(&kas, 1, 0, "Scan", &json!({ "actions": [{ "scan": "container_scanning" }], "rules": rules }));
    let (_, answer) = configurations(&kas).await;
    let cadences: Vec<_> =
        answer["configurations"].as_array().unwrap().iter().map(|one| one["cadence"].clone()).collect();
    assert_eq!(cadences, (0..5).map(|n| json!(format!("{n} 0 * * *"))).collect::<Vec<_>>());
}

#[testkit::test]
async fn security_policies_can_be_disabled(database: Database) {
    let kas = kas_api_with(database, &["--security-policies-enabled", "false"]).await;
    for (method, path) in [
        ("GET", "/policies_configuration"),
        ("GET", "/scan_execution_policies"),
        ("PUT", ""),
        ("POST", "/scan_result"),
    ] {
        let answer =
            kas.agent(method, &format!("{ROOT}{path}")).json(&vulnerabilities::page()).answer().await;
        assert_eq!(answer, (404, message("404 Not Found")), "{method} {path}");
    }
    assert_eq!(kas.request("GET", &format!("{ROOT}/policies_configuration")).send().await.status, 401);
    assert_eq!(kas.number("SELECT count(*) FROM vulnerabilities"), 0);
}

/// agentk crashes if its parser refuses a cadence.
#[testkit::test]
async fn cadence_that_agentk_refuses_is_skipped(database: Database) {
    let kas = kas_api(database).await;
    of_project(&kas);
    policy(&kas, 1, 0, "Scan", &json!({}));
    let set = |content: &Value| {
        kas.sql(&format!("UPDATE security_policies SET content = '{content}'"));
    };
    let prod = json!({ "prod": {} });
    for cadence in [
        "30 2 * * *",
        "0 3 ? * ?",
        "*/75 * * * *",
        "5/10 * * jan-mar MON",
        "1,,2 * * * *",
        "+5 03 * * *",
        "0 0 31 2 *",
        "@midnight",
        "@annually",
        "@every 1h30m",
        "TZ=Europe/Berlin 0 3 * * *",
        "CRON_TZ=Etc/GMT+1 @weekly",
        "TZ=CET   @daily",
        "TZ=UTC @every 1h",
    ] {
        set(&scheduled(cadence, &prod));
        let (status, answer) = configurations(&kas).await;
        let found = answer["configurations"].as_array().unwrap();
        assert_eq!((status, found.len(), &found[0]["cadence"]), (200, 1, &json!(cadence)), "{cadence}");
    }
    for cadence in [
        "0 3 * * 7",
        "0 3 * * 1-7",
        "0 3 * * fri-sun",
        "0 3 * * Sunday",
        "*/0 * * * *",
        "1-2-3 * * * *",
        "*/2/3 * * * *",
        "0 3 * *",
        "0 3 L * *",
        "@Daily",
        "@reboot",
        "@every 1d",
        "@every 90",
        "@daily ",
        "TZ=Europe/Nowhere 0 3 * * *",
        "TZ=europe/berlin 0 3 * * *",
        "TZ=Local @daily",
        "TZ=Europe/Berlin",
        "tz=UTC 0 3 * * *",
        "",
    ] {
        set(&scheduled(cadence, &prod));
        assert_eq!(configurations(&kas).await, none(), "{cadence}");
    }
}

#[testkit::test]
async fn rules_after_an_invalid_cadence_are_used(database: Database) {
    let kas = kas_api(database).await;
    of_project(&kas);
    let mut content = scheduled("0 3 * * 7", &json!({ "prod": {} }));
    let second = scheduled("30 2 * * *", &json!({ "prod": {} }))["rules"][0].clone();
    content["rules"].as_array_mut().unwrap().push(second);
    policy(&kas, 1, 0, "Scan", &content);
    let (_, answer) = configurations(&kas).await;
    assert_eq!(answer["configurations"][0]["cadence"], "30 2 * * *");
}
