//! Rate limits of this process: requests for each caller, and failed authentications for each address.
//!
//! Each caller has a token bucket of `burst` permits that refills at `per_second`. A caller is a valid
//! credential, so that invented credentials cannot fill the memory. Where all callers share a credential, or
//! each request has a new one, the caller is the client's address. `--rate-limits-file` changes the
//! defaults.
mod failures;
mod file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponseBuilder, ResponseError};
use arc_swap::ArcSwap;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use self::failures::Failures;
pub use self::failures::network;
use self::file::{File, Problem, buckets, failure_limit};
use crate::{Context, Core, RestError, log_field};

/// The name of the request limit, in responses and metrics.
pub const NAME: &str = "internal_api_request";
/// The name of the limit for failed authentications.
pub const FAILURES_NAME: &str = "internal_api_failed_authentication";
/// Requests per second and burst for each consumer. GitLab Shell's limit is a GitLab setting.
const DEFAULTS: [(&str, Limit); 4] = [
    ("admin", Limit { per_second: 10.0, burst: Some(10) }),
    ("billing", Limit { per_second: 50.0, burst: Some(50) }),
    ("kas", Limit { per_second: 50.0, burst: Some(100) }),
    ("scim", Limit { per_second: 50.0, burst: Some(200) }),
];
/// Idle callers are removed when there are this many, or twice as many as remained after the last sweep.
const SWEEP_AT: usize = 1024;
/// How long the response to a rate-limited failed authentication is delayed.
const REFUSAL_DELAY: Duration = Duration::from_secs(1);
/// How many responses are delayed at the same time. Each occupies one of the load balancer's slots for this
/// service, of which admin-api has 64: the others must stay free for valid credentials.
const MAX_DELAYED: usize = 32;

/// The limit of one consumer. Each caller gets the whole limit.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    /// The sustained rate in requests per second, from 0.001 to 1,000,000.
    per_second: f64,
    /// The maximum burst, up to 1,000,000; by default one second's worth of requests.
    burst: Option<u32>,
}

/// Why the file of rate limits cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("rate_limits_file {}: {problem}", .path.display())]
pub struct RateLimitsError {
    path: PathBuf,
    problem: Problem,
}

/// The limits of this process and their current usage.
#[derive(Debug)]
pub struct RateLimits {
    path: Option<PathBuf>,
    consumer: &'static str,
    state: ArcSwap<State>,
    delayed: Semaphore,
}

#[derive(Debug)]
struct State {
    buckets: Option<Arc<Buckets>>,
    failures: Option<Arc<Failures>>,
}

/// A request that exceeds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This endpoint has been requested too many times. Try again later.")]
pub struct Throttled {
    name: &'static str,
    limit: u32,
    /// The time until the next request is allowed.
    wait: Duration,
    /// The time until the limit is fully restored.
    reset: Duration,
}

impl Throttled {
    /// Adds headers with the limit and the waiting time in seconds, rounded up and at least one.
    pub fn add_headers(&self, response: &mut HttpResponseBuilder) {
        let seconds = |duration: Duration| duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
        response
            .insert_header(("Retry-After", seconds(self.wait).max(1)))
            .insert_header(("RateLimit-Name", self.name))
            .insert_header(("RateLimit-Limit", u64::from(self.limit)))
            .insert_header(("RateLimit-Observed", u64::from(self.limit) + 1))
            .insert_header(("RateLimit-Remaining", 0))
            .insert_header(("RateLimit-Reset", seconds(self.reset).max(1)));
    }
}

impl Core {
    /// Counts a request of an authenticated caller; without a credential, of the client's address.
    pub fn limit_rate(&self, request: &HttpRequest, credential: Option<&str>) -> Result<(), RestError> {
        let Some(buckets) = self.rate_limits.state.load().buckets.clone() else { return Ok(()) };
        let key = match credential {
            Some(credential) => digest("credential", credential),
            None => digest("address", &client_address(request)),
        };
        buckets.take(key, Instant::now()).map_err(|throttled| self.throttled(throttled))
    }

    /// Returns the identity unchanged. A wrong or missing credential (401) counts against the client's
    /// address; too many of them get a 429 instead, which is delayed while fewer than 32 others are. A valid
    /// credential is neither counted nor delayed.
    pub async fn slow_guessing<T, E>(&self, request: &HttpRequest, identity: Result<T, E>) -> Result<T, E>
    where
        E: ResponseError + From<RestError>,
    {
        let error = match identity {
            Err(error) if error.status_code() == StatusCode::UNAUTHORIZED => error,
            identity => return identity,
        };
        let Some(failures) = self.rate_limits.state.load().failures.clone() else { return Err(error) };
        match failures.count(network(client_ip(request)), Instant::now()) {
            Ok(()) => Err(error),
            Err(throttled) => {
                let error = self.throttled(throttled);
                if let Ok(_slot) = self.rate_limits.delayed.try_acquire() {
                    tokio::time::sleep(REFUSAL_DELAY).await;
                }
                Err(error.into())
            }
        }
    }

    fn throttled(&self, throttled: Throttled) -> RestError {
        self.metrics.throttled(self.info.consumer, throttled.name);
        log_field("rate_limit_key", throttled.name);
        RestError::Throttled(throttled)
    }
}

