//! Faults that concern whole processes. `deploy/bin/faults` runs these and those of the services, and prints
//! a table; a line `measured: …` of a test is its figure in that table.
use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Database, Process, free_address};

use crate::demo::{Consumer, Demo, DemoRequest};
use crate::services::built;

/// The timeout of a step; generous, because the machine may be busy.
const STEP_TIMEOUT: Duration = Duration::from_mins(1);

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().http1_only().pool_max_idle_per_host(0).build().unwrap()
}

/// A request that creates user `n` of the demo group, and one that finds the user.
fn user(demo: &Demo, n: usize) -> [DemoRequest; 2] {
    let name = format!("fault{n}");
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": name, "userName": name,
        "name": { "formatted": "Fault Injection", "givenName": "Fault", "familyName": "Injection" },
        "emails": [{ "type": "work", "value": format!("{name}@example.com"), "primary": true }],
    });
    let path = demo.users_path();
    let find = format!("{path}?filter=userName%20eq%20%22{name}%22");
    [
        DemoRequest::new(Consumer::IdentityProvider, "POST", path, body.to_string()),
        DemoRequest::get(Consumer::IdentityProvider, find),
    ]
}

/// A write of each service but scim-api: the service, the request and its status. Each `n` changes the rows.
fn writes(n: usize) -> [(&'static str, DemoRequest, u16); 4] {
    let token = json!({ "key_id": 11, "name": format!("fault {n}"), "scopes": ["read_api"] });
    let groups = if n.is_multiple_of(2) { json!([{ "id": "gitlab-org" }]) } else { json!([]) };
    let agent = json!({ "agent_id": 1, "agent_config": { "ci_access": { "groups": groups } } });
    let minutes = json!({ "shared_runners_minutes_limit": n });
    let exclusion = "/api/v4/namespaces/1234/storage/limit_exclusion";
    let (method, body, status) =
        if n.is_multiple_of(2) { ("DELETE", "", 204) } else { ("POST", r#"{"reason":"a fault"}"#, 201) };
    let internal = |path: &str| format!("/api/v4/internal/{path}");
    let post = |consumer, path: &str, body: &Value| {
        DemoRequest::new(consumer, "POST", internal(path), body.to_string())
    };
    let namespace = internal("gitlab_subscriptions/namespaces/1235");
    [
        ("shell-api", post(Consumer::Shell, "personal_access_token", &token), 200),
        ("kas-api", post(Consumer::Agent, "kubernetes/agent_configuration", &agent), 204),
        ("admin-api", DemoRequest::new(Consumer::Administrator, method, exclusion, body), status),
        (
            "billing-api",
            DemoRequest::new(Consumer::Administrator, "PUT", namespace, minutes.to_string()),
            200,
        ),
    ]
}

/// Whether scim-api finds the user.
async fn has_user(demo: &Demo, client: &reqwest::Client, url: &str, n: usize) -> bool {
    let (status, body) = demo.send(client, url, &user(demo, n)[1]).await.unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<Value>(&body).unwrap()["totalResults"] == 1
}

/// Fails unless SQLite finds the file intact.
fn check_integrity(url: &str) {
    let mut conn = database::Location::parse(url).unwrap().open(STEP_TIMEOUT).unwrap();
    let check = "CREATE TEMPORARY TABLE findings (finding TEXT CHECK (finding = 'ok')); \
        INSERT INTO findings SELECT integrity_check FROM pragma_integrity_check";
    testkit::fixture::run(&mut conn, check);
}

/// Five services write one SQLite file while one of them is killed again and again. The others never fail, no
/// acknowledged write is lost, and the file stays intact.
#[actix_web::test]
async fn killed_writer_harms_no_other_writer_of_a_sqlite_file() {
    const KILLS: usize = 6;
    const USERS_PER_LIFE: usize = 3;
    let demo = Arc::new(Demo::on_sqlite(TempDir::new().unwrap()));
    let client = client();
    let others: Vec<(&str, Process)> = built()
        .filter(|service| service.name != "scim-api")
        .map(|service| (service.name, demo.start(service.name, &[free_address(), free_address()])))
        .collect();
    let addresses = [free_address(), free_address()];
    let scim_url = format!("http://{}", addresses[0]);
    let scim = RefCell::new(demo.start("scim-api", &addresses));
    let (created, is_done, restart) =
        (RefCell::new(Vec::new()), RefCell::new(false), RefCell::new(Duration::ZERO));
    let write_count = RefCell::new(0);

    // SQLite admits waiting writers in no order. Without pauses one could wait longer than the busy timeout.
    let pause = || tokio::time::interval(Duration::from_millis(20));
    let provider = async {
        let mut pause = pause();
        for n in 0.. {
            pause.tick().await;
            if *is_done.borrow() {
                return;
            }
            // A request that meets a kill has no response, and may have been committed or not. A service that
            // listens and is not ready yet answers 503.
            match demo.send(&client, &scim_url, &user(&demo, n)[0]).await {
                Ok((201, _)) => created.borrow_mut().push(n),
                Ok((503, _)) | Err(_) => {}
                Ok((status, body)) => panic!("{status}: {body}"),
            }
        }
    };
    let writer = async |name: &str, process: &Process| {
        let mut pause = pause();
        for n in 0.. {
            pause.tick().await;
            if *is_done.borrow() {
                return;
            }
            let (_, request, expected) = writes(n).into_iter().find(|write| write.0 == name).unwrap();
            let (status, body) = demo.send(&client, &process.url, &request).await.unwrap();
            assert_eq!(status, expected, "{name}: {body}");
            *write_count.borrow_mut() += 1;
        }
    };
    let killer = async {
        for kill in 1..=KILLS {
            while created.borrow().len() < kill * USERS_PER_LIFE {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            scim.borrow().signal("KILL");
            scim.borrow_mut().wait();
            let (demo, addresses, began) = (Arc::clone(&demo), addresses.clone(), Instant::now());
            let start = move || demo.start("scim-api", &addresses);
            let process = tokio::task::spawn_blocking(start).await.unwrap();
            let longest = began.elapsed().max(*restart.borrow());
            restart.replace(longest);
            scim.replace(process);
        }
        is_done.replace(true);
    };
    let writers = join_all(others.iter().map(|(name, process)| writer(name, process)));
    futures_util::join!(provider, killer, writers);

    let created = created.into_inner();
    for n in &created {
        assert!(has_user(&demo, &client, &scim_url, *n).await, "user {n} was acknowledged and is lost");
    }
    drop((others, scim));
    check_integrity(&demo.sqlite_url());
    println!(
        "measured: {KILLS} kills, {} users and {} other writes acknowledged, none lost; \
        longest restart {:.1} s",
        created.len(),
        write_count.borrow(),
        restart.borrow().as_secs_f64()
    );
}

/// A file system of its own in memory, which ends with the value.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(size: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"]).arg(directory.path());
        assert!(command.status().unwrap().success(), "a small file system needs root");
        Self(directory)
    }

    /// Takes all the free space.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("filler");
        let mut file = File::create(&path).unwrap();
        for block in [1 << 16, 1 << 9] {
            while file.write_all(&vec![0; block]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// On a full disk writes are answered with 503, and reads still work. Writes work within a second of free
/// space, and nothing is half written.
#[actix_web::test]
#[ignore = "root mounts a small file system: make faults"]
async fn full_disk_refuses_writes_only() {
    let disk = SmallDisk::new("32m");
    let demo = Demo::on_sqlite(TempDir::new_in(disk.0.path()).unwrap());
    let client = client();
    let scim = demo.start("scim-api", &[free_address(), free_address()]);
    let create = async |n: usize| demo.send(&client, &scim.url, &user(&demo, n)[0]).await.unwrap();
    assert_eq!(create(0).await.0, 201);
    let filler = disk.fill();
    // Pages of the log that exist already are written again, so the first writes may succeed.
    let (mut created, mut refused) = (vec![0], Vec::new());
    for n in 1.. {
        match create(n).await.0 {
            201 => created.push(n),
            503 => refused.push(n),
            other => panic!("status {other} on a full disk"),
        }
        if refused.len() == 20 {
            break;
        }
    }
    for n in &created {
        assert!(has_user(&demo, &client, &scim.url, *n).await, "user {n} cannot be read on a full disk");
    }
    std::fs::remove_file(filler).unwrap();
    let freed = Instant::now();
    let next = refused.last().unwrap() + 1;
    while create(next).await.0 != 201 {
        assert!(freed.elapsed() < Duration::from_secs(1), "writes do not work again");
    }
    let back = freed.elapsed();
    created.push(next);
    for n in &refused {
        assert!(!has_user(&demo, &client, &scim.url, *n).await, "user {n} was refused and exists");
    }
    drop(scim);
    check_integrity(&demo.sqlite_url());
    println!(
        "measured: {} writes refused with 503, {} reads answered, writes back after {:.0} ms",
        refused.len(),
        created.len() - 1,
        back.as_secs_f64() * 1000.0
    );
}

/// Passes bytes between clients and a server until it is paused. Then connections stay open, and new ones are
/// accepted as the kernel accepts them for a stopped process, but no byte passes.
struct Relay {
    address: String,
    paused: Arc<(Mutex<bool>, Condvar)>,
}

impl Relay {
    fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let paused = Arc::new((Mutex::new(false), Condvar::new()));
        let gate = Arc::clone(&paused);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&server).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let gate = Arc::clone(&gate);
                    std::thread::spawn(move || Self::pass(from, to, &gate));
                }
            }
        });
        Self { address, paused }
    }

    fn pass(mut from: TcpStream, mut to: TcpStream, gate: &(Mutex<bool>, Condvar)) {
        let mut buffer = [0; 1 << 14];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            drop(gate.1.wait_while(gate.0.lock().unwrap(), |paused| *paused).unwrap());
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    }

    fn set_paused(&self, is_paused: bool) {
        *self.paused.0.lock().unwrap() = is_paused;
        self.paused.1.notify_all();
    }
}

