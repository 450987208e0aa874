//! Opens connections, directly or through a pooler.
//!
//! A pooler such as PgBouncer in transaction mode gives each transaction another server session. A named
//! statement may then belong to another client, and a session setting affects other clients. Therefore the
//! first connection detects whether there is a pooler, and every statement takes this into account.
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Text};

use crate::catalogue::Catalogue;
use crate::location::PostgresqlUrl;
use crate::{Conn, Error, Location, Result};

/// Whether there is a connection pooler between a service and PostgreSQL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Detected by the first connection.
    #[default]
    Auto,
    /// No pooler. If one is detected, that is an error.
    None,
    /// A pooler in transaction mode. The same statements are safe in session mode.
    Transaction,
}

/// Whether statements are prepared under a name and planned once for each connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PreparedStatements {
    /// Used with a direct connection, and through a pooler that manages them.
    #[default]
    Auto,
    /// Always used. A pooler that does not manage them is an error.
    On,
    Off,
}

#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// The time limit of each statement on PostgreSQL. Zero means no limit.
    pub statement_timeout: Duration,
    pub pooler: Pooler,
    pub prepared_statements: PreparedStatements,
    /// The application name of our sessions on the server.
    pub application_name: String,
}

/// How statements reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The server session is exclusive: start-up options configure it, and statements are prepared.
    Direct,
    Pooled {
        /// The pooler manages the names of prepared statements.
        prepared: bool,
        /// The role's own settings equal ours, so that no transaction has to set them.
        role_settings: bool,
    },
}

/// Opens connections to one database, and remembers what the first one has detected.
#[derive(Debug)]
pub(crate) struct Connector {
    location: Location,
    options: ConnectOptions,
    known: Mutex<Known>,
    /// The index of the server to try first: the one that accepted the last connection.
    server: AtomicUsize,
}

#[derive(Debug, Default)]
struct Known {
    mode: Option<Mode>,
    /// The mode, why it was chosen, and the kind of statements, for the log.
    description: Option<String>,
    catalogue: Option<Arc<Catalogue>>,
}

const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_mins(1);
const SEARCH_PATH: &str = "public, internal_api";

impl Location {
    /// Opens a connection with a time limit for each statement on PostgreSQL.
    pub fn open(&self, statement_timeout: Duration) -> Result<Conn> {
        let application_name = "internal-apictl".to_owned();
        let options = ConnectOptions { statement_timeout, application_name, ..ConnectOptions::default() };
        Connector::new(self.clone(), options).connect()
    }

    /// Opens a connection as a service with these options does. Also returns how statements reach the server, in
    /// the words of the service's log; `None` for SQLite.
    pub fn connect(&self, options: ConnectOptions) -> Result<(Conn, Option<String>)> {
        let connector = Connector::new(self.clone(), options);
        let conn = connector.connect()?;
        let description = connector.known().description.clone();
        Ok((conn, description))
    }
}