fn client_ip(request: &HttpRequest) -> Option<std::net::IpAddr> {
    Context::of(request).and_then(|context| context.remote_ip)
}

fn client_address(request: &HttpRequest) -> String {
    client_ip(request).map(|ip| ip.to_string()).unwrap_or_default()
}

type Key = [u8; 32];

fn digest(kind: &str, text: &str) -> Key {
    Sha256::new().chain_update(kind).chain_update([0]).chain_update(text).finalize().into()
}

impl RateLimits {
    /// Loads the limits from the file, or the defaults if there is no file.
    pub fn open(path: Option<&Path>, consumer: &'static str) -> Result<Self, RateLimitsError> {
        let state = State::load(path, consumer, None)?;
        Ok(Self {
            path: path.map(ToOwned::to_owned),
            consumer,
            state: ArcSwap::from_pointee(state),
            delayed: Semaphore::new(MAX_DELAYED),
        })
    }

    /// The names of the limits that are enabled.
    pub fn names(&self) -> Vec<&'static str> {
        let state = self.state.load();
        let limits = [(state.buckets.is_some(), NAME), (state.failures.is_some(), FAILURES_NAME)];
        limits.into_iter().filter(|(is_on, _)| *is_on).map(|(_, name)| name).collect()
    }

    /// Reloads the file. An invalid file keeps the old limits. A limit that does not change keeps its usage.
    pub fn reload(&self) {
        if self.path.is_none() {
            return;
        }
        let old = self.state.load_full();
        match State::load(self.path.as_deref(), self.consumer, Some(&old)) {
            Ok(new) => {
                self.state.store(Arc::new(new));
                tracing::info!("reloaded the rate limits");
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "kept the old rate limits");
            }
        }
    }
}

impl State {
    fn load(path: Option<&Path>, consumer: &str, old: Option<&Self>) -> Result<Self, RateLimitsError> {
        let invalid =
            |problem| RateLimitsError { path: path.map(Path::to_owned).unwrap_or_default(), problem };
        let file = path.map(file::read).transpose().map_err(invalid)?.unwrap_or_default();
        Self::new(&file, consumer, old).map_err(invalid)
    }

    fn new(file: &File, consumer: &str, old: Option<&Self>) -> Result<Self, Problem> {
        let default = DEFAULTS.iter().find(|(name, _)| *name == consumer);
        let buckets = default.map(|(_, limit)| buckets(file, consumer, *limit)).transpose()?.flatten();
        // kas-api and shell-api authenticate with a 256-bit shared secret, which cannot be guessed.
        let counts_failures = ["admin", "billing", "scim"].contains(&consumer);
        let failures = failure_limit(file)?.filter(|_| counts_failures).map(Failures::new);
        let keep = |new: Buckets| match old.and_then(|old| old.buckets.clone()) {
            Some(old) if old.limit == new.limit => old,
            _ => Arc::new(new),
        };
        let keep_failures = |new: Failures| match old.and_then(|old| old.failures.clone()) {
            Some(old) if old.limit() == new.limit() => old,
            _ => Arc::new(new),
        };
        Ok(Self { buckets: buckets.map(keep), failures: failures.map(keep_failures) })
    }
}

/// The buckets of all callers. Each stores the time at which it is full again; a permit takes one
/// `interval`.
#[derive(Debug)]
struct Buckets {
    limit: Limit,
    interval: Duration,
    burst: u32,
    callers: Mutex<Callers>,
}

#[derive(Debug)]
struct Callers {
    full_at: HashMap<Key, Instant>,
    sweep_at: usize,
}

impl Buckets {
    fn new(limit: Limit) -> Result<Self, &'static str> {
        if !(0.001..=1_000_000.0).contains(&limit.per_second) {
            return Err("per_second must be from 0.001 to 1000000");
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is positive and at most a million"
        )]
        let second = limit.per_second.ceil() as u32;
        let burst = limit.burst.unwrap_or(second);
        if !(1..=1_000_000).contains(&burst) {
            return Err("burst must be from 1 to 1000000");
        }
        let callers = Callers { full_at: HashMap::new(), sweep_at: SWEEP_AT };
        let interval = Duration::from_secs_f64(1.0 / limit.per_second);
        Ok(Self { limit, interval, burst, callers: Mutex::new(callers) })
    }

    /// Takes a permit from a caller's bucket.
    fn take(&self, key: Key, now: Instant) -> Result<(), Throttled> {
        let room = self.interval * self.burst;
        // Each change is complete in itself, so a panic cannot leave inconsistent data.
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        callers.sweep(now);
        let full_at = callers.full_at.entry(key).or_insert(now);
        let reset = full_at.saturating_duration_since(now);
        let wait = (reset + self.interval).saturating_sub(room);
        if !wait.is_zero() {
            return Err(Throttled { name: NAME, limit: self.burst, wait, reset });
        }
        *full_at = now + reset + self.interval;
        Ok(())
    }
}

impl Callers {
    /// Removes callers whose buckets are full: they equal new callers.
    fn sweep(&mut self, now: Instant) {
        if self.full_at.len() >= self.sweep_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.sweep_at = SWEEP_AT.max(self.full_at.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests;
