//! The public keys of the portal (CustomersDot): cached, and fetched again when they are old or lack a key.
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use auth::Rejection;
use auth::portal::{Expected, Keys, KeysError, Token};
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;
use tracing::field::Empty;
use tracing::{Instrument, Span};

/// Seconds after which the keys are fetched again.
const KEYS_FRESH_FOR: i64 = 60 * 60;
/// Seconds for which the keys are used while the portal is down.
const KEYS_USABLE_FOR: i64 = 24 * KEYS_FRESH_FOR;
/// The minimum number of seconds between two attempts for an unknown key, or to renew old keys.
const RETRY_INTERVAL: i64 = 60;
/// A task that has waited for a failed fetch starts no other one within this time.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: u64 = 1024 * 1024;

/// Where the keys are published.
#[derive(Debug)]
pub enum Source {
    Url(reqwest::Client, reqwest::Url),
    File(PathBuf),
}

#[derive(Debug)]
pub struct Portal {
    source: Source,
    expected: Expected,
    keys: ArcSwapOption<CachedKeys>,
    attempts: Mutex<Attempts>,
    /// Locked during a fetch; the time of the last failure.
    fetch_lock: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct CachedKeys {
    keys: Keys,
    /// Unix time in seconds.
    fetched_at: i64,
}

/// The times of the last attempts, as Unix time in seconds.
#[derive(Debug, Default)]
struct Attempts {
    unknown_key: Option<i64>,
    renewal: Option<i64>,
}

/// Why keys are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FetchReason {
    Expired,
    /// At most once per [`RETRY_INTERVAL`].
    UnknownKey,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyError {
    Rejected(Rejection),
    /// There are no keys to verify it with.
    NoKeys,
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    /// The error does not contain the URL, which may include a password or a token.
    #[error("failed to reach the portal")]
    Http(#[source] reqwest::Error),
    #[error("the portal responded with {0}")]
    Status(reqwest::StatusCode),
    #[error("the keys are larger than 1 MiB")]
    TooLarge,
    #[error("failed to read the file with the keys")]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl Source {
    /// Creates a client that connects to the portal directly, without a proxy and without redirects.
    pub fn url(url: reqwest::Url) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(FETCH_TIMEOUT);
        if url.scheme() == "http" {
            // Without this, a machine without CA certificates could not even use plain HTTP.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self::Url(builder.build()?, url))
    }

    async fn fetch(&self) -> Result<Keys, FetchError> {
        let bytes = match self {
            Self::File(path) => {
                let mut bytes = Vec::new();
                tokio::fs::File::open(path).await?.take(MAX_BYTES + 1).read_to_end(&mut bytes).await?;
                bytes
            }
            Self::Url(client, url) => {
                let span = span(url);
                fetch(client, url, &span).instrument(span.clone()).await?
            }
        };
        if is_too_large(&bytes) { Err(FetchError::TooLarge) } else { Ok(Keys::parse(&bytes)?) }
    }
}

/// The span of a request for keys. The URL may contain a password or a secret in its query.
fn span(url: &reqwest::Url) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    let origin = url.origin().ascii_serialization();
    tracing::info_span!(
        "jwks",
        otel.name = "GET",
        otel.kind = "client",
        http.request.method = "GET",
        url.full = format!("{origin}{}", url.path()),
        server.address = url.host_str(),
        server.port = url.port_or_known_default().map(i64::from),
        http.response.status_code = Empty,
    )
}

async fn fetch(client: &reqwest::Client, url: &reqwest::Url, span: &Span) -> Result<Vec<u8>, FetchError> {
    let request = client.get(url.clone());
    let request = telemetry::inject(span)
        .into_iter()
        .fold(request, |request, (name, value)| request.header(name, value));
    let mut response = request.send().await?;
    span.record("http.response.status_code", i64::from(response.status().as_u16()));
    if response.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if is_too_large(&bytes) {
            break;
        }
    }
    Ok(bytes)
}

fn is_too_large(bytes: &[u8]) -> bool {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES
}

