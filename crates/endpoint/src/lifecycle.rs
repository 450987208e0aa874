//! The states of a service: starting, ready and draining. Health checks report them, and shutdown waits for
//! running requests.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use telemetry::metrics::Metrics;
use tokio::sync::Notify;

/// The event loop counts as stuck if it has not ticked for this long.
const STUCK: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub struct Lifecycle(Arc<State>);

#[derive(Debug)]
struct State {
    ready: AtomicBool,
    draining: AtomicBool,
    running: AtomicUsize,
    idle: Notify,
    born: Instant,
    /// Milliseconds since the process started.
    ticked: AtomicI64,
    metrics: Metrics,
}

impl Lifecycle {
    pub fn new(metrics: Metrics) -> Self {
        Self(Arc::new(State {
            ready: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            running: AtomicUsize::new(0),
            idle: Notify::new(),
            born: Instant::now(),
            ticked: AtomicI64::new(0),
            metrics,
        }))
    }

    /// Marks the service as ready for requests.
    pub fn start(&self) {
        self.0.ready.store(true, Ordering::Release);
    }

    /// Marks the service as shutting down: requests are still served, but load balancers should send them
    /// elsewhere.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
        self.0.metrics.draining(true);
    }

    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Returns why the service is not ready for requests, or `None` if it is.
    pub fn unready(&self) -> Option<&'static str> {
        if self.is_draining() {
            Some("draining")
        } else if self.0.ready.load(Ordering::Acquire) {
            None
        } else {
            Some("starting")
        }
    }

    /// Records that the event loop is running.
    pub fn tick(&self) {
        self.0.ticked.store(self.age(), Ordering::Relaxed);
    }

    pub fn is_alive(&self) -> bool {
        self.age() - self.0.ticked.load(Ordering::Relaxed)
            < i64::try_from(STUCK.as_millis()).unwrap_or(i64::MAX)
    }

    fn age(&self) -> i64 {
        i64::try_from(self.0.born.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Counts a running request until the returned guard is dropped.
    pub fn enter(&self) -> Running {
        self.0.running.fetch_add(1, Ordering::AcqRel);
        Running(self.clone())
    }

    /// Waits until no request is running.
    pub async fn idle(&self) {
        loop {
            let idle = self.0.idle.notified();
            if self.0.running.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }
}

#[derive(Debug)]
pub struct Running(Lifecycle);

impl Drop for Running {
    fn drop(&mut self) {
        let Lifecycle(state) = &self.0;
        if state.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            state.idle.notify_waiters();
        }
    }
}
