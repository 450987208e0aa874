//! A throw-away database for each test, copied from one that is made once.
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use database::{Conn, Location};
use diesel::connection::SimpleConnection;
use tempfile::TempDir;

use crate::fixture;

/// A database with the tables and the [`fixture`]; it goes with the value.
#[derive(Debug)]
pub struct Database {
    url: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Sqlite { _dir: TempDir },
    Postgresql { name: String },
}

impl Database {
    pub fn sqlite() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let path = TempDir::new().expect("a temporary directory").keep().join("template.sqlite3");
            let mut conn = open(&format!("sqlite://{}", path.display()));
            database::migrate(&mut conn).expect("the tables are made");
            fixture::insert(&mut conn);
            conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").expect("all is in one file");
            path
        });
        let dir = TempDir::new().expect("a temporary directory");
        let path = dir.path().join("test.sqlite3");
        std::fs::copy(template, &path).expect("the template is copied");
        Self { url: format!("sqlite://{}", path.display()), kind: Kind::Sqlite { _dir: dir } }
    }

    pub fn postgresql() -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let template = TEMPLATE.get_or_init(|| {
            let name = format!("template_{}", std::process::id());
            execute(&format!("CREATE DATABASE {name}"));
            let mut conn = open(&server_with(&name));
            database::migrate(&mut conn).expect("the tables are made");
            fixture::insert(&mut conn);
            name
        });
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        execute(&format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"));
        Self { url: server_with(&name), kind: Kind::Postgresql { name } }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn is_postgresql(&self) -> bool {
        matches!(self.kind, Kind::Postgresql { .. })
    }

    /// A connection to it.
    pub fn open(&self) -> Conn {
        open(&self.url)
    }

    /// Runs statements that both databases understand.
    pub fn sql(&self, statements: &str) {
        self.open().batch_execute(statements).expect("the statements run");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Kind::Postgresql { name } = &self.kind {
            execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn server() -> String {
    std::env::var("TEST_DATABASE_URL").expect("there is no PostgreSQL to test with: run `make test`")
}

/// The server's URL with another database.
fn server_with(database: &str) -> String {
    let server = server();
    let (base, _) = server.rsplit_once('/').expect("TEST_DATABASE_URL ends with the name of a database");
    format!("{base}/{database}")
}

fn execute(statement: &str) {
    open(&server()).batch_execute(statement).expect("the test server obeys");
}

fn open(url: &str) -> Conn {
    let location = Location::parse(url).expect("a URL of a database");
    location.open(Duration::from_mins(1)).expect("the database opens")
}
