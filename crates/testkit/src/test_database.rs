//! A temporary database for each test, copied from a template that is created once.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use database::registry::{SERVICES, Service};
use database::{Conn, Location};
use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use tempfile::TempDir;

use crate::fixture;

/// The statements that list the tables, for [`Database::contents`].
const POSTGRESQL_TABLES: &str = "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) \
    FROM information_schema.tables WHERE table_type = 'BASE TABLE' \
    AND table_schema NOT IN ('pg_catalog', 'information_schema')";
const SQLITE_TABLES: &str =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";

/// A database with the tables and the [`fixture`], which is dropped with the value.
#[derive(Debug)]
pub struct Database {
    url: String,
    kind: Kind,
    /// The connection of [`Self::sql`], which its first call opens. PostgreSQL needs 20 ms for a new one.
    conn: Mutex<Option<Conn>>,
}

/// A release of GitLab whose schema the tests have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    V18_0,
    V18_5,
    V19_5,
}

impl Release {
    pub const ALL: [Self; 3] = [Self::V18_0, Self::V18_5, Self::V19_5];
}

/// The changes of each release since the previous one; for the first, since our own migrations.
const RELEASES: [(&str, &str); 3] = [
    ("18_0", include_str!("gitlab/18_0.sql")),
    ("18_5", include_str!("gitlab/18_5.sql")),
    ("19_5", include_str!("gitlab/19_5.sql")),
];

#[derive(Debug)]
enum Kind {
    Sqlite {
        _dir: TempDir,
    },
    /// In a GitLab database each service has a URL with its role.
    Postgresql {
        name: String,
        release: Option<Release>,
        role_urls: Vec<(&'static str, String)>,
    },
}

impl Database {
    pub fn sqlite() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let path = TempDir::new().expect("a temporary directory").keep().join("template.sqlite3");
            let mut conn = open(&format!("sqlite://{}", path.display()));
            database::migrate(&mut conn).expect("the migrations run");
            fixture::insert(&mut conn);
            conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").expect("the WAL is merged into the file");
            path
        });
        let dir = TempDir::new().expect("a temporary directory");
        let path = dir.path().join("test.sqlite3");
        std::fs::copy(template, &path).expect("the template is copied");
        Self {
            url: format!("sqlite://{}", path.display()),
            kind: Kind::Sqlite { _dir: dir },
            conn: Mutex::default(),
        }
    }

    pub fn postgresql() -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        Self::copy(TEMPLATE.get_or_init(|| make_template("template", &[])), None)
    }

    /// A database of the newest GitLab release, or of the one that `TEST_GITLAB_RELEASE` names (`18_0`).
    pub fn gitlab() -> Self {
        let Ok(name) = std::env::var("TEST_GITLAB_RELEASE") else { return Self::release(Release::V19_5) };
        let index = RELEASES.iter().position(|(release, _)| *release == name);
        Self::release(Release::ALL[index.unwrap_or_else(|| panic!("unknown release {name}"))])
    }

    /// A database with the schema of a GitLab release, where each service has a role of its own.
    pub fn release(release: Release) -> Self {
        static TEMPLATES: [OnceLock<String>; 3] = [const { OnceLock::new() }; 3];
        let index = release as usize;
        let template = TEMPLATES[index].get_or_init(|| {
            let name = make_template(&format!("gitlab_{}", RELEASES[index].0), &RELEASES[..=index]);
            for service in SERVICES {
                create_role(service);
            }
            grant(&server_with(&name));
            name
        });
        Self::copy(template, Some(release))
    }

    /// Creates a private copy of a template.
    fn copy(template: &str, release: Option<Release>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        execute(&format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"));
        let url = server_with(&name);
        let services = if release.is_some() { SERVICES.as_slice() } else { &[] };
        let role_urls =
            services.iter().map(|service| (service.name, as_role(&url, &role(service.name)))).collect();
        Self { url, kind: Kind::Postgresql { name, release, role_urls }, conn: Mutex::default() }
    }

    /// The URL for the owner of the tables. A service connects to [`Self::url_for`].
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL for a service, such as `kas-api`. In a GitLab database it has the rights that
    /// `internal-apictl grants` prints, and no others.
    pub fn url_for(&self, service: &str) -> &str {
        let role_urls = match &self.kind {
            Kind::Postgresql { role_urls, .. } => role_urls.as_slice(),
            Kind::Sqlite { .. } => &[],
        };
        role_urls.iter().find(|(name, _)| *name == service).map_or(&self.url, |(_, url)| url)
    }

    /// Whether the tables are those of a GitLab release.
    pub fn is_gitlab(&self) -> bool {
        self.gitlab_release().is_some()
    }

    /// The GitLab release that has these tables.
    pub fn gitlab_release(&self) -> Option<Release> {
        match self.kind {
            Kind::Postgresql { release, .. } => release,
            Kind::Sqlite { .. } => None,
        }
    }

    pub fn is_postgresql(&self) -> bool {
        matches!(self.kind, Kind::Postgresql { .. })
    }

    /// Opens a connection to the database.
    pub fn open(&self) -> Conn {
        open(&self.url)
    }

    /// Runs statements that both databases support, as the owner of the tables.
    ///
    /// Grants the services' rights again if the statements change the schema, as an operator does after an
    /// upgrade of GitLab.
    pub fn sql(&self, statements: &str) {
        let mut conn = self.conn.lock().expect("no other use has panicked");
        conn.get_or_insert_with(|| self.open()).batch_execute(statements).expect("the statements run");
        drop(conn);
        let changes_schema = ["ALTER TABLE", "CREATE TABLE"].iter().any(|words| statements.contains(words));
        if changes_schema && self.is_gitlab() {
            grant(&self.url);
        }
    }

    /// Refuses writes to these tables, as each database of a GitLab with split databases does for the tables of
    /// the others.
    pub fn lock_writes(&self, tables: &[&str]) {
        self.sql(
            "CREATE FUNCTION gitlab_schema_prevent_write() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
               RAISE EXCEPTION 'Table: \"%\" is write protected within this Gitlab database.', TG_TABLE_NAME
                 USING ERRCODE = 'modifying_sql_data_not_permitted';
             END $$",
        );
        for table in tables {
            self.sql(&format!(
                "CREATE TRIGGER gitlab_schema_write_trigger_for_{table} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE
                 ON {table} FOR EACH STATEMENT EXECUTE FUNCTION gitlab_schema_prevent_write()"
            ));
        }
    }

    /// Lets the database accept connections or refuse them. A refusal also ends the open ones.
    pub fn allow_connections(&self, allow: bool) {
        let Kind::Postgresql { name, .. } = &self.kind else { panic!("only PostgreSQL refuses connections") };
        execute(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allow}"));
        if !allow {
            *self.conn.lock().expect("no other use has panicked") = None;
            execute(&format!(
                "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = '{name}'"
            ));
        }
    }

    /// The rows of every table as text. Two equal values mean that nothing has changed in between.
    pub fn contents(&self) -> BTreeMap<String, String> {
        let mut conn = self.open();
        let mut read = |query: &str| -> Vec<String> {
            sql::<Text>(query).get_results(&mut conn).unwrap_or_else(|error| panic!("{error}: {query}"))
        };
        let mut contents = BTreeMap::new();
        let tables = if self.is_postgresql() { POSTGRESQL_TABLES } else { SQLITE_TABLES };
        for table in read(tables) {
            let (row, lines) = if self.is_postgresql() {
                ("CAST(t AS text)".to_owned(), "string_agg(line, ';')")
            } else {
                let columns = format!(
                    "SELECT group_concat('quote(\"' || name || '\")', ' || '','' || ')
                     FROM pragma_table_info('{table}')"
                );
                (read(&columns).remove(0), "group_concat(line, ';')")
            };
            let rows = format!("SELECT {row} AS line FROM {table} t ORDER BY 1");
            let text = read(&format!("SELECT coalesce({lines}, '') FROM ({rows}) l")).remove(0);
            contents.insert(table, text);
        }
        contents
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Kind::Postgresql { name, .. } = &self.kind {
            *self.conn.lock().unwrap_or_else(PoisonError::into_inner) = None;
            drop_later(name.clone());
        }
    }
}