/// While PostgreSQL is paused, requests that need it are answered with 503 at their deadline, and others at
/// once. All of them work again when it resumes.
#[actix_web::test]
async fn paused_postgresql_is_unavailable_at_the_deadline() {
    const DEADLINE: Duration = Duration::from_secs(3);
    let database = Database::postgresql();
    let (server, name) = {
        let (_, rest) = database.url().split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        (server.to_owned(), name.to_owned())
    };
    let relay = Relay::start(server);
    let url = format!("postgres://postgres@{}/{name}", relay.address);
    let directory = TempDir::new().unwrap();
    let data = directory.path().to_str().unwrap();
    std::fs::write(directory.path().join(".gitlab_db_key_base"), "0123456789abcdef".repeat(8)).unwrap();
    let limits = testkit::without_rate_limits(directory.path(), &[]);
    let mut arguments = vec!["--database-url", &url, "--data-dir", data, "--request-timeout", "3s"];
    arguments.extend(limits.iter().map(String::as_str));
    let scim = Process::start("scim-api", &arguments, &[]).until_ready();
    let ask = async || {
        let began = Instant::now();
        let request = scim.request("GET", "/api/scim/v2/application/Users");
        (request.header("Authorization", "Bearer unknown").send().await.status, began.elapsed())
    };
    assert_eq!(ask().await.0, 401);
    relay.set_paused(true);
    let mut longest = Duration::ZERO;
    for (status, took) in join_all((0..12).map(|_| ask())).await {
        assert_eq!(status, 503);
        assert!(took < DEADLINE + Duration::from_secs(5), "{took:?}");
        longest = longest.max(took);
    }
    let began = Instant::now();
    assert_eq!(scim.monitor("/-/readiness").await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(2), "readiness waits for the database");
    relay.set_paused(false);
    let resumed = Instant::now();
    while ask().await.0 != 401 {
        assert!(resumed.elapsed() < STEP_TIMEOUT, "PostgreSQL has resumed, and the service has not");
    }
    println!(
        "measured: 12 requests answered with 503 after {:.1} s at most; back after {:.1} s",
        longest.as_secs_f64(),
        resumed.elapsed().as_secs_f64()
    );
}

