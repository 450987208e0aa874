//! The connections of a pool: r2d2 keeps them, and opens one at a time.
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::r2d2::R2D2Connection;
use r2d2::{ManageConnection, PooledConnection};

use crate::check::Finding;
use crate::connector::Connector;
use crate::{Conn, Error, Location, Result};

/// The longest wait of r2d2 for one connection. It pauses between attempts for up to half of it.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(400);
/// After a failed attempt to connect, further ones fail at once for this long: the server gets at most five a second.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How often a request that waits for a connection looks whether the database is away.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// How long a request waits for a database that was last seen away. With one attempt it stays below a second.
const UNAVAILABLE_TIMEOUT: Duration = Duration::from_millis(700);
/// A connection that was idle for longer is tested before something is written on it.
const TEST_AFTER: Duration = Duration::from_secs(1);
/// After an error that a changed database explains, its catalogue is read again at most this often.
const CATALOGUE_PAUSE: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_mins(10);

/// The connections of a pool. A caller of [`Self::get`] holds one of the pool's permits, so that there are never more
/// callers than connections.
pub(crate) struct Connections {
    pool: r2d2::Pool<Manager>,
    shared: Arc<Shared>,
}

/// What the pool, its manager and its connections know together.
#[derive(Debug)]
struct Shared {
    connector: Connector,
    state: Mutex<State>,
    /// Held during an attempt to connect.
    connecting: Mutex<()>,
    /// Connections of an older generation are closed when they are found.
    generation: AtomicU64,
    open: Arc<AtomicUsize>,
    is_draining: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    failure: Option<Failure>,
    catalogue_forgotten: Option<Instant>,
    /// Why the tables do not fit, as far as it is known.
    misfit: Option<String>,
    /// Tables that the check has found fault with.
    unsupported: Vec<&'static str>,
}

/// The last attempt to connect, if it failed.
#[derive(Debug, Clone)]
struct Failure {
    at: Instant,
    message: String,
    /// Another attempt would fail, too: the configuration does not fit.
    configuration: Option<String>,
}

/// How long one request waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    since: Instant,
    until: Instant,
}

impl Wait {
    pub fn new(timeout: Duration) -> Self {
        let since = Instant::now();
        Self { since, until: since + timeout }
    }

    pub fn is_over(self) -> bool {
        Instant::now() >= self.until
    }

    /// How long it waits while the database is away.
    fn until_unavailable(self) -> Instant {
        self.until.min(self.since + UNAVAILABLE_TIMEOUT)
    }

    pub fn is_over_if_away(self) -> bool {
        Instant::now() >= self.until_unavailable()
    }
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Connections {
    /// Prepares `size` connections; each is opened when it is first needed.
    pub fn new(connector: Connector, size: u32) -> Self {
        let shared = Arc::new(Shared {
            connector,
            state: Mutex::default(),
            connecting: Mutex::default(),
            generation: AtomicU64::new(0),
            open: Arc::default(),
            is_draining: AtomicBool::new(false),
        });
        let pool = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(CONNECT_TIMEOUT)
            .idle_timeout(Some(IDLE_TIMEOUT))
            .max_lifetime(None)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(Manager(Arc::clone(&shared)));
        Self { pool, shared }
    }

    pub fn location(&self) -> &Location {
        self.shared.connector.location()
    }

    pub fn idle(&self) -> u32 {
        self.pool.state().idle_connections
    }

    /// Closes connections when they are put back, until one is left.
    pub fn drain(&self) {
        self.shared.is_draining.store(true, Ordering::Release);
        // The idle ones are taken once, so that they are put back.
        let idle: Vec<_> = std::iter::from_fn(|| self.pool.try_get()).collect();
        drop(idle);
    }

    /// An idle connection, or a new one.
    ///
    /// While the database is away, this waits for [`UNAVAILABLE_TIMEOUT`] in all, and succeeds if it comes back.
    pub fn get(&self, wait: Wait) -> Result<Pooled> {
        self.get_where(wait, |_| true)
    }

    /// The same, with a connection that was used or tested a short time ago.
    pub fn get_healthy(&self, wait: Wait) -> Result<Pooled> {
        self.get_where(wait, |connection| {
            connection.last_used.elapsed() < TEST_AFTER || connection.conn.ping().is_ok()
        })
    }

    pub fn misfit(&self) -> Option<String> {
        self.shared.state().misfit.clone()
    }

    /// Remembers the findings of a check, before which the tables may have been made: new connections read the
    /// catalogue anew.
    pub fn set_findings(&self, findings: &[Finding]) {
        self.shared.connector.forget_catalogue();
        let mut state = self.shared.state();
        state.misfit = findings.first().map(ToString::to_string);
        state.unsupported = findings.iter().map(|finding| finding.table).collect();
    }

    /// The error of a statement; with a table that the check has found fault with, it is unsupported.
    pub fn explain(&self, error: Error) -> Error {
        let unsupported = self.shared.state().unsupported.clone();
        if unsupported.is_empty() { error } else { error.or_unsupported(&unsupported) }
    }

    /// Whether the last attempt to connect has failed.
    pub fn is_away(&self) -> bool {
        self.shared.state().failure.is_some()
    }

    fn get_where(&self, wait: Wait, is_usable: impl Fn(&mut TrackedConnection) -> bool) -> Result<Pooled> {
        loop {
            let Some(mut connection) = self.next(wait)? else { continue };
            if connection.generation < self.shared.generation.load(Ordering::Acquire) {
                connection.fate = Fate::Broken;
            } else if is_usable(&mut connection) {
                return Ok(connection);
            } else {
                connection.fate = Fate::Broken;
                self.shared.close_all();
            }
        }
    }

    /// A connection that r2d2 has within [`CHECK_INTERVAL`], or `None`.
    fn next(&self, wait: Wait) -> Result<Option<Pooled>> {
        if let Some(connection) = self.pool.try_get() {
            return Ok(Some(connection));
        }
        let now = Instant::now();
        let failure = self.shared.state().failure.clone();
        if let Some(message) = failure.as_ref().and_then(|failure| failure.configuration.clone()) {
            return Err(Error::Configuration(message));
        }
        let deadline = if failure.is_some() { wait.until_unavailable() } else { wait.until };
        if now >= deadline {
            let reason =
                failure.map_or_else(|| "no connection in time".to_owned(), |failure| failure.message);
            return Err(Error::Unavailable(reason.into()));
        }
        Ok(self.pool.get_timeout(CHECK_INTERVAL.min(deadline - now)).ok())
    }

    /// Takes a connection back, unless it must be closed. Whether the work that failed on it may be repeated.
    pub fn put_back(&self, mut connection: Pooled) -> bool {
        connection.last_used = Instant::now();
        let fate = connection.fate.clone();
        drop(connection);
        match fate {
            Fate::Keep => false,
            Fate::Broken => {
                self.shared.close_all();
                true
            }
            Fate::Outdated(reason) => {
                self.shared.forget_catalogue(reason);
                true
            }
        }
    }
}

impl Shared {
    /// Makes the one attempt. Attempts that begin soon after a failed one fail as it did.
    fn connect(&self) -> Result<Conn> {
        let _one_at_a_time = self.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) =
            self.state().failure.clone().filter(|failure| failure.at.elapsed() < RETRY_PAUSE)
        {
            return Err(Error::Unavailable(failure.message.into()));
        }
        let connected = self.connector.connect_with_catalogue();
        let mut state = self.state();
        match &connected {
            Ok(_) => {
                if state.failure.take().is_some() {
                    tracing::info!("the database is available again");
                }
            }
            Err(error) => {
                if state.failure.is_none() {
                    tracing::warn!(
                        error = error as &dyn std::error::Error,
                        "a database connection could not be opened"
                    );
                }
                let configuration = match error {
                    Error::Configuration(message) => Some(message.clone()),
                    _ => None,
                };
                state.failure =
                    Some(Failure { at: Instant::now(), message: error.root_cause(), configuration });
            }
        }
        connected
    }

