//! Vulnerabilities that agents report.
use super::support::{error, message};
use super::{Kas, kas_api, kas_api_with};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::kas_fixture::T6;

const PATH: &str = "/modules/starboard_vulnerability";
pub const UUID: &str = "fe51e226-9032-5a79-a384-94ce958290d7";

/// The example of GitLab's documentation.
pub fn page() -> Value {
    json!({
        "vulnerability": {
            "name": "CVE-123-4567 in libc", "severity": "high", "confidence": "unknown",
            "location": { "kubernetes_resource": { "namespace": "production", "kind": "deployment",
                "name": "nginx", "container": "nginx" } },
            "identifiers": [{ "type": "cve", "name": "CVE-123-4567", "value": "CVE-123-4567" }],
        },
        "scanner": { "id": "starboard_trivy", "name": "Trivy (via Starboard Operator)", "vendor": "GitLab" },
    })
}

/// A report as agentk sends it.
fn agentk() -> Value {
    json!({
        "vulnerability": {
            "name": "CVE-2020-27350", "message": "CVE-2020-27350 in apt",
            "description": "APT had several integer overflows",
            "solution": "Upgrade apt to 1.8.2.2", "severity": "High", "confidence": "Unknown",
            "location": {
                "dependency": { "package": { "name": "apt" }, "version": "1.8.2" },
                "image": "index.docker.io/library/nginx:1.16", "operating_system": "debian 10",
                "kubernetes_resource": { "namespace": "default", "kind": "Deployment", "name": "nginx116",
                    "container_name": "nginx", "agent_id": "99" },
            },
            "identifiers": [{ "type": "cve", "name": "CVE-2020-27350", "value": "CVE-2020-27350",
                "url": "https://avd.aquasec.com/nvd/cve-2020-27350" }],
            "links": [{ "url": "https://avd.aquasec.com/nvd/cve-2020-27350" }, { "name": "no link",
                "url": "javascript:alert(1)" }],
        },
        "scanner": { "id": "starboard_trivy", "name": "Trivy", "version": "0.16.0",
            "vendor": { "name": "GitLab" } },
    })
}

pub async fn put(kas: &Kas, body: &Value) -> (u16, Value) {
    kas.agent("PUT", PATH).json(body).answer().await
}

/// The example with another name.
pub fn named(name: &str) -> Value {
    let mut body = page();
    body["vulnerability"]["location"]["kubernetes_resource"]["name"] = json!(name);
    body
}

fn with(pointer: &str, value: Value) -> Value {
    let mut body = page();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(key);
    } else {
        parent.insert(key.to_owned(), value);
    }
    body
}

const COUNTED: [&str; 7] = [
    "vulnerabilities",
    "vulnerability_occurrences",
    "vulnerability_scanners",
    "vulnerability_identifiers",
    "vulnerability_occurrence_identifiers",
    "vulnerability_reads",
    "vulnerability_finding_links",
];

fn counts(kas: &Kas) -> [i64; 7] {
    COUNTED.map(|table| kas.number(&format!("SELECT count(*) FROM {table}")))
}

fn ok(uuid: &str) -> (u16, Value) {
    (200, json!({ "uuid": uuid }))
}

#[testkit::test]
async fn long_identifier_is_cut(database: Database) {
    let kas = kas_api(database).await;
    let long = with(
        "/vulnerability/identifiers",
        json!([{ "type": "cve", "name": "CVE", "value": "x".repeat(48_401) }]),
    );
    assert_eq!(put(&kas, &long).await.0, 200);
    assert_eq!(kas.number("SELECT length(cve) FROM vulnerability_occurrences"), 48_400);
    assert_eq!(kas.number("SELECT length(external_id) FROM vulnerability_identifiers"), 48_401);
}

