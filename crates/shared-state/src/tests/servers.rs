//! Servers of all kinds: one for each store, TLS, a socket, a cluster, a former primary.
use std::process::Command;
use std::time::Duration;

use super::processes::{Deployment, ENCODED_PASSWORD, NAME, Process, free_port, until};
use super::{count, counters, key, server};
use crate::sidekiq::Job;
use crate::{
    AddressError, Counters, SentinelLogin, Server, ServerKind, StoreName, StoreSetting, Stores, TlsFiles,
};

#[tokio::test]
async fn each_key_is_in_its_store_and_in_no_other() {
    let mut stores = Stores::default();
    let servers: Vec<Process> = StoreName::ALL.iter().map(|_| Process::server("")).collect();
    for (store, process) in StoreName::ALL.into_iter().zip(&servers) {
        let url = process.url().as_str().into();
        stores.set(store, StoreSetting::Server(Server { url, sentinels: Vec::new() }));
    }
    let counters = counters(&stores);
    assert_eq!(counters.servers().count(), 5);
    let lifetime = Duration::from_mins(1);
    let job = Job::new("Worker", Vec::new(), "").envelope(0.0);
    counters.store(StoreName::Queues).unwrap().enqueue("", &job).await.unwrap();
    counters.increase_references("project-1").await.unwrap();
    for key in ["session:otp:1", "cache:Clusters::AgentToken:1:attributes", "project_created:1:project-1"] {
        counters.set_with_ttl(key, "1", lifetime).await.unwrap();
    }
    counters.count(&["application_rate_limiter:x:1".to_owned()], lifetime).await.unwrap();
    let keys = servers.iter().map(|server| {
        let mut keys: Vec<String> = server.ask(&["KEYS", "*"]);
        keys.sort_unstable();
        keys
    });
    assert_eq!(
        keys.collect::<Vec<_>>(),
        [
            vec!["queue:default", "queues"],
            vec!["git-receive-pack-reference-counter:project-1", "project_created:1:project-1"],
            vec!["session:otp:1"],
            vec!["cache:Clusters::AgentToken:1:attributes"],
            vec!["application_rate_limiter:x:1"],
        ]
    );
}

#[tokio::test]
async fn a_store_may_be_in_this_process() {
    let process = Process::server("");
    let mut stores = server(&process.url());
    stores.set(StoreName::Cache, StoreSetting::None);
    let counters = counters(&stores);
    let lifetime = Duration::from_mins(1);
    for expected in [1, 2] {
        let counts = counters.count(&["application_rate_limiter:x:1".to_owned()], lifetime).await.unwrap();
        assert_eq!(counts, [expected]);
    }
    assert_eq!(process.ask::<i64>(&["DBSIZE"]), 0);
    assert_eq!(counters.servers().count(), 1);
}

#[tokio::test]
async fn a_socket_and_a_database_number_are_used() {
    let process = Process::server("unixsocket redis.sock");
    let url = format!("unix://{}?db=3", process.directory.path().join("redis.sock").display());
    count(&counters(&server(&url)), "socket").await.unwrap();
    let keyspace: String = process.ask(&["INFO", "keyspace"]);
    assert!(keyspace.contains("db3:keys=1"), "{keyspace}");
}

#[tokio::test]
async fn a_cluster_is_found() {
    let process = Process::server("cluster-enabled yes");
    let counters = counters(&server(&process.url()));
    assert_eq!(counters.store(StoreName::Queues).unwrap().check().await.unwrap(), ServerKind::Cluster);
}

/// As with a managed service: the name leads to another server after a failover.
#[tokio::test]
async fn a_server_that_became_a_replica_is_left_at_once() {
    let (mut old, port) = (Process::server(""), free_port());
    // The "name" is a port that two servers have one after the other.
    let mut first = Process::server_with(port, "", "");
    let counters = counters(&server(&first.url()));
    count(&counters, "moved").await.unwrap();
    let _: String = first.ask(&["REPLICAOF", "127.0.0.1", &old.port.to_string()]);
    let error = count(&counters, "moved").await.unwrap_err();
    assert!(!error.is_fate_unknown(), "{error:?}");
    first.kill();
    old.kill();
    let second = Process::server_with(port, "", "");
    assert_eq!(count(&counters, "moved").await.unwrap(), 1);
    assert_eq!(second.ask::<i64>(&["GET", &key("moved")[0]]), 1);
}

