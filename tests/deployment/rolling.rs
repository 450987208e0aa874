//! Replaces one of two replicas of shell-api by a new build under load, as a Deployment does: the new
//! process starts, and the old one gets SIGTERM. Every response is compared.
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use auth::{Secret, Secrets};
use serde_json::Value;
use tempfile::TempDir;
use testkit::{Process, binary, free_address};
use tokio::time::MissedTickBehavior;

use crate::balancer::Balancer;
use crate::services::{built, read, root};

const A_SECOND: usize = 300;

/// The demo's data in the servers that `deploy/bin/with-servers` has started, and its credentials.
struct Demo {
    data: TempDir,
    environment: [(&'static str, String); 2],
    shell: Secrets,
    kas: Secrets,
    /// `demo.json`.
    tokens: Value,
}

/// A request that can be repeated: method, path, body and credentials.
type Ask = (&'static str, String, &'static str, Who);

#[derive(Clone, Copy)]
enum Who {
    Shell,
    Agent,
    Provider,
    Admin,
}

impl Demo {
    fn new() -> Self {
        let data = TempDir::new().unwrap();
        let server =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("no {name}: run deploy/bin/rolling"));
        let environment = [
            ("IAPI_DATABASE_URL", server("TEST_DATABASE_URL")),
            ("IAPI_REDIS_URL", server("TEST_REDIS_URL")),
        ];
        let repositories = data.path().join("repositories").display().to_string();
        let hooks = root().join("deploy/demo/hooks").display().to_string();
        let seed = ["seed", "--demo", "--repositories-dir", &repositories, "--hooks-dir", &hooks];
        for arguments in [&["secrets", "generate"][..], &["migrate"], &seed] {
            let mut command = Command::new(binary("internal-apictl"));
            command.args(arguments).arg("--data-dir").arg(data.path()).envs(environment.clone());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let text = |name: &str| std::fs::read_to_string(data.path().join(name)).unwrap();
        let shell = Secrets::new(Secret::from_text(&text(".gitlab_shell_secret")).unwrap(), None);
        let kas = Secrets::new(Secret::from_base64(&text(".gitlab_kas_secret")).unwrap(), None);
        let tokens = serde_json::from_str(&text("demo.json")).unwrap();
        Self { data, environment, shell, kas, tokens }
    }

    fn start(&self, name: &str, addresses: &[String; 2]) -> Process {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let (config, data) = (path(&self.data.path().join("config.yaml")), path(self.data.path()));
        let environment = self.environment.each_ref().map(|(key, value)| (*key, value.as_str()));
        Process::start_at(addresses, name, &["--config", &config, "--data-dir", &data], &environment)
            .until_ready()
    }

    /// The requests of the load, which stay below the rate limits, such as 5 a second and key for `allowed`.
    fn requests(&self) -> Vec<Ask> {
        let users = format!("/api/scim/v2/groups/{}/Users", self.tokens["scim_group_path"].as_str().unwrap());
        let allowed = "key_id=11&project=gnuwget/wget2&action=git-upload-pack&protocol=ssh&changes=_any";
        let mut asks: Vec<Ask> = vec![
            ("POST", "/api/v4/internal/allowed".to_owned(), allowed, Who::Shell),
            ("GET", "/api/v4/internal/kubernetes/agent_info".to_owned(), "", Who::Agent),
            ("GET", "/api/v4/internal/kubernetes/agent_info".to_owned(), "", Who::Agent),
            ("GET", users, "", Who::Provider),
            (
                "GET",
                "/api/v4/internal/gitlab_subscriptions/namespaces/1235/gitlab_subscription".to_owned(),
                "",
                Who::Admin,
            ),
            ("GET", "/api/v4/namespaces/storage/limit_exclusions".to_owned(), "", Who::Admin),
        ];
        while asks.len() < 60 {
            asks.push(("GET", "/api/v4/internal/check".to_owned(), "", Who::Shell));
            asks.push(("GET", "/api/v4/internal/discover?key_id=7".to_owned(), "", Who::Shell));
        }
        asks
    }

    fn request(
        &self,
        client: &reqwest::Client,
        balancer: &Balancer,
        (method, path, body, who): &Ask,
    ) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", balancer.address);
        let request = client.request(method.parse().unwrap(), url).header("Connection", "close");
        let token = |name: &str| self.tokens[name].as_str().unwrap();
        let now = endpoint::Clock::System.unix();
        let request = match who {
            Who::Shell => {
                request.header("Gitlab-Shell-Api-Request", auth::shell::issue(&self.shell, now).unwrap())
            }
            Who::Agent => {
                let signed = auth::kas::issue(&self.kas, now).unwrap();
                request.bearer_auth(token("agent_token")).header("Gitlab-Kas-Api-Request", signed)
            }
            Who::Provider => request.bearer_auth(token("scim_group_token")),
            Who::Admin => request.header("PRIVATE-TOKEN", token("admin_token")),
        };
        if body.is_empty() {
            return request;
        }
        request.header("Content-Type", "application/x-www-form-urlencoded").body(*body)
    }
}

/// Status and body.
async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<(u16, String)> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await?))
}

