//! A push of 10,000 refs to a project with 50 rules runs at most 4 statements and takes little CPU time.
use std::time::Duration;

use super::binary::{Binary, push};
use super::support::Z;
use serde_json::Value;
use testkit::fixture::{self, P};
use testkit::git::repositories;

const REFS: usize = 10_000;
const MAX_STATEMENTS: u64 = 4;
/// The target is 150 ms, but the limit allows for an unoptimised build on a busy machine.
const MAX_CPU_TIME: Duration = Duration::from_secs(1);

/// Repeats an allowed push until the settings are cached, and returns its line in the access log.
async fn allowed(binary: &Binary, body: &Value) -> Value {
    assert_eq!(binary.clone().await.0, 200);
    binary.access();
    let mut spent = Duration::MAX;
    let line = binary.line_of_at_most(MAX_STATEMENTS, async || {
        let before = binary.process.processor_time();
        let (status, answer) = binary.request("POST", "/allowed").json(body).answer().await;
        assert_eq!((status, &answer["status"]), (200, &true.into()), "{answer}");
        spent = spent.min(binary.process.processor_time().saturating_sub(before));
    });
    let line = line.await;
    println!("{REFS} refs: {} statements, {} s, {spent:?} of CPU time", line["db_count"], line["duration_s"]);
    assert!((1..=MAX_STATEMENTS).contains(&line["db_count"].as_u64().unwrap()), "{line}");
    assert!(spent < MAX_CPU_TIME, "{spent:?}");
    line
}

#[testkit::test]
async fn statements_do_not_grow_with_refs(database: Database) {
    for id in 100..150 {
        fixture::protect_branch(&mut database.open(), id, P, &format!("rule-{id}/*"), false, 30, 30);
    }
    let binary = Binary::start(&database);
    let git = repositories();
    // A quarter of the changes create protected branches, a quarter create tags, and half match no rule.
    let changes: String = (0..REFS)
        .map(|n| match n % 4 {
            0 => format!("{Z} {} refs/heads/rule-{}/{n}\n", git.b, 100 + n % 50),
            1 => format!("{Z} {} refs/tags/t-{n}\n", git.b),
            _ => format!("{} {} refs/heads/feature/{n}\n", git.a, git.b),
        })
        .collect();
    let line = allowed(&binary, &push(&changes)).await;
    assert_eq!(line["gl_user_id"], 2);
}

#[testkit::test]
async fn one_force_push_among_many_refs_is_refused(database: Database) {
    for id in 100..149 {
        fixture::protect_branch(&mut database.open(), id, P, &format!("rule-{id}/*"), false, 40, 40);
    }
    fixture::protect_branch(&mut database.open(), 149, P, "many/*", false, 30, 30);
    let binary = Binary::start(&database);
    let git = repositories();
    let forward: String = (0..REFS).map(|n| format!("{} {} refs/heads/many/{n}\n", git.a, git.b)).collect();
    let refused = push(&format!("{forward}{} {} refs/heads/many/x\n", git.b, git.a));
    allowed(&binary, &push(&forward)).await;
    let answer = binary.request("POST", "/allowed").json(&refused).answer().await;
    assert_eq!((answer.0, &answer.1["message"]), (401, &crate::push_protected::FORCE.1.into()));
}
