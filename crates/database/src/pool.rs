//! A bounded pool of connections, for code that must not block.
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{Connection, Instrumentation, InstrumentationEvent};
use diesel::r2d2::R2D2Connection;
use r2d2::ManageConnection;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::{Conn, Error, Location, Result};

#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Connections, and with them statements that run at once.
    pub size: u32,
    /// How long a request waits for a connection.
    pub timeout: Duration,
    pub statement_timeout: Duration,
}

/// What one use of a connection cost.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub statements: u32,
    pub duration: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    pub size: u32,
    pub busy: u32,
    pub idle: u32,
    pub waiting: u32,
}

type Observer = Arc<dyn Fn(Usage) + Send + Sync>;

/// A pool of connections, cheap to clone.
#[derive(Clone)]
pub struct Pool {
    connections: r2d2::Pool<Manager>,
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicU32>,
    options: PoolOptions,
    location: Location,
    observer: Observer,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("options", &self.options)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// Prepares a pool; connections are opened when they are needed first. `observer` hears of every use, in the
    /// task that made it.
    pub fn new(
        location: Location,
        options: PoolOptions,
        observer: impl Fn(Usage) + Send + Sync + 'static,
    ) -> Self {
        let manager = Manager { location: location.clone(), statement_timeout: options.statement_timeout };
        let connections = r2d2::Pool::builder()
            .max_size(options.size)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(options.timeout)
            .error_handler(Box::new(LogOnce))
            .build_unchecked(manager);
        let permits = Arc::new(Semaphore::new(options.size as usize));
        Self {
            connections,
            permits,
            waiting: Arc::default(),
            options,
            location,
            observer: Arc::new(observer),
        }
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    pub fn options(&self) -> &PoolOptions {
        &self.options
    }

    pub fn status(&self) -> PoolStatus {
        let state = self.connections.state();
        PoolStatus {
            size: self.options.size,
            busy: state.connections - state.idle_connections,
            idle: state.idle_connections,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    /// Lends a connection to `f`, which may write, on a thread which may block.
    pub async fn run<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.lend(|mut slot, _| slot.use_for(f)).await
    }

    /// Lends a connection to `f`, which only reads: where the connection turns out to be broken, `f` runs once more
    /// on one that was tried before.
    pub async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T> + Send + 'static,
    {
        let pool = self.connections.clone();
        self.lend(move |mut slot, until| match slot.use_for(&f) {
            (Err(Error::Unavailable(_)), statements) if slot.broken => {
                drop(slot);
                match sound(&pool, until) {
                    Ok(mut slot) => {
                        let (result, more) = slot.use_for(&f);
                        (result, statements + more)
                    }
                    Err(error) => (Err(error), statements),
                }
            }
            result => result,
        })
        .await
    }

    async fn lend<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(r2d2::PooledConnection<Manager>, Instant) -> (Result<T>, u32) + Send + 'static,
    {
        // One limit for the whole wait: for a place, and for a connection.
        let until = Instant::now() + self.options.timeout;
        let permit = self.permit().await?;
        let pool = self.connections.clone();
        let started = Instant::now();
        let work = move || {
            // Held by the blocking thread: a caller who goes away frees no connection that still works.
            let _permit = permit;
            match get(&pool, until) {
                Ok(slot) => f(slot, until),
                Err(error) => (Err(error), 0),
            }
        };
        let span = tracing::info_span!("database");
        let (result, statements) = tokio::task::spawn_blocking(work)
            .instrument(span)
            .await
            .map_err(|panic| Error::Database(panic.into()))?;
        (self.observer)(Usage { statements, duration: started.elapsed() });
        result
    }

    async fn permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = Waiting::new(&self.waiting);
        let permit = Arc::clone(&self.permits).acquire_owned();
        tokio::time::timeout(self.options.timeout, permit)
            .await
            .map_err(|elapsed| Error::Unavailable(elapsed.into()))?
            .map_err(|closed| Error::Unavailable(closed.into()))
    }
}

/// One more waits, until the value goes: also when the caller gives up.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(counter: &'a AtomicU32) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that was tried just now. A server that was restarted leaves a whole pool of broken ones behind: each
/// is dropped as it is found.
fn sound(pool: &r2d2::Pool<Manager>, until: Instant) -> Result<r2d2::PooledConnection<Manager>> {
    loop {
        let mut slot = get(pool, until)?;
        if slot.conn.ping().is_ok() {
            return Ok(slot);
        }
        slot.broken = true;
    }
}

fn get(pool: &r2d2::Pool<Manager>, until: Instant) -> Result<r2d2::PooledConnection<Manager>> {
    pool.get_timeout(until.saturating_duration_since(Instant::now())).map_err(unavailable)
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Unavailable(Box::new(error))
}

/// A connection, how many statements it has run, and whether it is found broken.
#[derive(Debug)]
pub struct Slot {
    conn: Conn,
    statements: Arc<AtomicU32>,
    broken: bool,
}

impl Slot {
    fn use_for<T>(&mut self, f: impl FnOnce(&mut Conn) -> Result<T>) -> (Result<T>, u32) {
        self.statements.store(0, Ordering::Relaxed);
        let result = f(&mut self.conn);
        if matches!(result, Err(Error::Unavailable(_))) {
            self.broken = self.conn.ping().is_err();
        }
        (result, self.statements.load(Ordering::Relaxed))
    }
}

struct Counter(Arc<AtomicU32>);

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
struct LogOnce;

impl r2d2::HandleError<diesel::ConnectionError> for LogOnce {
    fn handle_error(&self, error: diesel::ConnectionError) {
        tracing::warn!(error = &error as &dyn std::error::Error, "a database connection could not be opened");
    }
}

/// Opens what the pool holds.
#[derive(Debug)]
pub struct Manager {
    location: Location,
    statement_timeout: Duration,
}

impl ManageConnection for Manager {
    type Connection = Slot;
    type Error = diesel::ConnectionError;

    fn connect(&self) -> Result<Slot, Self::Error> {
        let mut conn = self.location.open(self.statement_timeout)?;
        let statements = Arc::new(AtomicU32::new(0));
        conn.set_instrumentation(Counter(Arc::clone(&statements)));
        Ok(Slot { conn, statements, broken: false })
    }

    /// Never asked: `test_on_check_out` is off, because it would cost a round trip each time.
    fn is_valid(&self, slot: &mut Slot) -> Result<(), Self::Error> {
        slot.conn.ping().map_err(diesel::ConnectionError::CouldntSetupConfiguration)
    }

    fn has_broken(&self, slot: &mut Slot) -> bool {
        slot.broken || slot.conn.is_broken()
    }
}