/// Drops a database on a thread of its own: PostgreSQL waits 100 ms for the connections that it ends.
fn drop_later(name: String) {
    static NAMES: OnceLock<SyncSender<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let (sender, receiver) = sync_channel::<String>(8);
        std::thread::spawn(move || {
            let mut conn = open(&server());
            for name in receiver {
                let dropped = conn.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
                dropped.unwrap_or_else(|error| eprintln!("failed to drop {name}: {error}"));
            }
        });
        sender
    });
    names.send(name).unwrap_or_else(|error| eprintln!("failed to drop {}", error.0));
}

/// Creates a database with our tables, the fixture and these releases' changes.
fn make_template(prefix: &str, changes: &[(&str, &str)]) -> String {
    let name = format!("{prefix}_{}", std::process::id());
    execute(&format!("CREATE DATABASE {name}"));
    let mut conn = open(&server_with(&name));
    database::migrate(&mut conn).expect("the migrations run");
    fixture::insert(&mut conn);
    for (release, statements) in changes {
        conn.batch_execute(statements).unwrap_or_else(|error| panic!("{release}: {error}"));
    }
    name
}

/// The database role of a service, which the services of all tests share.
fn role(service: &str) -> String {
    format!("test_{}", service.replace('-', "_"))
}

/// Creates the role of a service, unless another test process has created it.
fn create_role(service: Service) {
    let role = role(service.name);
    execute(&format!(
        "DO $$ BEGIN CREATE ROLE {role} LOGIN NOINHERIT PASSWORD '{role}'; \
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    ));
}

/// Gives each service's role the rights that `internal-apictl grants` prints.
fn grant(url: &str) {
    let mut conn = open(url);
    for service in SERVICES {
        let statements = database::grants(&mut conn, service, &role(service.name), None).expect("the grants");
        fixture::run(&mut conn, &statements);
    }
}

/// The URL with the name and password of a role.
fn as_role(url: &str, role: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    format!("{scheme}://{role}:{role}@{address}")
}

fn server() -> String {
    std::env::var("TEST_DATABASE_URL").expect("there is no PostgreSQL to test with: run `make test`")
}

/// The URL of the server with another database.
fn server_with(database: &str) -> String {
    let server = server();
    let (base, _) = server.rsplit_once('/').expect("TEST_DATABASE_URL ends with the name of a database");
    format!("{base}/{database}")
}

/// Runs a statement for the whole server.
fn execute(statement: &str) {
    static IDLE: Mutex<Vec<Conn>> = Mutex::new(Vec::new());
    let idle = || IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let used_before = idle().pop();
    let mut conn = used_before.unwrap_or_else(|| open(&server()));
    conn.batch_execute(statement).expect("the statement runs on the test server");
    idle().push(conn);
}

fn open(url: &str) -> Conn {
    let location = Location::parse(url).expect("a URL of a database");
    location.open(Duration::from_mins(1)).expect("the database opens")
}
