//! The services and their expected deployment.
use std::path::{Path, PathBuf};

/// The deployment of a service.
#[derive(Debug)]
pub struct Service {
    pub name: &'static str,
    pub port: u16,
    pub monitoring: u16,
    /// Requested CPU and memory, and the memory limit.
    pub resources: [&'static str; 3],
    /// Minimum and maximum number of replicas.
    pub replicas: [u64; 2],
    /// Secret files, except those for `db_key_base`, the database and Redis.
    pub secrets: &'static [&'static str],
    /// Ports that it connects to, except for DNS, the database and Redis.
    pub reaches: &'static [u16],
    /// The number of worker threads.
    pub workers: u64,
}

const SMALL: [&str; 3] = ["100m", "64Mi", "256Mi"];

pub const SERVICES: [Service; 5] = [
    Service {
        name: "shell-api",
        port: 8081,
        monitoring: 9081,
        resources: ["250m", "128Mi", "512Mi"],
        replicas: [3, 15],
        secrets: &["gitlab-shell-secret/secret"],
        reaches: &[8075, 9999],
        workers: 4,
    },
    Service {
        name: "kas-api",
        port: 8082,
        monitoring: 9082,
        resources: SMALL,
        replicas: [2, 10],
        secrets: &["gitlab-kas-secret/kas_shared_secret"],
        reaches: &[8075, 9999],
        workers: 2,
    },
    Service {
        name: "scim-api",
        port: 8083,
        monitoring: 9083,
        resources: SMALL,
        replicas: [2, 6],
        secrets: &[],
        reaches: &[],
        workers: 2,
    },
    Service {
        name: "admin-api",
        port: 8084,
        monitoring: 9084,
        resources: SMALL,
        replicas: [1, 2],
        secrets: &[],
        reaches: &[],
        workers: 2,
    },
    Service {
        name: "billing-api",
        port: 8085,
        monitoring: 9085,
        resources: SMALL,
        replicas: [2, 4],
        secrets: &[],
        reaches: &[443],
        workers: 2,
    },
];

impl Service {
    /// Whether its package exists.
    pub fn is_built(&self) -> bool {
        root().join("services").join(self.name).join("Cargo.toml").exists()
    }
}

/// The services whose package exists.
pub fn built() -> impl Iterator<Item = &'static Service> {
    SERVICES.iter().filter(|service| service.is_built())
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

pub fn read(path: &str) -> String {
    let path: PathBuf = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The version of the release.
pub fn version() -> String {
    let manifest = read("Cargo.toml");
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \"")).unwrap();
    line.trim_end_matches('"').to_owned()
}

/// Method and path of each endpoint, from the documentation, which the service's tests compare with its
/// endpoint table.
pub fn endpoints(service: &str) -> Vec<(String, String)> {
    let page = read(&format!("docs/api/{service}.md"));
    let lines = page.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'));
    lines
        .map(|line| line.split_once(' ').map(|(method, path)| (method.to_owned(), path.to_owned())).unwrap())
        .collect()
}

#[test]
fn every_service_of_the_tree_is_deployed() {
    for entry in std::fs::read_dir(root().join("services")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(SERVICES.iter().any(|service| service.name == name), "{name} is not in services.rs");
    }
    for service in built() {
        assert!(!endpoints(service.name).is_empty(), "docs/api/{}.md lists no endpoint", service.name);
    }
}