impl Connector {
    pub fn new(location: Location, options: ConnectOptions) -> Self {
        Self { location, options, known: Mutex::default(), server: AtomicUsize::new(0) }
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Opens a connection.
    pub fn connect(&self) -> Result<Conn> {
        match &self.location {
            Location::Postgresql(url) => self.connect_postgresql(url),
            Location::Sqlite(path) => connect_sqlite(path),
        }
    }

    /// Opens a connection with the catalogue loaded.
    pub fn connect_with_catalogue(&self) -> Result<Conn> {
        let mut conn = self.connect()?;
        let known = self.known().catalogue.clone();
        let catalogue = if let Some(catalogue) = known {
            catalogue
        } else {
            let catalogue = conn.catalogue()?;
            self.known().catalogue = Some(Arc::clone(&catalogue));
            catalogue
        };
        conn.set_catalogue(Some(catalogue));
        Ok(conn)
    }

    /// Discards the catalogue. The next connection reloads it.
    pub fn forget_catalogue(&self) {
        self.known().catalogue = None;
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect_postgresql(&self, url: &PostgresqlUrl) -> Result<Conn> {
        let known = self.known().mode;
        let reason = match (known, self.options.pooler) {
            (Some(Mode::Pooled { .. }), _) => "",
            (_, Pooler::Transaction) => "as configured",
            _ => match self.connect_direct(url)? {
                Ok(conn) => {
                    self.remember_mode(Mode::Direct, "start-up options are honoured");
                    return Ok(conn);
                }
                Err(reason) => reason,
            },
        };
        if self.options.pooler == Pooler::None {
            return Err(Error::Configuration(format!(
                "a connection pooler is between this service and PostgreSQL ({reason}), and database_pooler is none"
            )));
        }
        if known == Some(Mode::Direct) {
            tracing::warn!("the database is behind a connection pooler now: {reason}");
        }
        self.connect_pooled(url, reason)
    }

    /// Opens a connection with an exclusive session. Returns the reason if a pooler prevents that.
    fn connect_direct(&self, url: &PostgresqlUrl) -> Result<Result<Conn, &'static str>> {
        let nonce = nonce();
        let options = format!(
            "-c internal_api.probe={nonce} -c statement_timeout={} -c search_path={} -c timezone=UTC \
             -c idle_in_transaction_session_timeout={}",
            self.options.statement_timeout.as_millis(),
            SEARCH_PATH.replace(' ', ""),
            IDLE_IN_TRANSACTION_TIMEOUT.as_millis(),
        );
        let mut pg = match self.establish(url, &options) {
            Ok(pg) => pg,
            Err(error) if is_of_pooler(&error) => return Ok(Err("start-up options are refused")),
            Err(error) => return Err(unavailable(error)),
        };
        let probe: Probe = diesel::sql_query(
            "SELECT COALESCE(current_setting('internal_api.probe', true), '') AS nonce, \
                    pg_is_in_recovery() AS is_standby",
        )
        .get_result(&mut pg)?;
        if probe.nonce != nonce {
            return Ok(Err("start-up options are dropped"));
        }
        self.refuse_standby(url, &probe)?;
        if self.options.prepared_statements == PreparedStatements::Off {
            pg.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        Ok(Ok(Conn::Postgresql(pg)))
    }

    fn connect_pooled(&self, url: &PostgresqlUrl, reason: &'static str) -> Result<Conn> {
        let mut pg = self.establish(url, "").map_err(unavailable)?;
        pg.set_prepared_statement_cache_size(CacheSize::Disabled);
        let probe: Probe =
            diesel::sql_query("SELECT '' AS nonce, pg_is_in_recovery() AS is_standby").get_result(&mut pg)?;
        self.refuse_standby(url, &probe)?;
        let known = self.known().mode;
        let (prepared, role_settings) = if let Some(Mode::Pooled { prepared, role_settings }) = known {
            (prepared, role_settings)
        } else {
            let prepared = self.finds_managed_statements(url)?;
            let role_settings = self.has_role_settings(&mut pg)?;
            self.remember_mode(Mode::Pooled { prepared, role_settings }, reason);
            (prepared, role_settings)
        };
        if prepared {
            pg.set_prepared_statement_cache_size(CacheSize::Unbounded);
        }
        let mut conn = Conn::Postgresql(pg);
        if !role_settings {
            let settings = self.local_settings().into();
            conn.with_session(|session| session.local_settings = Some(settings));
        }
        Ok(conn)
    }

    /// Opens a connection to the first server of the URL that accepts one. The server that accepted the last
    /// one is tried first, so that a server that is away does not cost its timeout each time.
    fn establish(&self, url: &PostgresqlUrl, options: &str) -> ConnectionResult<PgConnection> {
        let (first, count) = (self.server.load(Ordering::Relaxed), url.hosts().len());
        let mut result = Err(ConnectionError::BadConnection("no server".to_owned()));
        for index in (first..first + count).map(|index| index % count) {
            let uri = url.with_options(index, &self.options.application_name, options);
            result = PgConnection::establish(&uri);
            self.server.store(index, Ordering::Relaxed);
            if result.as_ref().err().is_none_or(is_of_pooler) {
                break;
            }
        }
        result
    }

    /// Refuses a standby server, which may lag behind and would honour revoked rights. The next attempt begins
    /// with another server.
    fn refuse_standby(&self, url: &PostgresqlUrl, probe: &Probe) -> Result<()> {
        if !probe.is_standby {
            return Ok(());
        }
        let next = (self.server.load(Ordering::Relaxed) + 1) % url.hosts().len();
        self.server.store(next, Ordering::Relaxed);
        Err(Error::Unavailable("the server is a standby (in recovery)".into()))
    }

    /// Returns one message that begins a transaction with our settings.
    fn local_settings(&self) -> String {
        format!(
            "BEGIN; SET LOCAL statement_timeout = {}; SET LOCAL search_path = {SEARCH_PATH}; \
             SET LOCAL timezone = 'UTC'; SET LOCAL idle_in_transaction_session_timeout = {}",
            self.options.statement_timeout.as_millis(),
            IDLE_IN_TRANSACTION_TIMEOUT.as_millis(),
        )
    }

    /// Whether new sessions of this role have our settings.
    fn has_role_settings(&self, pg: &mut PgConnection) -> Result<bool> {
        let settings: Vec<Setting> = diesel::sql_query(
            "SELECT name, setting FROM pg_settings WHERE name IN ('search_path', 'statement_timeout', \
             'TimeZone', 'idle_in_transaction_session_timeout')",
        )
        .load(pg)?;
        let limit = self.options.statement_timeout.as_millis();
        let within = |setting: &str, limit: u128| {
            let milliseconds = setting.parse().unwrap_or(0);
            limit == 0 || (1..=limit).contains(&milliseconds)
        };
        Ok(settings.iter().all(|Setting { name, setting }| match name.as_str() {
            "search_path" => setting.replace(['"', ' '], "") == SEARCH_PATH.replace(' ', ""),
            "statement_timeout" => within(setting, limit),
            "TimeZone" => matches!(setting.as_str(), "UTC" | "Etc/UTC"),
            _ => within(setting, IDLE_IN_TRANSACTION_TIMEOUT.as_millis()),
        }))
    }

    /// Whether the pooler renames each prepared statement, as PgBouncer does since 1.21.
    fn finds_managed_statements(&self, url: &PostgresqlUrl) -> Result<bool> {
        if self.options.prepared_statements == PreparedStatements::Off {
            return Ok(false);
        }
        // Uses a separate connection, because its statement names cannot be trusted afterwards.
        let mut pg = self.establish(url, "").map_err(unavailable)?;
        pg.batch_execute("BEGIN")?;
        let named = NamedStatements { nonce: nonce() };
        let names: QueryResult<Vec<String>> = named.load(&mut pg);
        let is_ours = |name: &String| name.starts_with("__diesel_stmt_");
        let is_managed = names.as_ref().is_ok_and(|names| !names.is_empty() && !names.iter().any(is_ours));
        match &names {
            Ok(names) => {
                for name in names.iter().filter(|name| is_ours(name)) {
                    pg.batch_execute(&format!("DEALLOCATE \"{name}\""))?;
                }
                pg.batch_execute("COMMIT")?;
            }
            // The name belongs to another client, so it is not deallocated.
            Err(_) => pg.batch_execute("ROLLBACK")?,
        }
        if self.options.prepared_statements == PreparedStatements::On && !is_managed {
            return Err(Error::Configuration(
                "the connection pooler does not manage prepared statements, and database_prepared_statements is on"
                    .to_owned(),
            ));
        }
        Ok(is_managed)
    }

    fn remember_mode(&self, mode: Mode, reason: &str) {
        if self.known().mode.replace(mode) == Some(mode) {
            return;
        }
        let statements = match mode {
            Mode::Direct if self.options.prepared_statements == PreparedStatements::Off => {
                "unnamed statements"
            }
            Mode::Direct | Mode::Pooled { prepared: true, .. } => "prepared statements",
            Mode::Pooled { .. } => "unnamed statements",
        };
        let name = if mode == Mode::Direct { "direct" } else { "pooled" };
        let description = format!("{name} ({reason}), {statements}");
        tracing::info!("database: {description}");
        self.known().description = Some(description);
        if let Mode::Pooled { role_settings: false, .. } = mode {
            tracing::warn!(
                "each transaction sets its own settings, which costs a round trip; run as the owner of the role: \
                 ALTER ROLE … SET search_path = {SEARCH_PATH}; ALTER ROLE … SET statement_timeout = {}; \
                 ALTER ROLE … SET timezone = 'UTC'; ALTER ROLE … SET idle_in_transaction_session_timeout = {}; \
                 then RECONNECT in the pooler",
                self.options.statement_timeout.as_millis(),
                IDLE_IN_TRANSACTION_TIMEOUT.as_millis(),
            );
        }
    }
}

fn connect_sqlite(path: &str) -> Result<Conn> {
    let mut sqlite = SqliteConnection::establish(path).map_err(unavailable)?;
    sqlite.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
         PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
    )?;
    crate::scim::register(&mut sqlite)?;
    Ok(Conn::Sqlite(sqlite))
}

/// Whether a pooler has refused our start-up options.
fn is_of_pooler(error: &ConnectionError) -> bool {
    matches!(error, ConnectionError::BadConnection(message) if message.contains("unsupported startup parameter"))
}

fn unavailable(error: ConnectionError) -> Error {
    Error::Unavailable(error.into())
}

/// Generates a string that no other client sends.
fn nonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

#[derive(QueryableByName)]
struct Probe {
    #[diesel(sql_type = Text)]
    nonce: String,
    #[diesel(sql_type = Bool)]
    is_standby: bool,
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    setting: String,
}

/// Selects the names under which the server session has prepared this statement.
struct NamedStatements {
    nonce: String,
}

impl QueryFragment<Pg> for NamedStatements {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT name FROM pg_prepared_statements WHERE statement LIKE '%");
        out.push_sql(&self.nonce);
        out.push_sql("%'");
        Ok(())
    }
}

impl QueryId for NamedStatements {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for NamedStatements {
    type SqlType = Text;
}

impl<C> RunQueryDsl<C> for NamedStatements {}