/// Every service tells systemd that it is ready once it is, and that it stops on SIGTERM.
#[actix_web::test]
async fn service_notifies_systemd_when_ready_and_when_stopping() {
    let directory = TempDir::new().unwrap();
    for service in built() {
        let setup = crate::binaries::Setup::new(service.name);
        let path = directory.path().join(service.name);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(STEP_TIMEOUT)).unwrap();
        let next_state = || {
            let mut buffer = [0; 64];
            let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{}: {error}", service.name));
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        let process = setup.launch(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);
        assert_eq!(next_state(), "READY=1", "{}", service.name);
        assert_eq!(process.monitor("/-/readiness").await.status, 200, "{}", service.name);
        process.signal("TERM");
        assert_eq!(next_state(), "STOPPING=1", "{}", service.name);
    }
}

/// The resources of a service, according to its metrics.
#[derive(Debug, Clone, Copy)]
struct Footprint {
    memory: f64,
    descriptors: f64,
    waiting: f64,
}

impl Footprint {
    async fn read(process: &Process) -> Self {
        let text = process.monitor("/-/metrics").await.text;
        let sum = |name: &str| -> f64 {
            let values = text.lines().filter(|line| line.starts_with(name));
            values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
        };
        Self {
            memory: sum("process_resident_memory_bytes"),
            descriptors: sum("process_open_fds"),
            waiting: sum("gitlab_database_connection_pool_waiting{"),
        }
    }
}