#[testkit::test]
async fn finding_becomes_a_vulnerability(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    assert_eq!(counts(&kas), [1, 1, 1, 1, 1, 1, 0]);
    for query in [
        "vulnerabilities WHERE project_id = 7 AND author_id = 1 AND state = 1 AND severity = 6 AND \
         report_type = 7 AND title = 'CVE-123-4567 in libc' AND present_on_default_branch AND detected_at IS \
         NOT NULL",
        "vulnerability_occurrences o JOIN vulnerabilities v ON v.finding_id = o.id AND o.vulnerability_id = \
         v.id WHERE o.severity = 6 AND o.report_type = 7 AND o.name = 'CVE-123-4567 in libc' AND o.cve = \
         'CVE-123-4567' AND o.metadata_version = '15.0.0' AND o.detection_method = 0",
        "vulnerability_scanners WHERE project_id = 7 AND external_id = 'starboard_trivy' AND vendor = \
         'GitLab'",
        "vulnerability_identifiers WHERE project_id = 7 AND external_type = 'cve' AND external_id = \
         'CVE-123-4567'",
        "vulnerability_occurrence_identifiers WHERE project_id = 7",
        "vulnerability_reads WHERE project_id = 7 AND cluster_agent_id = '5' AND casted_cluster_agent_id = 5 \
         AND state = 1 AND severity = 6 AND report_type = 7 AND location_image IS NULL",
        "cluster_agents WHERE id = 5 AND has_vulnerabilities",
    ] {
        assert_eq!(kas.number(&format!("SELECT count(*) FROM {query}")), 1, "{query}");
    }
    for table in ["vulnerability_occurrences", "vulnerability_reads"] {
        assert_eq!(kas.texts(&format!("SELECT CAST(uuid AS text) FROM {table}")), [UUID]);
    }
    let raw: Value =
        serde_json::from_str(&kas.texts("SELECT raw_metadata FROM vulnerability_occurrences")[0]).unwrap();
    assert_eq!(raw, page());
    let location: Value =
        serde_json::from_str(&kas.texts("SELECT CAST(location AS text) FROM vulnerability_occurrences")[0])
            .unwrap();
    assert_eq!(location["kubernetes_resource"]["agent_id"], "5");
    let names = kas.texts("SELECT CAST(identifier_names AS text) FROM vulnerability_reads");
    assert!(names[0].contains("CVE-123-4567"), "{names:?}");
}

#[testkit::test]
async fn path_may_end_with_a_slash(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(kas.agent("PUT", &format!("{PATH}/")).json(&page()).answer().await, ok(UUID));
}

#[testkit::test]
async fn repeated_finding_is_the_same_vulnerability(database: Database) {
    let kas = kas_api(database).await;
    for _ in 0..2 {
        assert_eq!(put(&kas, &page()).await, ok(UUID));
    }
    assert_eq!(counts(&kas), [1, 1, 1, 1, 1, 1, 0]);
}

#[testkit::test]
async fn concurrent_reports_of_one_finding_are_one_vulnerability(database: Database) {
    let kas = kas_api_with(database, &["--database-pool-timeout", "15s"]).await;
    let body = page();
    let answers = join_all((0..100).map(|_| put(&kas, &body))).await;
    let wrong: Vec<_> = answers.iter().filter(|answer| **answer != ok(UUID)).collect();
    assert!(wrong.is_empty(), "{} {:?}", wrong.len(), wrong.first());
    assert_eq!(counts(&kas), [1, 1, 1, 1, 1, 1, 0]);
}

#[testkit::test]
async fn concurrent_reports_of_many_findings_are_all_stored(database: Database) {
    let kas = kas_api_with(database, &["--database-pool-timeout", "15s"]).await;
    let bodies: Vec<Value> = (0..40)
        .map(|n| {
            let mut body = named(&format!("n{n}"));
            // The same identifiers in another order each time.
            let mut identifiers: Vec<Value> = (0..5)
                .map(|i| json!({ "type": "cve", "name": format!("I{i}"), "value": format!("I{i}") }))
                .collect();
            identifiers.rotate_left(n % 5);
            body["vulnerability"]["identifiers"] = json!(identifiers);
            body
        })
        .collect();
    let answers = join_all(bodies.iter().map(|body| put(&kas, body))).await;
    assert!(answers.iter().all(|answer| answer.0 == 200), "{answers:?}");
    assert_eq!(counts(&kas), [40, 40, 1, 5, 200, 40, 0]);
}

