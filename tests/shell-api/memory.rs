//! The memory of the process under the largest load that the limits allow.
use std::time::{Duration, Instant};

use super::binary::{Binary, push};
use super::support::Z;
use endpoint::MIB;
use futures_util::future::join_all;
use testkit::git::repositories;

/// Pushes at the same time.
const PUSHES: usize = 7;
const REFS: usize = 200_000;
/// The limit of the pod is 512 MiB.
const MAX_PEAK_MIB: usize = 288;
/// One push alone may take this much more than the idle process.
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
