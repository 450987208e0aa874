//! A bounded connection pool for async code.
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

use crate::check::Finding;
use crate::connections::{Connections, Pooled, Wait};
use crate::connector::{ConnectOptions, Connector};
use crate::{Conn, Error, Location, Result, trace};

/// The maximum number of waiting requests per connection. Further requests are refused immediately.
const MAX_WAITING_PER_CONNECTION: u32 = 32;
/// How often a waiting request checks whether the database is unavailable.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// The number of connections, which limits concurrent statements.
    pub size: u32,
    /// How long a request waits for a connection.
    pub timeout: Duration,
    pub connect: ConnectOptions,
}

/// The cost of one use of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// How long the caller waited for a connection.
    pub wait: Duration,
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

/// A connection pool. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    connections: Arc<Connections>,
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicU32>,
    is_open: Arc<AtomicBool>,
    options: PoolOptions,
    attributes: trace::Attributes,
    observer: Observer,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("options", &self.options)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// Prepares a pool. Connections are opened on first use. `observer` is called after every use, in the
    /// task that used the connection.
    pub fn new(
        location: Location,
        options: PoolOptions,
        observer: impl Fn(Usage) + Send + Sync + 'static,
    ) -> Self {
        let attributes = trace::Attributes::new(&location);
        let connector = Connector::new(location, options.connect.clone());
        Self {
            attributes,
            connections: Arc::new(Connections::new(connector, options.size)),
            permits: Arc::new(Semaphore::new(options.size as usize)),
            waiting: Arc::default(),
            is_open: Arc::new(AtomicBool::new(true)),
            options,
            observer: Arc::new(observer),
        }
    }

    pub fn location(&self) -> &Location {
        self.connections.location()
    }

    pub fn options(&self) -> &PoolOptions {
        &self.options
    }

    /// Refuses all uses except [`Self::prepare`] until [`Self::open`] is called, because the tables may not
    /// exist yet.
    pub fn close(&self) {
        self.is_open.store(false, Ordering::Release);
    }

    /// Opens the pool after a check with these findings. Features that need a table in the findings are
    /// unsupported.
    pub fn open(&self, findings: &[Finding]) {
        self.connections.set_findings(findings);
        self.is_open.store(true, Ordering::Release);
    }

    /// The result of the last check. The error is its first finding, or a schema error that a statement has
    /// hit since.
    pub fn check_tables(&self) -> Result<(), String> {
        if !self.is_open.load(Ordering::Acquire) {
            return Err("the tables have not been checked yet".to_owned());
        }
        self.connections.misfit().map_or(Ok(()), Err)
    }

    /// Closes idle connections, and keeps at most one from now on.
    pub fn drain(&self) {
        self.connections.drain();
    }

    pub fn status(&self) -> PoolStatus {
        let available = u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX);
        PoolStatus {
            size: self.options.size,
            busy: self.options.size.saturating_sub(available),
            idle: self.connections.idle(),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    /// Runs `f`, which may write, with a connection on a blocking thread. Runs `f` again on a new connection if
    /// the server has become read-only, or the first connection is broken, before anything was committed.
    pub async fn run<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.check_open()?;
        self.with_connection::<F, _, _>(move |connections, wait| {
            let mut statements = 0;
            let mut use_once = |connection: Result<Pooled>| match connection {
                Ok(mut connection) => {
                    let (result, more) = connection.use_for(&f);
                    statements += more;
                    let has_changed_nothing = connection.has_changed_nothing;
                    (result, connections.put_back(connection) && has_changed_nothing)
                }
                Err(error) => (Err(error), false),
            };
            let (result, may_repeat) = use_once(connections.get_healthy(wait));
            let result = if may_repeat { use_once(connections.get_healthy(wait)).0 } else { result };
            (result.map_err(|error| connections.explain(error)), statements)
        })
        .await
    }

    /// Runs `f` once, with a connection of this pool and one of another pool, if there is another one.
    pub async fn run_with<T, F>(&self, other: Option<&Self>, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, Option<&mut Conn>) -> Result<T> + Send + 'static,
    {
        let Some(other) = other else { return self.run(move |conn| f(conn, None)).await };
        self.check_open()?;
        other.check_open()?;
        let wait = Wait::new(other.options.timeout);
        let permit = other.permit(wait).await?;
        let connections = Arc::clone(&other.connections);
        self.prepare(move |main| {
            let _permit = permit;
            let mut connection = connections.get_healthy(wait)?;
            let (result, _) = connection.use_for(|second| f(main, Some(second)));
            connections.put_back(connection);
            result.map_err(|error| connections.explain(error))
        })
        .await
    }

    /// Runs `f` once, also while the pool is closed.
    pub async fn prepare<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.with_connection::<F, _, _>(|connections, wait| match connections.get_healthy(wait) {
            Ok(mut connection) => {
                let (result, statements) = connection.use_for(f);
                connections.put_back(connection);
                (result.map_err(|error| connections.explain(error)), statements)
            }
            Err(error) => (Err(error), 0),
        })
        .await
    }

    /// Runs `f`, which only reads, with a connection. Runs `f` again on a new connection if the first one is
    /// broken, or if the database has lost a column.
    pub async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.check_open()?;
        self.with_connection::<F, _, _>(move |connections, wait| {
            let mut statements = 0;
            let mut use_once = |connection: Result<Pooled>| match connection {
                Ok(mut connection) => {
                    let (result, more) = connection.use_for(&f);
                    statements += more;
                    (result, connections.put_back(connection))
                }
                Err(error) => (Err(error), false),
            };
            let (result, may_repeat) = use_once(connections.get(wait));
            let result = if may_repeat { use_once(connections.get_healthy(wait)).0 } else { result };
            (result.map_err(|error| connections.explain(error)), statements)
        })
        .await
    }

    fn check_open(&self) -> Result<()> {
        if self.is_open.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Error::Unavailable("the database is not prepared yet".into()))
    }

    /// `N` is the function that gives the work its name in traces.
    async fn with_connection<N, T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connections, Wait) -> (Result<T>, u32) + Send + 'static,
    {
        // The timeout covers the whole wait: for a permit and for a connection.
        let wait = Wait::new(self.options.timeout);
        let asked = Instant::now();
        let permit = self.permit(wait).await.inspect_err(|_| {
            (self.observer)(Usage { wait: asked.elapsed(), statements: 0, duration: Duration::ZERO });
        })?;
        let waited = asked.elapsed();
        let connections = Arc::clone(&self.connections);
        let started = Instant::now();
        let work = move || {
            // Held by the blocking thread, so that a cancelled caller does not release a connection that is
            // still in use.
            let _permit = permit;
            f(&connections, wait)
        };
        let span = self.attributes.span::<N>(waited);
        let (result, statements) = tokio::task::spawn_blocking(work)
            .instrument(span.clone())
            .await
            .map_err(|panic| Error::Database(panic.into()))?;
        trace::record(&span, &result, statements);
        (self.observer)(Usage { wait: waited, statements, duration: started.elapsed() });
        result
    }

    async fn permit(&self, wait: Wait) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Waiting::new(&self.waiting);
        if waiting.position > MAX_WAITING_PER_CONNECTION.saturating_mul(self.options.size) {
            return Err(Error::Unavailable("too many requests wait for a connection".into()));
        }
        let mut permit = pin!(Arc::clone(&self.permits).acquire_owned());
        loop {
            match tokio::time::timeout(CHECK_INTERVAL, &mut permit).await {
                Ok(permit) => return permit.map_err(|closed| Error::Unavailable(closed.into())),
                Err(elapsed) if wait.is_over() || (wait.is_over_if_away() && self.connections.is_away()) => {
                    return Err(Error::Unavailable(elapsed.into()));
                }
                Err(_) => {}
            }
        }
    }
}

/// Counts a waiting request until it is dropped, also when the request is cancelled.
struct Waiting<'a> {
    counter: &'a AtomicU32,
    position: u32,
}

impl<'a> Waiting<'a> {
    fn new(counter: &'a AtomicU32) -> Self {
        let before = counter.fetch_add(1, Ordering::Relaxed);
        Self { counter, position: before.saturating_add(1) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Relaxed);
    }
}
