//! The connections of a pool. r2d2 stores them and opens one at a time.
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::r2d2::R2D2Connection;
use r2d2::{ManageConnection, PooledConnection};

use crate::check::Finding;
use crate::connector::Connector;
use crate::session::Progress;
use crate::{Conn, Error, Location, Result};

/// The timeout of r2d2 for opening a connection. It pauses between attempts for up to half of it.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(400);
/// After a failed attempt, further attempts fail immediately for this long. The server gets at most five
/// attempts per second.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How often a waiting request checks whether the database is unavailable.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// The timeout for a database that was last seen unavailable. Together with one attempt it is below one
/// second.
const UNAVAILABLE_TIMEOUT: Duration = Duration::from_millis(700);
/// A connection that was idle for longer is tested before a write.
const TEST_AFTER: Duration = Duration::from_secs(1);
/// The minimum interval between reloads of the catalogue after errors that a schema change would explain.
const CATALOGUE_PAUSE: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_mins(10);

/// The connections of a pool. A caller of [`Self::get`] holds one of the pool's permits, so there are never
/// more callers than connections.
pub(crate) struct Connections {
    pool: r2d2::Pool<Manager>,
    shared: Arc<Shared>,
}

/// The state shared by the pool, its manager and its connections.
#[derive(Debug)]
struct Shared {
    connector: Connector,
    state: Mutex<State>,
    /// Locked during an attempt to connect.
    connecting: Mutex<()>,
    /// Connections of an older generation are closed when they are returned or taken.
    generation: AtomicU64,
    open: Arc<AtomicUsize>,
    is_draining: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    failure: Option<Failure>,
    catalogue_forgotten: Option<Instant>,
    /// Why the tables do not fit, if known.
    misfit: Option<String>,
    /// Tables with a finding of the check.
    unsupported: Vec<&'static str>,
}

/// The last failed attempt to connect.
#[derive(Debug, Clone)]
struct Failure {
    at: Instant,
    message: String,
    /// The configuration does not fit, so another attempt would fail too.
    configuration: Option<String>,
}

/// The time limit of one request.
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

    /// The end of the wait while the database is unavailable.
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
    /// Prepares `size` connections. Each is opened on first use.
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

    /// Closes connections when they are returned, until one is left.
    pub fn drain(&self) {
        self.shared.is_draining.store(true, Ordering::Release);
        // Idle connections are taken once, so that they are returned.
        let idle: Vec<_> = std::iter::from_fn(|| self.pool.try_get()).collect();
        drop(idle);
    }

    /// Returns an idle connection or a new one.
    ///
    /// While the database is unavailable, this waits for at most [`UNAVAILABLE_TIMEOUT`], and succeeds if
    /// the database comes back.
    pub fn get(&self, wait: Wait) -> Result<Pooled> {
        self.get_where(wait, |_| true)
    }

    /// Like [`Self::get`], with a connection that was recently used or tested.
    pub fn get_healthy(&self, wait: Wait) -> Result<Pooled> {
        self.get_where(wait, |connection| {
            connection.last_used.elapsed() < TEST_AFTER || connection.conn.ping().is_ok()
        })
    }

    pub fn misfit(&self) -> Option<String> {
        self.shared.state().misfit.clone()
    }

    /// Stores the findings of a check. The tables may have been created before the check, so new connections
    /// reload the catalogue.
    pub fn set_findings(&self, findings: &[Finding]) {
        self.shared.connector.forget_catalogue();
        let mut state = self.shared.state();
        state.misfit = findings.first().map(ToString::to_string);
        state.unsupported = findings.iter().map(|finding| finding.table).collect();
    }

    /// Converts the error of a statement to [`Error::Unsupported`] if it concerns a table with a finding.
    pub fn explain(&self, error: Error) -> Error {
        let unsupported = self.shared.state().unsupported.clone();
        if unsupported.is_empty() { error } else { error.or_unsupported(&unsupported) }
    }

    /// Whether the last attempt to connect failed.
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

    /// Returns a connection that becomes available within [`CHECK_INTERVAL`], or `None`.
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

    /// Returns a connection to the pool, unless it must be closed. Returns whether the failed work may be
    /// repeated.
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
                self.shared.forget_catalogue(&reason);
                true
            }
        }
    }
}

impl Shared {
    /// Makes one attempt to connect. An attempt shortly after a failed one returns the same error.
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

    /// Makes the next connection reload the catalogue, at most every [`CATALOGUE_PAUSE`].
    fn forget_catalogue(&self, reason: &str) {
        let mut state = self.state();
        state.misfit.get_or_insert_with(|| reason.to_owned());
        if state.catalogue_forgotten.is_some_and(|at| at.elapsed() < CATALOGUE_PAUSE) {
            return;
        }
        state.catalogue_forgotten = Some(Instant::now());
        drop(state);
        tracing::warn!("the database has changed, so its tables and columns are read again: {reason}");
        self.connector.forget_catalogue();
        self.close_all();
    }

    /// Closes all connections, each when it is next taken. After a restart of the server, all connections of
    /// the pool are broken.
    fn close_all(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens connections for r2d2, and tells it which ones to close.
#[derive(Debug)]
pub(crate) struct Manager(Arc<Shared>);

impl ManageConnection for Manager {
    type Connection = TrackedConnection;
    type Error = Error;

    fn connect(&self) -> Result<TrackedConnection> {
        let generation = self.0.generation.load(Ordering::Acquire);
        let conn = self.0.connect()?;
        let open = OpenConnection::new(&self.0.open);
        Ok(TrackedConnection {
            conn,
            generation,
            fate: Fate::Keep,
            has_changed_nothing: false,
            last_used: Instant::now(),
            _open: open,
        })
    }

    /// Never called: `test_on_check_out` is disabled, because it would cost a round trip each time.
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

/// Counts an open connection until it is dropped.
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

/// A connection that returns to its pool when it is dropped.
pub(crate) type Pooled = PooledConnection<Manager>;

/// Whether a connection is kept or closed after its use.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Keep,
    /// The connection to the server is lost.
    Broken,
    /// A statement names a table or column that no longer exists, or lacks a right. Contains the database's
    /// message.
    Outdated(String),
}

/// A connection of a pool.
#[derive(Debug)]
pub(crate) struct TrackedConnection {
    conn: Conn,
    generation: u64,
    fate: Fate,
    /// Whether the last use has failed before anything was committed.
    pub has_changed_nothing: bool,
    last_used: Instant,
    _open: OpenConnection,
}

impl TrackedConnection {
    /// Runs `f`. Also returns the number of statements that it ran.
    pub fn use_for<T>(&mut self, f: impl FnOnce(&mut Conn) -> Result<T>) -> (Result<T>, u32) {
        self.conn.with_session(|session| {
            (session.statements, session.progress) = (0, Progress::default());
        });
        let result = self.conn.with_settings(f);
        let is_read_only = result.as_ref().err().map(Error::is_read_only);
        let (statements, has_changed_nothing) = self.conn.with_session(|session| {
            let progress = &session.progress;
            let is_unchanged = |is_read_only| progress.has_changed_nothing(is_read_only);
            (session.statements, is_read_only.is_some_and(is_unchanged))
        });
        self.has_changed_nothing = has_changed_nothing;
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
