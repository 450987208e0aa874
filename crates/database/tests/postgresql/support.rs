//! Databases for single tests on the test server.
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use database::{Conn, Location};
use diesel::connection::SimpleConnection;

pub const USERS: i64 = 50;

/// A database on the test server with [`USERS`] users, each with a key of the same id.
pub struct TestDatabase {
    pub name: String,
}

impl TestDatabase {
    /// A database without tables.
    pub fn empty() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("pool_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        run(&server_url(), &format!("CREATE DATABASE {name}"));
        Self { name }
    }

    pub fn new() -> Self {
        let database = Self::empty();
        database::migrate(&mut open(&database.url())).unwrap();
        let users = (1..=USERS).map(|id| {
            format!(
                "INSERT INTO users (id, username, email, state, projects_limit) \
                 VALUES ({id}, 'user-{id}', 'user-{id}@example.com', 'active', 0); \
                 INSERT INTO keys (id, user_id, title, key) VALUES ({id}, {id}, 'key', 'ssh-ed25519 {id}');"
            )
        });
        run(&database.url(), &users.collect::<String>());
        database
    }

    pub fn url(&self) -> String {
        let server = server_url();
        let (base, _) = server.rsplit_once('/').unwrap();
        format!("{base}/{}", self.name)
    }

    pub fn end_connections(&self) {
        let name = &self.name;
        run(
            &server_url(),
            &format!(
                "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = '{name}'"
            ),
        );
    }

    pub fn allow_connections(&self, allow: bool) {
        run(&server_url(), &format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {allow}", self.name));
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        run(&server_url(), &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

pub fn server_url() -> String {
    std::env::var("TEST_DATABASE_URL").expect("there is no PostgreSQL to test with: run `make test`")
}

pub fn open(url: &str) -> Conn {
    Location::parse(url).unwrap().open(Duration::from_mins(1)).unwrap()
}

pub fn run(url: &str, statements: &str) {
    open(url).batch_execute(statements).unwrap();
}