/// 20 minutes (`SOAK_SECONDS`) of reads and writes of all consumers. After the first quarter, memory grows by
/// less than 5 %. No request fails, no descriptor is leaked, and none waits for a connection at the end.
#[actix_web::test]
#[ignore = "20 minutes of load beside servers: make faults"]
async fn memory_does_not_grow_under_mixed_load() {
    const REQUESTS_PER_SECOND: u32 = 60;
    const CLIENTS: usize = 4;
    let seconds: f64 = std::env::var("SOAK_SECONDS").map_or(1200.0, |text| text.parse().unwrap());
    let demo = Demo::on_servers();
    let processes: Vec<(&str, Process)> = built()
        .map(|service| (service.name, demo.start(service.name, &[free_address(), free_address()])))
        .collect();
    let service_of = |request: &DemoRequest| match request.consumer {
        Consumer::Shell => "shell-api",
        Consumer::Agent => "kas-api",
        Consumer::IdentityProvider => "scim-api",
        Consumer::Administrator if request.path.contains("gitlab_subscription") => "billing-api",
        Consumer::Administrator => "admin-api",
    };
    let url_of = |name: &str| processes.iter().find(|(other, _)| *other == name).unwrap().1.url.clone();
    let footprints = async || join_all(processes.iter().map(|(_, process)| Footprint::read(process))).await;

    let reads: Vec<(String, DemoRequest)> =
        demo.requests().into_iter().map(|request| (url_of(service_of(&request)), request)).collect();
    let (client, began, sent) = (client(), Instant::now(), RefCell::new(0_usize));
    let load_until = async |end: f64| {
        let clients = (0..CLIENTS).map(|_| async {
            let pause = Duration::from_secs(1) / REQUESTS_PER_SECOND * u32::try_from(CLIENTS).unwrap();
            let mut tick = tokio::time::interval(pause);
            while began.elapsed().as_secs_f64() < end {
                tick.tick().await;
                let n = sent.replace_with(|n| *n + 1);
                let (url, request) = &reads[n % reads.len()];
                let (status, body) = demo.send(&client, url, request).await.unwrap();
                assert_eq!(status, 200, "{}: {body}", request.path);
                // One round of writes for each round of reads, by one client at a time.
                if n.is_multiple_of(reads.len()) {
                    for (name, request, expected) in writes(n / reads.len()) {
                        let (status, body) = demo.send(&client, &url_of(name), &request).await.unwrap();
                        assert_eq!(status, expected, "{}: {body}", request.path);
                    }
                }
            }
        });
        join_all(clients).await;
    };
    load_until(seconds / 4.0).await;
    let before = footprints().await;
    load_until(seconds).await;
    let after = footprints().await;

    let mut figures = Vec::new();
    for (((name, _), before), after) in processes.iter().zip(before).zip(after) {
        let growth = (after.memory / before.memory - 1.0) * 100.0;
        assert!(growth < 5.0, "{name} grew by {growth:.1} %: {before:?}, {after:?}");
        assert!(after.descriptors <= before.descriptors + 4.0, "{name}: {before:?}, {after:?}");
        assert!(after.waiting < 1.0, "{name}: {after:?}");
        figures.push(format!("{name} {:.1} MiB {growth:+.1} %", after.memory / 1_048_576.0));
    }
    println!("measured: {} requests in {seconds:.0} s; {}", sent.borrow(), figures.join(", "));
}