impl Portal {
    pub fn new(source: Source, expected: Expected) -> Self {
        let (keys, attempts) = (ArcSwapOption::empty(), Mutex::default());
        Self { source, expected, keys, attempts, fetch_lock: tokio::sync::Mutex::new(None) }
    }

    /// Verifies a token. `now` is the Unix time in seconds.
    pub async fn verify(self: &Arc<Self>, token: &str, now: i64) -> Result<(), VerifyError> {
        let token = Token::read(token, &self.expected).map_err(VerifyError::Rejected)?;
        let verify = |cached: &CachedKeys| cached.keys.verify(&token, &self.expected, now);
        let cached = self.current_keys(now).await.ok_or(VerifyError::NoKeys)?;
        let mut verdict = verify(&cached);
        if verdict.is_none() {
            // Requests that arrive during the fetch wait for it, because they may need the same new key.
            drop(self.fetch(Some(cached), now, FetchReason::UnknownKey).await);
            verdict = self.usable_keys(now).as_deref().and_then(verify);
        }
        verdict.unwrap_or(Err(Rejection::Signature)).map_err(VerifyError::Rejected)
    }

    /// Returns usable keys. Waits for a fetch only if there are none; old keys are renewed in the background.
    async fn current_keys(self: &Arc<Self>, now: i64) -> Option<Arc<CachedKeys>> {
        let cached = self.keys.load_full();
        if let Some(usable) = cached.clone().filter(|cached| cached.is_usable(now)) {
            let is_old = now - usable.fetched_at >= KEYS_FRESH_FOR;
            if is_old && self.may_attempt(now, |attempts| &mut attempts.renewal) {
                drop(self.fetch(cached, now, FetchReason::Expired));
            }
            return Some(usable);
        }
        drop(self.fetch(cached, now, FetchReason::Expired).await);
        self.usable_keys(now)
    }

    fn usable_keys(&self, now: i64) -> Option<Arc<CachedKeys>> {
        self.keys.load_full().filter(|cached| cached.is_usable(now))
    }

    /// Whether [`RETRY_INTERVAL`] has passed since the last attempt. If so, records this one.
    fn may_attempt(&self, now: i64, kind: impl Fn(&mut Attempts) -> &mut Option<i64>) -> bool {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kind(&mut attempts);
        let is_due = last.is_none_or(|last| now - last >= RETRY_INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }

    /// Fetches keys that replace the `old` ones, unless another task has done so. One fetch runs at a time,
    /// in a task of its own, so that it continues if the request that started it is cancelled.
    fn fetch(
        self: &Arc<Self>,
        old: Option<Arc<CachedKeys>>,
        now: i64,
        reason: FetchReason,
    ) -> JoinHandle<()> {
        let portal = Arc::clone(self);
        let work = async move {
            let mut failed_at = portal.fetch_lock.lock().await;
            let is_unchanged = match (&*portal.keys.load(), &old) {
                (Some(current), Some(old)) => Arc::ptr_eq(current, old),
                (current, old) => current.is_none() && old.is_none(),
            };
            let has_just_failed = failed_at.is_some_and(|at| at.elapsed() < FAILURE_PAUSE);
            let may_fetch = || {
                reason == FetchReason::Expired
                    || portal.may_attempt(now, |attempts| &mut attempts.unknown_key)
            };
            if is_unchanged && !has_just_failed && may_fetch() {
                *failed_at = portal.replace(now).await;
            }
        };
        actix_web::rt::spawn(work.instrument(Span::current()))
    }

    /// Fetches and stores the keys. If that fails, the old keys stay, and the time of the failure is returned.
    async fn replace(&self, now: i64) -> Option<Instant> {
        match self.source.fetch().await {
            Ok(keys) => {
                self.keys.store(Some(Arc::new(CachedKeys { keys, fetched_at: now })));
                tracing::info!("fetched the portal's keys");
                None
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "failed to fetch the portal's keys"
                );
                Some(Instant::now())
            }
        }
    }
}

impl CachedKeys {
    fn is_usable(&self, now: i64) -> bool {
        now - self.fetched_at < KEYS_USABLE_FOR
    }
}

#[cfg(test)]
mod tests;
