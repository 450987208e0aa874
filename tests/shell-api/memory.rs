//! The memory of the process under the largest load that the limits allow.
use std::time::{Duration, Instant};

use super::binary::{Binary, push};
use super::support::Z;
use endpoint::MIB;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::git::repositories;

/// Pushes at the same time.
const PUSHES: usize = 7;
const REFS: usize = 200_000;
/// The limit of the pod is 512 MiB.
const MAX_PEAK_MIB: usize = 288;
/// One request alone may take this much more than the idle process.
const MAX_OF_ONE_MIB: usize = 80;
/// The process may keep this much more than the idle one, once the requests have ended.
const MAX_KEPT_MIB: usize = 60;
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(30);

/// A mirror push of 19.5 MiB.
fn mirror_push() -> String {
    let commit = &repositories().b;
    let changes: String = (0..REFS).map(|n| format!("{Z} {commit} refs/heads/b{n:07}\n")).collect();
    let body = push(&changes).to_string();
    assert!((195 * MIB / 10..20 * MIB).contains(&body.len()), "{}", body.len());
    body
}

/// A push with as many lines as fit into 16 MiB.
fn short_lines() -> String {
    push(&"a b c\n".repeat(16 * MIB / 7)).to_string()
}

/// Parameters with as many push options as fit into 19 MiB.
fn many_options(mut params: Value) -> String {
    params["push_options"] = json!([]);
    let options = vec![r#""a""#; 19 * MIB / 4].join(",");
    params.to_string().replace("[]", &format!("[{options}]"))
}

async fn send(binary: &Binary, body: String) -> u16 {
    let request = binary.request("POST", "/allowed").body("application/json", body);
    // A refusal closes the connection, which the client may see before the response, as it is still sending.
    let Some(answer) = request.try_send().await else { return 503 };
    let (status, answer) = answer.json();
    match status {
        200 => assert_eq!(answer["status"], true, "{answer}"),
        503 => assert_eq!(answer["message"], "503 Service Unavailable", "{answer}"),
        _ => panic!("{status} {answer}"),
    }
    status
}

/// Waits until the process has given its memory back, and returns what it keeps.
fn settled(binary: &Binary, idle: usize) -> (usize, Duration) {
    let start = Instant::now();
    loop {
        let resident = binary.process.resident_memory_mib();
        if resident <= idle + MAX_KEPT_MIB || start.elapsed() > GIVEN_BACK_WITHIN {
            return (resident, start.elapsed());
        }
        std::thread::yield_now();
    }
}

#[testkit::test]
async fn seven_large_pushes_stay_within_the_pod(database: Database) {
    let binary = Binary::start(&database);
    let body = mirror_push();
    assert_eq!(binary.clone().await.0, 200);
    let idle = binary.process.peak_memory_mib();
    assert_eq!(send(&binary, body.clone()).await, 200);
    let one = binary.process.peak_memory_mib() - idle;
    let statuses = join_all((0..PUSHES).map(|_| send(&binary, body.clone()))).await;
    let peak = binary.process.peak_memory_mib();
    let (kept, after) = settled(&binary, idle);
    println!(
        "idle {idle} MiB, one push {one} MiB more, {PUSHES} pushes {peak} MiB, then {kept} MiB after \
        {after:?}; \
         {statuses:?}"
    );
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(one <= MAX_OF_ONE_MIB, "{one} MiB");
    assert!(peak <= MAX_PEAK_MIB, "{peak} MiB");
    assert!(kept <= idle + MAX_KEPT_MIB, "{kept} MiB, {idle} MiB before");
}

#[testkit::test]
async fn body_of_many_small_values_takes_bounded_memory(database: Database) {
    let binary = Binary::start(&database);
    assert_eq!(binary.clone().await.0, 200);
    let idle = binary.process.peak_memory_mib();
    let changes = format!("{Z} {} refs/heads/b", repositories().b);
    let bodies = [short_lines(), many_options(push(&changes))];
    for body in &bodies {
        assert_eq!(send(&binary, body.clone()).await, 200);
        let more = binary.process.peak_memory_mib() - idle;
        println!("{more} MiB for {body:.60}");
        assert!(more <= MAX_OF_ONE_MIB, "{more} MiB for {body:.60}");
    }
    let written = json!({ "gl_repository": "project-3", "identifier": "key-11", "changes": "" });
    let request = binary.request("POST", "/post_receive");
    let answer = request.body("application/json", many_options(written)).answer().await;
    assert_eq!(answer, (200, json!({ "messages": [], "reference_counter_decreased": true })));
    let more = binary.process.peak_memory_mib() - idle;
    println!("{more} MiB for /post_receive");
    assert!(more <= MAX_OF_ONE_MIB, "{more} MiB for /post_receive");

    for body in &bodies {
        let statuses = join_all((0..PUSHES).map(|_| send(&binary, body.clone()))).await;
        let peak = binary.process.peak_memory_mib();
        println!("{statuses:?}, {peak} MiB");
        assert!(statuses.contains(&200), "{statuses:?}");
        assert!(peak <= MAX_PEAK_MIB, "{peak} MiB");
    }
    let (kept, after) = settled(&binary, idle);
    println!("{kept} MiB after {after:?}");
    assert!(kept <= idle + MAX_KEPT_MIB, "{kept} MiB, {idle} MiB before");
}
