//! The connections of a pool: those that are idle, and one attempt at a time to open another.
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::r2d2::R2D2Connection;

use crate::check::Finding;
use crate::connector::Connector;
use crate::{Conn, Error, Location, Result};

/// The pause after a failed attempt to connect.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How long a request waits for a database that was last seen away. With one attempt it stays below a second.
const UNAVAILABLE_TIMEOUT: Duration = Duration::from_millis(700);
/// A connection that was idle for longer is tested before something is written on it.
const TEST_AFTER: Duration = Duration::from_secs(1);
/// After an error that a changed database explains, its catalogue is read again at most this often.
const CATALOGUE_PAUSE: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_mins(10);

/// The connections of a pool. Whoever calls [`Self::get`] holds one of the pool's permits, so that there are never more
/// connections than permits.
#[derive(Debug)]
pub(crate) struct Connections {
    connector: Connector,
    state: Mutex<State>,
    /// A connection was put back, or an attempt to connect has ended.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The one that was used last is the last, and the next to be used: its statements are prepared.
    idle: Vec<(TrackedConnection, Instant)>,
    max_idle: usize,
    is_connecting: bool,
    failure: Option<Failure>,
    /// Connections of an older generation are closed when they are put back.
    generation: u64,
    catalogue_forgotten: Option<Instant>,
    /// Why the tables do not fit, as far as it is known.
    misfit: Option<String>,
    /// Tables that the check has found fault with.
    unsupported: Vec<&'static str>,
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

/// The last attempt to connect, if it failed.
#[derive(Debug)]
struct Failure {
    at: Instant,
    message: String,
}

impl Connections {
    pub fn new(connector: Connector) -> Self {
        let state = State {
            idle: Vec::new(),
            max_idle: usize::MAX,
            is_connecting: false,
            failure: None,
            generation: 0,
            catalogue_forgotten: None,
            misfit: None,
            unsupported: Vec::new(),
        };
        Self { connector, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub fn location(&self) -> &Location {
        self.connector.location()
    }

    pub fn idle(&self) -> u32 {
        u32::try_from(self.state().idle.len()).unwrap_or(u32::MAX)
    }

    /// Closes idle connections until there are no more than `max`, now and whenever one is put back.
    pub fn keep_at_most(&self, max: usize) {
        let mut state = self.state();
        state.max_idle = max;
        state.idle.truncate(max);
    }

    /// Closes the connections that have been idle for longer than [`IDLE_TIMEOUT`].
    pub fn close_idle(&self) {
        self.state().idle.retain(|(_, since)| since.elapsed() < IDLE_TIMEOUT);
    }

    /// An idle connection, or a new one.
    ///
    /// While the database is away, this waits for [`UNAVAILABLE_TIMEOUT`] in all, and succeeds if it comes back.
    pub fn get(&self, wait: Wait) -> Result<TrackedConnection> {
        self.get_where(wait, |_| true)
    }

    /// The same, with a connection that was used or tested a moment ago.
    pub fn get_healthy(&self, wait: Wait) -> Result<TrackedConnection> {
        self.get_where(wait, |(connection, since)| {
            since.elapsed() < TEST_AFTER || connection.conn.ping().is_ok()
        })
    }

    pub fn misfit(&self) -> Option<String> {
        self.state().misfit.clone()
    }

    /// Remembers the findings of a check, before which the tables may have been made: new connections read the
    /// catalogue anew.
    pub fn set_findings(&self, findings: &[Finding]) {
        self.connector.forget_catalogue();
        let mut state = self.state();
        state.misfit = findings.first().map(ToString::to_string);
        state.unsupported = findings.iter().map(|finding| finding.table).collect();
    }

    /// The error of a statement; with a table that the check has found fault with, it is unsupported.
    pub fn explain(&self, error: Error) -> Error {
        let unsupported = self.state().unsupported.clone();
        if unsupported.is_empty() { error } else { error.or_unsupported(&unsupported) }
    }

    /// Whether the last attempt to connect has failed.
    pub fn is_away(&self) -> bool {
        self.state().failure.is_some()
    }

    fn get_where(
        &self,
        wait: Wait,
        is_usable: impl Fn(&mut (TrackedConnection, Instant)) -> bool,
    ) -> Result<TrackedConnection> {
        let mut state = self.state();
        loop {
            if let Some(mut idle) = state.idle.pop() {
                drop(state);
                if is_usable(&mut idle) {
                    return Ok(idle.0);
                }
                self.close_all();
                state = self.state();
                continue;
            }
            let now = Instant::now();
            let deadline = if state.failure.is_some() { wait.until_unavailable() } else { wait.until };
            if now >= deadline {
                let reason =
                    state.failure.as_ref().map_or("no connection in time", |failure| &failure.message);
                return Err(Error::Unavailable(reason.into()));
            }
            let retry_at = state.failure.as_ref().map_or(now, |failure| failure.at + RETRY_PAUSE);
            if now >= retry_at && !state.is_connecting {
                state.is_connecting = true;
                drop(state);
                match self.connect() {
                    Ok(connection) => return Ok(connection),
                    Err(error @ Error::Configuration(_)) => return Err(error),
                    Err(_) => state = self.state(),
                }
                continue;
            }
            let wake_at = if state.is_connecting { deadline } else { deadline.min(retry_at) };
            let pause = wake_at.saturating_duration_since(now);
            state = self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes the one attempt, and tells all that wait how it ended.
    fn connect(&self) -> Result<TrackedConnection> {
        let connected = self.connector.connect_with_catalogue();
        let mut state = self.state();
        state.is_connecting = false;
        self.changed.notify_all();
        match connected {
            Ok(conn) => {
                if state.failure.take().is_some() {
                    tracing::info!("the database is available again");
                }
                Ok(TrackedConnection { conn, generation: state.generation, fate: Fate::Keep })
            }
            Err(error) => {
                if state.failure.is_none() {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a database connection could not be opened"
                    );
                }
                state.failure = Some(Failure { at: Instant::now(), message: error.root_cause() });
                Err(error)
            }
        }
    }

    /// Takes a connection back, unless it must be closed. Whether the work that failed on it may be repeated.
    pub fn put_back(&self, connection: TrackedConnection) -> bool {
        match connection.fate.clone() {
            Fate::Keep => {
                let mut state = self.state();
                if connection.generation == state.generation && state.idle.len() < state.max_idle {
                    state.idle.push((connection, Instant::now()));
                    self.changed.notify_one();
                }
                false
            }
            Fate::Broken => {
                drop(connection);
                self.close_all();
                true
            }
            Fate::Outdated(reason) => {
                drop(connection);
                self.forget_catalogue(reason);
                true
            }
        }
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

    /// Closes all connections: the idle ones now, the others when they are put back. A server that was restarted
    /// leaves a whole pool of broken connections behind.
    fn close_all(&self) {
        let mut state = self.state();
        state.generation += 1;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