#[testkit::test]
async fn form_of_agentk_is_read(database: Database) {
    let kas = kas_api(database).await;
    let uuid = "dc261c2b-49ea-5aca-8dc3-be48d061e84f";
    assert_eq!(put(&kas, &agentk()).await, ok(uuid));
    assert_eq!(counts(&kas), [1, 1, 1, 1, 1, 1, 1]);
    for query in [
        "vulnerability_occurrences WHERE name = 'CVE-2020-27350 in apt' AND severity = 6 AND solution = \
         'Upgrade apt to 1.8.2.2' AND description = 'APT had several integer overflows'",
        "vulnerability_reads WHERE location_image = 'index.docker.io/library/nginx:1.16'",
        "vulnerability_identifiers WHERE url = 'https://avd.aquasec.com/nvd/cve-2020-27350'",
        "vulnerability_finding_links WHERE url = 'https://avd.aquasec.com/nvd/cve-2020-27350' AND name IS \
         NULL AND project_id = 7",
    ] {
        assert_eq!(kas.number(&format!("SELECT count(*) FROM {query}")), 1, "{query}");
    }
    let location: Value =
        serde_json::from_str(&kas.texts("SELECT CAST(location AS text) FROM vulnerability_occurrences")[0])
            .unwrap();
    assert_eq!(location["kubernetes_resource"]["agent_id"], "5");
    // A different version, image or severity is the same vulnerability.
    let mut body = agentk();
    body["vulnerability"]["location"]["dependency"]["version"] = json!("1.8.3");
    body["vulnerability"]["location"]["image"] = json!("nginx:1.17");
    body["vulnerability"]["links"] = json!([]);
    assert_eq!(put(&kas, &body).await, ok(uuid));
    assert_eq!(counts(&kas), [1, 1, 1, 1, 1, 1, 0]);
    assert_eq!(kas.texts("SELECT location_image FROM vulnerability_reads"), ["nginx:1.17"]);
}

#[testkit::test]
async fn severity_changes_unless_a_user_overrode_it(database: Database) {
    let kas = kas_api(database).await;
    let severities = || {
        ["vulnerabilities", "vulnerability_occurrences", "vulnerability_reads"]
            .map(|table| kas.number(&format!("SELECT severity FROM {table}")))
    };
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    assert_eq!(put(&kas, &with("/vulnerability/severity", json!("low"))).await, ok(UUID));
    assert_eq!(severities(), [4, 4, 4]);
    assert_eq!(put(&kas, &with("/vulnerability/severity", json!("terrible"))).await, ok(UUID));
    assert_eq!(severities(), [2, 2, 2]);
    kas.sql("UPDATE vulnerabilities SET severity = 7, severity_overridden = true");
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    assert_eq!(severities(), [7, 6, 7]);
}

#[testkit::test]
async fn changed_names_are_stored(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    let mut body = page();
    body["scanner"] = json!({ "id": "starboard_trivy", "name": "Trivy", "vendor": { "name": "Aqua" } });
    body["vulnerability"]["message"] = json!("m".repeat(300));
    body["vulnerability"]["identifiers"][0]["name"] = json!("renamed");
    body["vulnerability"]["identifiers"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "type": "cwe", "name": "CWE-1", "value": "1" }));
    assert_eq!(put(&kas, &body).await, ok(UUID));
    assert_eq!(counts(&kas), [1, 1, 1, 2, 2, 1, 0]);
    assert_eq!(kas.texts("SELECT name || ' ' || vendor FROM vulnerability_scanners"), ["Trivy Aqua"]);
    assert_eq!(kas.texts("SELECT title FROM vulnerabilities"), ["m".repeat(255)]);
    assert_eq!(kas.texts("SELECT name FROM vulnerability_identifiers ORDER BY name"), ["CWE-1", "renamed"]);
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    assert_eq!(counts(&kas)[4], 1, "an identifier that is not named any more");
}

#[testkit::test]
async fn resolved_vulnerability_is_detected_again(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    kas.sql(
        "UPDATE vulnerabilities SET state = 3, resolved_at = '2020-01-01 00:00:00', resolved_by_id = 1, \
             auto_resolved = true, resolved_on_default_branch = true; UPDATE vulnerability_reads SET state = \
             3",
    );
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    let reopened = "SELECT count(*) FROM vulnerabilities v JOIN vulnerability_reads r ON r.vulnerability_id \
                    = v.id WHERE v.state = 1 AND r.state = 1 AND resolved_at IS NULL AND resolved_by_id IS \
                    NULL AND NOT v.auto_resolved AND NOT v.resolved_on_default_branch";
    assert_eq!(kas.number(reopened), 1);
    assert_eq!(
        kas.number(
            "SELECT count(*) FROM vulnerability_state_transitions WHERE from_state = 3 AND \
                           to_state = 1 AND author_id = 1 AND project_id = 7"
        ),
        1
    );
}

