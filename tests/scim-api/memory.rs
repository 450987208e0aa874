//! The memory of the process under bodies that consist of as many JSON values as possible.
use super::support::{GROUP, TG, data_dir, plant};
use endpoint::MIB;
use futures_util::future::join_all;
use testkit::Process;

/// The limit of the pod.
const MAX_PEAK_MIB: usize = 256;

/// A PATCH whose value is a list of tiny objects.
fn patch(bytes: usize) -> String {
    let start = r#"{"Operations":[{"op":"add","path":"emails","value":["#;
    let items = vec![r#"{"":0}"#; (bytes - start.len() - 4) / 7].join(",");
    format!("{start}{items}]}}]}}")
}

/// A list of group members that fills a body.
fn members() -> String {
    let items = vec![r#"{"value":"0b1d561c-21ff-4092-beab-8154b17f82f2"}"#; MIB / 50].join(",");
    format!(r#"{{"displayName":"x","members":[{items}]}}"#)
}

#[testkit::test]
async fn many_small_values_stay_within_the_pod(database: Database) {
    plant(&mut database.open());
    let data = data_dir();
    let mut arguments =
        vec!["--database-url", database.url_for("scim-api"), "--data-dir", data.path().to_str().unwrap()];
    let unlimited = testkit::without_rate_limits(data.path(), &[]);
    arguments.extend(unlimited.iter().map(String::as_str));
    let process = Process::start("scim-api", &arguments, &[]).until_ready();
    let send = |method: &str, path: &str, body: String| {
        let request = process.request(method, &format!("{GROUP}{path}"));
        request.header("Authorization", &format!("Bearer {TG}")).body("application/json", body).try_send()
    };
    // More values than memory: refused before they are read. The client may see the closed connection first.
    let refused = send("PATCH", "/Users/nobody", patch(MIB)).await;
    assert!(refused.as_ref().is_none_or(|answer| answer.status == 413), "{refused:?}");
    let bodies = (0..16).map(|n| if n % 2 == 0 { patch(MIB / 8) } else { members() });
    let answers = join_all(bodies.map(|body| send("PATCH", "/Users/nobody", body))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.as_ref().map_or(0, |a| a.status)).collect();
    let peak = process.peak_memory_mib();
    println!("{statuses:?}, {peak} MiB");
    assert!(statuses.iter().all(|status| [400, 404, 503].contains(status)), "{statuses:?}");
    assert!(statuses.iter().any(|status| *status != 503), "{statuses:?}");
    assert!(peak < MAX_PEAK_MIB, "{peak} MiB");
}