    /// Lets the next connection read the catalogue anew, but not more often than every [`CATALOGUE_PAUSE`].
    fn forget_catalogue(&self, reason: String) {
        let mut state = self.state();
        state.misfit.get_or_insert_with(|| reason.clone());
        if state.catalogue_forgotten.is_some_and(|at| at.elapsed() < CATALOGUE_PAUSE) {
            return;
        }
        state.catalogue_forgotten = Some(Instant::now());
        drop(state);
        tracing::warn!(reason, "the database has changed: its tables and columns are read again");
        self.connector.forget_catalogue();
        self.close_all();
    }

    /// Closes all connections: each when it is next found. A server that was restarted leaves a whole pool of broken
    /// connections behind.
    fn close_all(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens connections for r2d2, and tells it which to close.
#[derive(Debug)]
pub(crate) struct Manager(Arc<Shared>);

impl ManageConnection for Manager {
    type Connection = TrackedConnection;
    type Error = Error;

    fn connect(&self) -> Result<TrackedConnection> {
        let generation = self.0.generation.load(Ordering::Acquire);
        let conn = self.0.connect()?;
        let open = OpenConnection::new(&self.0.open);
        Ok(TrackedConnection { conn, generation, fate: Fate::Keep, last_used: Instant::now(), _open: open })
    }

    /// Never called: `test_on_check_out` is off, because it would cost a round trip each time.
    fn is_valid(&self, connection: &mut TrackedConnection) -> Result<()> {
        Ok(connection.conn.ping()?)
    }

    fn has_broken(&self, connection: &mut TrackedConnection) -> bool {
        let is_surplus =
            self.0.is_draining.load(Ordering::Acquire) && self.0.open.load(Ordering::Acquire) > 1;
        connection.fate != Fate::Keep
            || connection.generation < self.0.generation.load(Ordering::Acquire)
            || is_surplus
    }
}

/// Counts a connection until it is closed.
#[derive(Debug)]
struct OpenConnection(Arc<AtomicUsize>);

impl OpenConnection {
    fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(counter))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A connection that goes back to its pool when it is dropped.
pub(crate) type Pooled = PooledConnection<Manager>;

/// What is done with a connection after its use.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Keep,
    /// The server has gone away.
    Broken,
    /// A table or column that a statement names has gone, or a right; with the database's words.
    Outdated(String),
}

/// A connection of a pool.
#[derive(Debug)]
pub(crate) struct TrackedConnection {
    conn: Conn,
    generation: u64,
    fate: Fate,
    last_used: Instant,
    _open: OpenConnection,
}

impl TrackedConnection {
    /// Runs `f`; also gives the number of statements that it ran.
    pub fn use_for<T>(&mut self, f: impl FnOnce(&mut Conn) -> Result<T>) -> (Result<T>, u32) {
        self.conn.session().statements = 0;
        let result = self.conn.with_settings(f);
        let statements = self.conn.session().statements;
        self.fate = match &result {
            Err(error @ Error::Unavailable(_)) if error.is_read_only() || self.conn.ping().is_err() => {
                Fate::Broken
            }
            Err(error) if error.is_outdated() => Fate::Outdated(error.root_cause()),
            _ if self.conn.is_broken() => Fate::Broken,
            _ => Fate::Keep,
        };
        (result, statements)
    }
}