#[testkit::test]
async fn dismissed_and_confirmed_stay(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    for state in [2, 4] {
        kas.sql(&format!(
            "UPDATE vulnerabilities SET state = {state}; UPDATE vulnerability_reads SET state = {state}"
        ));
        assert_eq!(put(&kas, &page()).await, ok(UUID));
        assert_eq!(
            (
                kas.number("SELECT state FROM vulnerabilities"),
                kas.number("SELECT state FROM vulnerability_reads")
            ),
            (state, state)
        );
    }
    assert_eq!(kas.number("SELECT count(*) FROM vulnerability_state_transitions"), 0);
}

#[testkit::test]
async fn invalid_parameters_are_named(database: Database) {
    let kas = kas_api(database).await;
    let resource = "/vulnerability/location/kubernetes_resource";
    for (body, expected) in [
        (json!({}), "vulnerability is missing, scanner is missing"),
        (json!({ "scanner": {} }), "vulnerability is missing"),
        (
            json!({ "vulnerability": "x", "scanner": [] }),
            "vulnerability is invalid, vulnerability[name] is missing, vulnerability[severity] is missing, \
             vulnerability[location] is missing, vulnerability[identifiers] is missing, scanner is invalid, \
             scanner[id] is missing, scanner[name] is missing",
        ),
        (with("/vulnerability/identifiers", json!([])), "vulnerability[identifiers] is empty"),
        (with("/vulnerability/identifiers", Value::Null), "vulnerability[identifiers] is missing"),
        (with("/vulnerability/identifiers", json!({})), "vulnerability[identifiers] is invalid"),
        (
            with("/vulnerability/identifiers", json!([{ "type": "cve", "name": " ", "value": 7 }])),
            "vulnerability[identifiers][0][name] is empty, vulnerability[identifiers][0][value] is invalid",
        ),
        (with("/vulnerability/name", json!("")), "vulnerability[name] is empty"),
        (with("/vulnerability/severity", Value::Null), "vulnerability[severity] is missing"),
        (
            with("/vulnerability/location", json!({})),
            "vulnerability[location][kubernetes_resource] is missing",
        ),
        (
            with(resource, json!({ "kind": "k", "name": " " })),
            "vulnerability[location][kubernetes_resource][namespace] is missing, \
             vulnerability[location][kubernetes_resource][name] is empty",
        ),
        (
            with(&format!("{resource}/container"), json!(7)),
            "vulnerability[location][kubernetes_resource][container] is invalid",
        ),
        (with("/scanner/id", json!("")), "scanner[id] is empty"),
        (with("/scanner/id", json!("x".repeat(256))), "scanner[id] is invalid"),
        (with("/vulnerability/name", json!("\0")), "vulnerability[name] is empty"),
        (
            with("/vulnerability/location/dependency", json!({ "package": { "name": 7 } })),
            "vulnerability[location][dependency][package][name] is invalid",
        ),
    ] {
        assert_eq!(put(&kas, &body).await, (400, error(expected)), "{body}");
    }
    assert_eq!(counts(&kas), [0; 7]);
}