/// The balancer's configuration with these servers (address, monitoring port) for the one that each backend
/// has.
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
async fn nobody_notices_that_a_replica_is_replaced() {
    let seconds: f64 = std::env::var("ROLLING_SECONDS").map_or(60.0, |text| text.parse().unwrap());
    let demo = Arc::new(Demo::new());
    let names = built().map(|service| service.name).chain(["shell-api", "shell-api"]);
    let servers: Vec<(&str, [String; 2])> =
        names.map(|name| (name, [free_address(), free_address()])).collect();
    // The last one is the new build, which has not started yet.
    let ((new_name, new_addresses), first) = servers.split_last().unwrap();
    let mut processes: Vec<Process> =
        first.iter().map(|(name, addresses)| demo.start(name, addresses)).collect();
    let servers: Vec<_> = servers.iter().map(|(name, addresses)| (*name, addresses)).collect();
    let balancer = Arc::new(Balancer::launch(&configuration(&servers), vec![]));
    let client =
        reqwest::Client::builder().no_proxy().http1_only().pool_max_idle_per_host(0).build().unwrap();

    let asks = Arc::new(demo.requests());
    let mut expected = Vec::new();
    for ask in asks.iter() {
        let found = answer(demo.request(&client, &balancer, ask)).await.unwrap();
        assert_eq!(found.0, 200, "{}: {found:?}", ask.1);
        expected.push(found);
    }
    let (expected, counts, done) =
        (Arc::new(expected), Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));

    let begin = Instant::now();
    let load = tokio::task::spawn_local({
        let (demo, balancer) = (Arc::clone(&demo), Arc::clone(&balancer));
        let (counts, done) = (Arc::clone(&counts), Arc::clone(&done));
        async move {
            let mut tick = tokio::time::interval(Duration::from_secs(1) / u32::try_from(A_SECOND).unwrap());
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            while !done.load(Relaxed) {
                tick.tick().await;
                let i = counts.sent.fetch_add(1, Relaxed) % asks.len();
                let request = demo.request(&client, &balancer, &asks[i]);
                let (counts, expected) = (Arc::clone(&counts), Arc::clone(&expected));
                assert!(
                    counts.running.fetch_add(1, Relaxed) < 2000,
                    "answers do not come as fast as requests"
                );
                tokio::task::spawn_local(async move {
                    match answer(request).await {
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
    old.signal("TERM");
    let told = begin.elapsed();
    let status = tokio::task::spawn_blocking(move || old.wait()).await.unwrap();
    let ended = begin.elapsed();
    assert_eq!(status.code(), Some(0), "the old one ends well");
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
        "rolling: {sent} requests in {:.1} s, {failed} failed, {wrong} wrong; the old replica was told to \
         end at {:.1} s \
         and had ended at {:.1} s; the new one has answered {served}",
        begin.elapsed().as_secs_f64(),
        told.as_secs_f64(),
        ended.as_secs_f64(),
    );
    assert_eq!((failed, wrong), (0, 0));
    assert!(served > 0.0, "the new one has answered nobody");
}
