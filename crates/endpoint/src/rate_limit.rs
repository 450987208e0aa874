//! So many requests of one caller, in this process. Off, unless `--rate-limits-file` says how many.
//!
//! Each caller has a bucket of `burst` permits that fills with `per_second`. A caller is a credential that was found to
//! be good, so that nobody fills the memory with made-up ones; where the credential is the same for all, or another for
//! each request, a caller is the address of the sender.
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponseBuilder};
use arc_swap::ArcSwapOption;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{Context, Core, RestError};

/// The name of these limits, in answers and metrics.
pub const NAME: &str = "internal_api_request";
/// Who may stand in the file. GitLab Shell's limit is a setting of GitLab's own.
const CONSUMERS: [&str; 4] = ["admin", "billing", "kas", "scim"];
/// Beyond twice as many callers as were busy when it was last looked, those that are idle are forgotten.
const SWEEP_AT: usize = 1024;

/// The limit of one consumer; each caller has the whole of it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    /// Requests a second that may go on for ever, from 0.001 to 1,000,000.
    per_second: f64,
    /// Requests that may come at once, up to 1,000,000; without it as many as a second brings.
    burst: Option<u32>,
}

/// Where the limits come from, and who has used how much of them.
#[derive(Debug)]
pub struct RateLimits {
    path: PathBuf,
    consumer: &'static str,
    buckets: ArcSwapOption<Buckets>,
}

/// A request beyond the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This endpoint has been requested too many times. Try again later.")]
pub struct Throttled {
    burst: u32,
    /// Until a request may come.
    wait: Duration,
    /// Until the whole burst may come.
    reset: Duration,
}

impl Throttled {
    /// Tells the client what the limit is, and how long to wait: in whole seconds, at least one.
    pub fn add_headers(&self, answer: &mut HttpResponseBuilder) {
        let seconds = |duration: Duration| duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
        answer
            .insert_header(("Retry-After", seconds(self.wait).max(1)))
            .insert_header(("RateLimit-Name", NAME))
            .insert_header(("RateLimit-Limit", u64::from(self.burst)))
            .insert_header(("RateLimit-Observed", u64::from(self.burst) + 1))
            .insert_header(("RateLimit-Remaining", 0))
            .insert_header(("RateLimit-Reset", seconds(self.reset).max(1)));
    }
}

impl Core {
    /// Counts a request of somebody who was found to be who they say they are, by their credential; without one, by
    /// their address.
    pub fn limit_rate(&self, request: &HttpRequest, credential: Option<&str>) -> Result<(), RestError> {
        let Some(limits) = &self.rate_limits else { return Ok(()) };
        let Some(buckets) = &*limits.buckets.load() else { return Ok(()) };
        let context = Context::of(request);
        let address = || {
            let ip = context.as_ref().and_then(|context| context.remote_ip);
            ip.map(|ip| ip.to_string()).unwrap_or_default()
        };
        let key = match credential {
            Some(credential) => digest("credential", credential),
            None => digest("address", &address()),
        };
        buckets.take(key, Instant::now()).map_err(|throttled| {
            self.metrics.throttled(self.info.consumer, NAME);
            if let Some(context) = &context {
                context.fields.borrow_mut().rate_limit_key = Some(NAME.to_owned());
            }
            RestError::Throttled(throttled)
        })
    }
}

type Key = [u8; 32];

fn digest(kind: &str, text: &str) -> Key {
    Sha256::new().chain_update(kind).chain_update([0]).chain_update(text).finalize().into()
}

impl RateLimits {
    pub fn open(path: &Path, consumer: &'static str) -> Result<Self, String> {
        let buckets = read(path, consumer)?.map(Into::into);
        Ok(Self { path: path.to_owned(), consumer, buckets: ArcSwapOption::new(buckets) })
    }

    /// Reads the file again. A bad one keeps the old limits; limits that stay the same keep who has used them.
    pub fn reload(&self) {
        match read(&self.path, self.consumer) {
            Ok(new) => {
                let same = |old: &Buckets| new.as_ref().is_some_and(|new| new.limit == old.limit);
                if !self.buckets.load().as_deref().is_some_and(same) {
                    self.buckets.store(new.map(Into::into));
                }
                tracing::info!("read the rate limits again");
            }
            Err(error) => {
                tracing::error!(error, "kept the old rate limits");
            }
        }
    }
}

/// The limit of one consumer; of one that the file does not name, none.
fn read(path: &Path, consumer: &str) -> Result<Option<Buckets>, String> {
    let bad = |error: &dyn std::fmt::Display| format!("rate_limits_file {}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| bad(&error))?;
    parse(&text, consumer).map_err(|error| bad(&error))
}

fn parse(text: &str, consumer: &str) -> Result<Option<Buckets>, String> {
    // A file that says nothing is more likely half written than meant.
    let limits: Option<BTreeMap<String, Limit>> =
        yaml_serde::from_str(text).map_err(|error| error.to_string())?;
    let limits = limits.ok_or_else(|| "it is empty".to_owned())?;
    let mut found = None;
    for (name, limit) in limits {
        if !CONSUMERS.contains(&name.as_str()) {
            return Err(format!("{name} is none of {}", CONSUMERS.join(", ")));
        }
        let buckets = Buckets::new(limit).map_err(|error| format!("{name}: {error}"))?;
        if name == consumer {
            found = Some(buckets);
        }
    }
    Ok(found)
}

/// The buckets of all callers. Of each it is known when it will be full again: a permit is an `interval` of that time.
#[derive(Debug)]
struct Buckets {
    limit: Limit,
    interval: Duration,
    burst: u32,
    full_at: Mutex<Callers>,
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
        Ok(Self { limit, interval, burst, full_at: Mutex::new(callers) })
    }

    /// Takes a permit of a caller.
    fn take(&self, key: Key, now: Instant) -> Result<(), Throttled> {
        let room = self.interval * self.burst;
        // Each change is whole, so that one which panicked does no harm.
        let mut callers = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        callers.sweep(now);
        let full_at = callers.full_at.entry(key).or_insert(now);
        let reset = full_at.saturating_duration_since(now);
        let wait = (reset + self.interval).saturating_sub(room);
        if !wait.is_zero() {
            return Err(Throttled { burst: self.burst, wait, reset });
        }
        *full_at = now + reset + self.interval;
        Ok(())
    }
}

impl Callers {
    /// Who has a full bucket need not be known.
    fn sweep(&mut self, now: Instant) {
        if self.full_at.len() >= self.sweep_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.sweep_at = SWEEP_AT.max(self.full_at.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests;