#[testkit::test]
async fn long_texts_are_cut(database: Database) {
    let kas = kas_api(database).await;
    let mut body = with("/scanner/vendor", Value::Null);
    body["vulnerability"]["description"] = json!("ü".repeat(20_000));
    body["vulnerability"]["solution"] = json!("s".repeat(8_000));
    body["vulnerability"]["confidence"] = Value::Null;
    body["vulnerability"]["location"]["image"] = json!("i".repeat(3_000));
    body["vulnerability"]["identifiers"] = json!(
        (0..30).map(|n| json!({ "type": "cve", "name": "n", "value": n.to_string() })).collect::<Vec<_>>()
    );
    body["vulnerability"]["links"] = json!([
        { "name": "n".repeat(300), "url": "https://example.com" },
        { "url": format!("https://{}", "x".repeat(2_048)) },
    ]);
    assert_eq!(put(&kas, &body).await.0, 200);
    assert_eq!(counts(&kas), [1, 1, 1, 20, 20, 1, 1]);
    assert_eq!(kas.number("SELECT length(description) FROM vulnerability_occurrences"), 15_000);
    assert_eq!(kas.texts("SELECT vendor FROM vulnerability_scanners"), ["GitLab"]);
    assert_eq!(kas.number("SELECT length(location_image) FROM vulnerability_reads"), 2_048);
    // A value that is not a string counts as absent, however long it is.
    body["vulnerability"]["location"]["image"] = json!(["i".repeat(3_000)]);
    assert_eq!(put(&kas, &body).await.0, 200);
    assert_eq!(kas.number("SELECT count(*) FROM vulnerability_reads WHERE location_image IS NULL"), 1);
}

#[testkit::test]
async fn environment_is_part_of_the_uuid(database: Database) {
    let kas = kas_api_with(database, &["--environment", "test"]).await;
    assert_eq!(put(&kas, &page()).await, ok("3a0320a3-741b-5edc-90fa-dd82a3d1eee7"));
}

#[testkit::test]
async fn agents_have_their_own_findings(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    let (status, other) = kas.agent_with("PUT", PATH, T6).json(&page()).answer().await;
    assert!(status == 200 && other["uuid"] != UUID, "{other}");
    assert_eq!(kas.number("SELECT count(DISTINCT project_id) FROM vulnerabilities"), 2);
}

#[testkit::test]
async fn author_falls_back_to_the_bot(database: Database) {
    database.sql("SELECT 1");
    let kas = kas_api_with(database, &["--bot-user-id", "12"]).await;
    kas.sql("UPDATE cluster_agents SET created_by_user_id = NULL");
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    kas.sql("UPDATE cluster_agent_tokens SET created_by_user_id = 11");
    assert_eq!(put(&kas, &named("second")).await.0, 200);
    assert_eq!(kas.texts("SELECT CAST(author_id AS text) FROM vulnerabilities ORDER BY id"), ["12", "11"]);
}

#[testkit::test]
async fn missing_author_is_unprocessable(database: Database) {
    let kas = kas_api(database).await;
    kas.sql("UPDATE cluster_agents SET created_by_user_id = NULL");
    assert_eq!(put(&kas, &page()).await, (422, message("Author can't be blank")));
    assert_eq!(counts(&kas), [0; 7]);
}

/// The report waits for the concurrent transaction and sees its result.
#[actix_web::test]
async fn report_that_waits_for_a_resolution_detects_again() {
    let kas = kas_api(testkit::Database::postgresql()).await;
    assert_eq!(put(&kas, &page()).await, ok(UUID));
    let other = &mut kas.service.database.open();
    testkit::fixture::run(
        other,
        "BEGIN; UPDATE vulnerabilities SET state = 3, resolved_at = now(); UPDATE vulnerability_reads SET \
         state = 3",
    );
    let body = page();
    let again = put(&kas, &body);
    let commit = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND \
                       wait_event_type = 'Lock'";
        while kas.number(waiting) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        testkit::fixture::run(other, "COMMIT");
    };
    let (answer, ()) = futures_util::join!(again, commit);
    assert_eq!(answer, ok(UUID));
    assert_eq!(kas.number("SELECT count(*) FROM vulnerabilities WHERE state = 1 AND resolved_at IS NULL"), 1);
    assert_eq!(kas.number("SELECT count(*) FROM vulnerability_reads WHERE state = 1"), 1);
    assert_eq!(kas.number("SELECT count(*) FROM vulnerability_state_transitions WHERE from_state = 3"), 1);
}

fn link(n: usize) -> Value {
    json!({ "url": format!("https://example.com/{n}") })
}

