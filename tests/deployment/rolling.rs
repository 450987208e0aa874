//! Replaces one of two replicas of shell-api by a new build under load, as a Deployment does: the new process
//! starts, and the old one gets SIGTERM, or is killed. Every response is compared.
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use testkit::{Process, free_address};
use tokio::time::MissedTickBehavior;

use crate::balancer::Balancer;
use crate::demo::Demo;
use crate::services::{built, read};

const A_SECOND: usize = 300;

/// The balancer's configuration with these servers (address, monitoring port) in place of each backend's own.
fn configuration(servers: &[(&str, &[String; 2])]) -> String {
    let mut text = String::new();
    let mut backend = String::new();
    for line in read("deploy/haproxy/haproxy.cfg").lines() {
        if let Some(rest) = line.strip_prefix("backend ") {
            rest.split(' ').next().unwrap().clone_into(&mut backend);
        }
        let Some((_, options)) =
            line.split_once(" maxconn ").filter(|_| line.trim_start().starts_with("server s1 "))
        else {
            writeln!(text, "{line}").unwrap();
            continue;
        };
        for (i, (_, [main, monitoring])) in servers.iter().filter(|(name, _)| *name == backend).enumerate() {
            let port = monitoring.rsplit(':').next().unwrap();
            writeln!(text, "  server s{i} {main} port {port} maxconn {options}").unwrap();
        }
    }
    text
}

#[derive(Default)]
struct Counts {
    sent: AtomicUsize,
    failed: AtomicUsize,
    wrong: AtomicUsize,
    running: AtomicUsize,
}

#[actix_web::test]
#[ignore = "a minute of load beside servers: deploy/bin/rolling"]
async fn replaced_replica_fails_no_request() {
    replace_replica("TERM").await;
}

/// A killed replica costs at most the requests that run at that moment: HAProxy sends the others elsewhere.
#[actix_web::test]
#[ignore = "a minute of load beside servers: make faults"]
async fn killed_replica_costs_only_the_requests_that_run() {
    replace_replica("KILL").await;
}

async fn replace_replica(signal: &str) {
    let seconds: f64 = std::env::var("ROLLING_SECONDS").map_or(60.0, |text| text.parse().unwrap());
    let demo = Arc::new(Demo::on_servers());
    let names = built().map(|service| service.name).chain(["shell-api", "shell-api"]);
    let servers: Vec<(&str, [String; 2])> =
        names.map(|name| (name, [free_address(), free_address()])).collect();
    // The last one is the new build, which has not started yet.
    let ((new_name, new_addresses), first) = servers.split_last().unwrap();
    let mut processes: Vec<Process> =
        first.iter().map(|(name, addresses)| demo.start(name, addresses)).collect();
    let servers: Vec<_> = servers.iter().map(|(name, addresses)| (*name, addresses)).collect();
    let balancer = Balancer::launch(&configuration(&servers), vec![]);
    let client =
        reqwest::Client::builder().no_proxy().http1_only().pool_max_idle_per_host(0).build().unwrap();
    let url = format!("http://{}", balancer.address);

    let requests = Arc::new(demo.requests());
    let mut expected = Vec::new();
    for request in requests.iter() {
        let found = demo.send(&client, &url, request).await.unwrap();
        assert_eq!(found.0, 200, "{}: {found:?}", request.path);
        expected.push(found);
    }
    let (expected, counts, done) =
        (Arc::new(expected), Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));

    let begin = Instant::now();
    let load = tokio::task::spawn_local({
        let demo = Arc::clone(&demo);
        let (counts, done) = (Arc::clone(&counts), Arc::clone(&done));
        async move {
            let mut tick = tokio::time::interval(Duration::from_secs(1) / u32::try_from(A_SECOND).unwrap());
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            while !done.load(Relaxed) {
                tick.tick().await;
                let i = counts.sent.fetch_add(1, Relaxed) % requests.len();
                let (demo, requests) = (Arc::clone(&demo), Arc::clone(&requests));
                let (client, url) = (client.clone(), url.clone());
                let (counts, expected) = (Arc::clone(&counts), Arc::clone(&expected));
                assert!(
                    counts.running.fetch_add(1, Relaxed) < 2000,
                    "answers do not come as fast as requests"
                );
                tokio::task::spawn_local(async move {
                    match demo.send(&client, &url, &requests[i]).await {
                        Ok(found) if found == expected[i] => {}
                        Ok(found) => {
                            counts.wrong.fetch_add(1, Relaxed);
                            eprintln!("wrong: {found:?} instead of {:?}", expected[i]);
                        }
                        Err(error) => {
                            counts.failed.fetch_add(1, Relaxed);
                            eprintln!("failed: {error:?}");
                        }
                    }
                    counts.running.fetch_sub(1, Relaxed);
                });
            }
        }
    });

    let until = async |part: f64| {
        tokio::time::sleep_until((begin + Duration::from_secs_f64(seconds * part)).into()).await;
    };
    until(0.25).await;
    let mut old = processes.pop().unwrap();
    let new = {
        let (name, addresses, demo) = (*new_name, new_addresses.clone(), Arc::clone(&demo));
        tokio::task::spawn_blocking(move || demo.start(name, &addresses)).await.unwrap()
    };
    let running = counts.running.load(Relaxed);
    old.signal(signal);
    let told = begin.elapsed();
    let status = tokio::task::spawn_blocking(move || old.wait()).await.unwrap();
    let ended = begin.elapsed();
    assert_eq!(status.code(), (signal == "TERM").then_some(0), "{status}");
    until(1.0).await;
    done.store(true, Relaxed);
    load.await.unwrap();
    while counts.running.load(Relaxed) > 0 {
        tokio::task::yield_now().await;
    }

    drop(balancer); // only after the last response

    let metrics = new.monitor("/-/metrics").await.text;
    let is_count = |line: &&str| line.starts_with("http_requests_total{") && line.contains(r#"status="200""#);
    let served: f64 = metrics
        .lines()
        .filter(is_count)
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum();
    let [sent, failed, wrong] =
        [&counts.sent, &counts.failed, &counts.wrong].map(|count| count.load(Relaxed));
    println!(
        "measured: {sent} requests in {:.1} s, {failed} failed, {wrong} wrong; SIG{signal} at {:.1} s, \
         exit at {:.1} s; the new replica answered {served}",
        begin.elapsed().as_secs_f64(),
        told.as_secs_f64(),
        ended.as_secs_f64(),
    );
    // Requests that ran when the signal was sent, or came in the 20 ms that sending it may take.
    let allowed = if signal == "TERM" { 0 } else { running + A_SECOND / 50 };
    assert!(failed + wrong <= allowed, "{failed} failed and {wrong} wrong, {running} ran at the signal");
    assert!(served > 0.0, "the new replica has served no request");
}