#[test]
fn urls_that_cannot_be_used_are_refused_without_their_password() {
    for (url, expected) in [
        ("redis+sentinel://:hunter2@h", AddressError::Url),
        ("memcache://x:hunter2@y", AddressError::Url),
        ("redis://h/hunter2", AddressError::Url),
        ("rediss://:hunter2@h/#insecure", AddressError::Unverified),
    ] {
        let error = Counters::redis(&server(url), |_| ()).unwrap_err();
        assert_eq!(error, (None, expected), "{url}");
        assert!(!error.1.to_string().contains("hunter2"));
    }
    let mut stores = server("redis://h");
    let url = "unix:///run/redis.sock".into();
    let sentinels = vec!["h".parse().unwrap()];
    stores.set(StoreName::Sessions, StoreSetting::Server(Server { url, sentinels }));
    let error = Counters::redis(&stores, |_| ()).unwrap_err();
    assert_eq!(error, (Some(StoreName::Sessions), AddressError::NoName));
}

/// A certificate authority that signs for 127.0.0.1.
struct Authority(tempfile::TempDir);

impl Authority {
    fn new() -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        authority.openssl(&format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"));
        authority.openssl(&format!("req {key} -subj /CN=server -keyout server.key -out server.csr"));
        std::fs::write(authority.0.path().join("extensions"), "subjectAltName=IP:127.0.0.1").unwrap();
        authority.openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out \
             server.pem",
        );
        authority
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        let output = command.args(arguments.split_whitespace()).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    /// The settings of a server or sentinel with TLS at this port.
    fn settings(&self, port: u16) -> String {
        let path = |name| self.0.path().join(name).display().to_string();
        format!(
            "tls-port {port}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}",
            path("server.pem"),
            path("server.key"),
            path("ca.pem")
        )
    }

    fn files(&self) -> TlsFiles {
        let key = String::from_utf8(self.read("server.key")).unwrap();
        TlsFiles {
            authorities: Some(self.read("ca.pem")),
            identity: Some((self.read("server.pem"), key.into())),
        }
    }
}

#[tokio::test]
async fn certificates_are_verified_on_both_sides() {
    let authority = Authority::new();
    let port = free_port();
    let process = Process::server(&authority.settings(port));
    let right = authority.files();
    let without_identity = TlsFiles { identity: None, ..right.clone() };
    let other_authority = TlsFiles { authorities: Some(Authority::new().read("ca.pem")), ..right.clone() };
    let system_authorities = TlsFiles { authorities: None, ..right.clone() };
    for (tls, is_right) in
        [(right, true), (without_identity, false), (other_authority, false), (system_authorities, false)]
    {
        let mut stores = server(&format!("rediss://127.0.0.1:{port}"));
        stores.tls = tls;
        let result = count(&counters(&stores), "tls").await;
        assert_eq!(result.is_ok(), is_right, "{result:?}");
    }
    assert_eq!(process.ask::<i64>(&["GET", &key("tls")[0]]), 1);
    let mut stores = server(&format!("rediss://127.0.0.1:{port}"));
    stores.tls = TlsFiles { authorities: Some(b"-----BEGIN CERTIFICATE-----\nx".to_vec()), identity: None };
    assert_eq!(Counters::redis(&stores, |_| ()).unwrap_err(), (None, AddressError::Tls));
}

#[tokio::test]
async fn sentinels_may_use_tls() {
    let authority = Authority::new();
    let deployment = Deployment::start();
    let port = free_port();
    let sentinel = Process::sentinel(deployment.primary.port, "", &authority.settings(port));
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let url = format!("redis://:{ENCODED_PASSWORD}@{NAME}");
    let mut stores = Stores::new(Some(Server { url: url.as_str().into(), sentinels: vec![address] }));
    stores.tls = authority.files();
    stores.sentinel_login = SentinelLogin { is_tls: true, ..SentinelLogin::default() };
    until("the sentinel does not know the primary", || {
        sentinel.try_ask::<Option<(String, u16)>>(&["SENTINEL", "get-master-addr-by-name", NAME]).flatten()
    });
    count(&counters(&stores), "sentinel-tls").await.unwrap();
    stores.tls.authorities = Some(Authority::new().read("ca.pem"));
    let error = count(&counters(&stores), "sentinel-tls").await.unwrap_err();
    assert!(error.to_string().contains(&format!("sentinel 127.0.0.1:{port}")), "{error}");
}