#[testkit::test]
async fn first_100_valid_links_are_kept(database: Database) {
    let kas = kas_api(database).await;
    let stored = || kas.texts("SELECT url FROM vulnerability_finding_links ORDER BY id");
    let urls = |count: usize| (0..count).map(|n| format!("https://example.com/{n}")).collect::<Vec<_>>();
    let links: Vec<Value> = (0..30).map(link).collect();
    assert_eq!(put(&kas, &with("/vulnerability/links", json!(links))).await, ok(UUID));
    assert_eq!(stored(), urls(30));
    let links: Vec<Value> = (0..150).map(link).collect();
    assert_eq!(put(&kas, &with("/vulnerability/links", json!(links))).await, ok(UUID));
    assert_eq!(stored(), urls(100));
    // Invalid links do not use up the limit.
    let mut links = vec![json!({ "url": "javascript:1" }); 100];
    links.extend([json!(7), json!({ "url": 7 }), json!({ "url": "HTTPS://example.com/upper", "name": [] })]);
    links.extend((0..2).map(link));
    assert_eq!(put(&kas, &with("/vulnerability/links", json!(links))).await, ok(UUID));
    let mut expected = vec!["HTTPS://example.com/upper".to_owned()];
    expected.extend(urls(2));
    assert_eq!(stored(), expected);
    assert_eq!(kas.number("SELECT count(*) FROM vulnerability_finding_links WHERE name IS NOT NULL"), 0);
}

/// PostgreSQL cannot store a NUL, and agentk sends no resolution after a refused report.
#[testkit::test]
async fn nul_is_removed_everywhere(database: Database) {
    let kas = kas_api(database).await;
    let mut body = agentk();
    body["vulnerability"]["description"] = json!("a\0b");
    body["vulnerability"]["details"] = json!({ "k\0ey": ["\0", { "\0": "\0v" }] });
    body["vulnerability"]["identifiers"][0]["value"] = json!("CVE-2020\0-27350");
    body["vulnerability"]["location"]["kubernetes_resource"]["name"] = json!("ngin\0x116");
    body["vulnerability"]["links"] = json!([{ "url": "https://example.com/\0", "name": "\0n" }]);
    body["scanner"]["id"] = json!("\0starboard_trivy");
    assert_eq!(put(&kas, &body).await, ok("dc261c2b-49ea-5aca-8dc3-be48d061e84f"));
    assert_eq!(kas.texts("SELECT description FROM vulnerability_occurrences"), ["ab"]);
    assert_eq!(kas.texts("SELECT name FROM vulnerability_finding_links"), ["n"]);
    let raw = kas.texts("SELECT raw_metadata FROM vulnerability_occurrences");
    let raw: Value = serde_json::from_str(&raw[0]).unwrap();
    assert_eq!(raw["vulnerability"]["details"], json!({ "key": ["", { "": "v" }] }));
}

#[testkit::test]
async fn unneeded_field_of_the_wrong_type_counts_as_absent(database: Database) {
    let kas = kas_api(database).await;
    let wrong = [json!(5), json!({}), json!([]), json!(true), json!({ "name": 7 })];
    for value in &wrong {
        let mut body = page();
        for field in ["message", "description", "solution", "confidence", "details", "tracking", "cve"] {
            body["vulnerability"][field] = value.clone();
        }
        body["vulnerability"]["links"] = if value.is_array() { json!({}) } else { value.clone() };
        body["vulnerability"]["location"]["image"] = value.clone();
        body["vulnerability"]["location"]["operating_system"] = value.clone();
        body["vulnerability"]["location"]["dependency"] = json!(7);
        body["vulnerability"]["identifiers"][0]["url"] = value.clone();
        body["scanner"]["vendor"] = value.clone();
        body["scanner"]["version"] = value.clone();
        assert_eq!(put(&kas, &body).await, ok(UUID), "{value}");
        let raw = kas.texts("SELECT raw_metadata FROM vulnerability_occurrences");
        assert_eq!(serde_json::from_str::<Value>(&raw[0]).unwrap(), body);
        body["vulnerability"]["location"]["dependency"] = json!({ "package": value });
        if value.get("name").is_none() {
            assert_eq!(put(&kas, &body).await, ok(UUID), "{value}");
        }
    }
    let absent =
        "SELECT count(*) FROM vulnerability_occurrences WHERE description IS NULL AND solution IS NULL";
    assert_eq!(kas.number(absent), 1);
    assert_eq!(kas.texts("SELECT vendor FROM vulnerability_scanners"), ["GitLab"]);
    assert_eq!(counts(&kas)[6], 0);
}

