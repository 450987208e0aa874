//! The portal's public keys: fetched, kept, and fetched again when they are old or lack a key.
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use auth::Rejection;
use auth::portal::{Expected, Keys, KeysError, Token};
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;

/// Seconds that keys are good for, and that they are used for while the portal is down.
const FRESH: i64 = 60 * 60;
const USABLE: i64 = 24 * FRESH;
/// Seconds between two looks for a key that nobody knows, or after old keys could not be renewed.
const LOOK_AGAIN: i64 = 60;
/// Whoever waited for a fetch that failed does not begin the next.
const FAILED: Duration = Duration::from_secs(1);
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);
const MOST_BYTES: u64 = 1024 * 1024;

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
    kept: ArcSwapOption<Kept>,
    looks: Mutex<Looks>,
    fetching: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Kept {
    keys: Keys,
    since: i64,
}

/// When something was looked for last, in seconds of Unix time.
#[derive(Debug, Default)]
struct Looks {
    unknown_key: Option<i64>,
    renewal: Option<i64>,
}

/// Why keys are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Old,
    /// At most once a minute.
    UnknownKey,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Rejected(Rejection),
    /// There are no keys to check it with.
    NoKeys,
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    /// Its URL may hold a password or a token.
    #[error("the portal cannot be reached")]
    Http(#[source] reqwest::Error),
    #[error("the portal answered {0}")]
    Status(reqwest::StatusCode),
    #[error("the keys are larger than 1 MiB")]
    TooLarge,
    #[error("the file of the keys cannot be read")]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl Source {
    /// Asks the portal directly: no proxy, no redirects, and not for long.
    pub fn url(url: reqwest::Url) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()?;
        Ok(Self::Url(client, url))
    }

    async fn fetch(&self) -> Result<Keys, FetchError> {
        let bytes = match self {
            Self::File(path) => {
                let mut bytes = Vec::new();
                tokio::fs::File::open(path).await?.take(MOST_BYTES + 1).read_to_end(&mut bytes).await?;
                bytes
            }
            Self::Url(client, url) => {
                let mut response = client.get(url.clone()).send().await?;
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
                bytes
            }
        };
        if is_too_large(&bytes) { Err(FetchError::TooLarge) } else { Ok(Keys::parse(&bytes)?) }
    }
}

fn is_too_large(bytes: &[u8]) -> bool {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES
}

impl Portal {
    pub fn new(source: Source, expected: Expected) -> Self {
        let (kept, looks) = (ArcSwapOption::empty(), Mutex::default());
        Self { source, expected, kept, looks, fetching: tokio::sync::Mutex::new(None) }
    }

    /// Checks a token at `now`, in seconds of Unix time.
    pub async fn verify(self: &Arc<Self>, token: &str, now: i64) -> Result<(), Refused> {
        let token = Token::read(token, &self.expected).map_err(Refused::Rejected)?;
        let check = |kept: &Kept| kept.keys.verify(&token, &self.expected, now);
        let kept = self.keys(now).await.ok_or(Refused::NoKeys)?;
        let mut checked = check(&kept);
        if checked.is_none() {
            // Whoever comes while it is looked for waits for that look: a new key is good for all who use it.
            drop(self.fetch(Some(kept), now, Why::UnknownKey).await);
            checked = self.usable(now).as_deref().and_then(check);
        }
        checked.unwrap_or(Err(Rejection::Signature)).map_err(Refused::Rejected)
    }

    /// Keys that may still be used. Nobody waits for newer ones while there are any.
    async fn keys(self: &Arc<Self>, now: i64) -> Option<Arc<Kept>> {
        let seen = self.kept.load_full();
        if let Some(kept) = seen.clone().filter(|kept| kept.is_usable(now)) {
            if now - kept.since >= FRESH && self.looks(now, |looks| &mut looks.renewal) {
                drop(self.fetch(seen, now, Why::Old));
            }
            return Some(kept);
        }
        drop(self.fetch(seen, now, Why::Old).await);
        self.usable(now)
    }

    fn usable(&self, now: i64) -> Option<Arc<Kept>> {
        self.kept.load_full().filter(|kept| kept.is_usable(now))
    }

    /// Whether it is time to look again; if so, it was done now.
    fn looks(&self, now: i64, which: impl Fn(&mut Looks) -> &mut Option<i64>) -> bool {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let last = which(&mut looks);
        let due = last.is_none_or(|last| now - last >= LOOK_AGAIN);
        if due {
            *last = Some(now);
        }
        due
    }

    /// Fetches keys to take the place of those that were `seen`, one fetch at a time. It goes on when nobody waits for it any
    /// more: a caller that hung up costs the others nothing.
    fn fetch(self: &Arc<Self>, seen: Option<Arc<Kept>>, now: i64, why: Why) -> JoinHandle<()> {
        let portal = Arc::clone(self);
        actix_web::rt::spawn(async move {
            let mut failed = portal.fetching.lock().await;
            let is_seen = match (&*portal.kept.load(), &seen) {
                (Some(kept), Some(seen)) => Arc::ptr_eq(kept, seen),
                (kept, seen) => kept.is_none() && seen.is_none(),
            };
            let has_failed = failed.is_some_and(|at| at.elapsed() < FAILED);
            let is_due = || why == Why::Old || portal.looks(now, |looks| &mut looks.unknown_key);
            if is_seen && !has_failed && is_due() {
                *failed = portal.replace(now).await;
            }
        })
    }

    /// Fetches the keys; when, if that failed. What cannot be used leaves the old ones as they are.
    async fn replace(&self, now: i64) -> Option<Instant> {
        match self.source.fetch().await {
            Ok(keys) => {
                self.kept.store(Some(Arc::new(Kept { keys, since: now })));
                tracing::info!("fetched the portal's keys");
                None
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the portal's keys could not be fetched"
                );
                Some(Instant::now())
            }
        }
    }
}

impl Kept {
    fn is_usable(&self, now: i64) -> bool {
        now - self.since < USABLE
    }
}

#[cfg(test)]
mod tests;