/// Adds a trigger like that of GitLab, which inserts the row with some of its columns.
fn insert_trigger(kas: &Kas) {
    let columns = "vulnerability_id, project_id, scanner_id, report_type, severity, state, uuid";
    let insert = {
        format!(
            "INSERT INTO vulnerability_reads ({columns}) SELECT v.id, v.project_id, NEW.scanner_id, \
             v.report_type, v.severity, v.state, NEW.uuid FROM vulnerabilities v \
             WHERE v.id = NEW.vulnerability_id ON CONFLICT (vulnerability_id) DO NOTHING"
        )
    };
    if kas.service.database.is_postgresql() {
        kas.sql(&format!(
            "CREATE FUNCTION insert_read() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {insert}; RETURN \
             NULL; END \
             $$"
        ));
        kas.sql(
            "CREATE TRIGGER insert_read AFTER UPDATE OF vulnerability_id ON vulnerability_occurrences \
             FOR EACH ROW WHEN (OLD.vulnerability_id IS NULL) EXECUTE FUNCTION insert_read()",
        );
    } else {
        kas.sql(&format!(
            "CREATE TRIGGER insert_read AFTER UPDATE OF vulnerability_id ON vulnerability_occurrences \
             WHEN OLD.vulnerability_id IS NULL BEGIN {insert}; END"
        ));
    }
}

/// The row of `vulnerability_reads`, without its id.
fn read_row(kas: &Kas) -> Vec<String> {
    let list = |column: &str| {
        if kas.service.database.is_postgresql() {
            format!("CAST(array_to_json({column}) AS text)")
        } else {
            column.to_owned()
        }
    };
    let columns = [
        "CAST(project_id AS text)".to_owned(),
        "CAST(report_type AS text)".to_owned(),
        "CAST(severity AS text)".to_owned(),
        "CAST(state AS text)".to_owned(),
        "CASE WHEN resolved_on_default_branch THEN 'resolved' ELSE '' END".to_owned(),
        "CASE WHEN auto_resolved THEN 'auto' ELSE '' END".to_owned(),
        "CAST(uuid AS text)".to_owned(),
        "location_image".to_owned(),
        "cluster_agent_id".to_owned(),
        "CAST(casted_cluster_agent_id AS text)".to_owned(),
        "CASE WHEN archived THEN 'archived' ELSE '' END".to_owned(),
        list("traversal_ids"),
        list("identifier_names"),
    ];
    kas.texts(&format!("SELECT {} FROM vulnerability_reads", columns.join(" || '|' || ")))
}

#[testkit::test]
async fn read_row_is_complete_with_and_without_a_trigger(database: Database) {
    let kas = kas_api(database).await;
    kas.sql(&format!(
        "UPDATE namespaces SET traversal_ids = '{}' WHERE id = 1",
        testkit::fixture::array(&kas.service.database.open(), &[1])
    ));
    assert_eq!(put(&kas, &agentk()).await.0, 200);
    let without = read_row(&kas);
    let uuid = "dc261c2b-49ea-5aca-8dc3-be48d061e84f";
    let image = "index.docker.io/library/nginx:1.16";
    assert_eq!(without, [format!("7|7|6|1|||{uuid}|{image}|5|5||[1]|[\"CVE-2020-27350\"]")]);
    kas.sql(
        "DELETE FROM vulnerability_reads; DELETE FROM vulnerability_occurrences; DELETE FROM vulnerabilities",
    );
    insert_trigger(&kas);
    assert_eq!(put(&kas, &agentk()).await.0, 200);
    assert_eq!(read_row(&kas), without);
    // A moved and archived project is correct after the next scan.
    kas.sql(&format!(
        "UPDATE namespaces SET traversal_ids = '{}' WHERE id = 3",
        testkit::fixture::array(&kas.service.database.open(), &[1, 3])
    ));
    kas.sql("UPDATE projects SET namespace_id = 3, archived = true WHERE id = 7");
    assert_eq!(put(&kas, &agentk()).await.0, 200);
    assert_eq!(read_row(&kas), [format!("7|7|6|1|||{uuid}|{image}|5|5|archived|[1,3]|[\"CVE-2020-27350\"]")]);
}
