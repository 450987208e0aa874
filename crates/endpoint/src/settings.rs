//! Caches the instance settings for one second.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use database::settings::Settings;
use tokio::time::Instant;

/// A settings change takes effect after at most this time. Permissions are never cached.
const FRESH: Duration = Duration::from_secs(1);
/// While one request reloads the settings, other requests use the cached ones up to this age.
const USABLE: Duration = Duration::from_secs(5);

/// Caches the settings between requests. No request waits for another request's reload.
#[derive(Debug, Default)]
pub struct SettingsCache {
    kept: ArcSwapOption<Kept>,
    asking: AtomicBool,
}

#[derive(Debug)]
struct Kept {
    since: Instant,
    settings: Arc<Settings>,
}

impl SettingsCache {
    pub async fn get(&self, pool: &database::Pool) -> database::Result<Arc<Settings>> {
        let mut asking = None;
        if let Some(kept) = &*self.kept.load() {
            let age = kept.since.elapsed();
            if age < FRESH {
                return Ok(Arc::clone(&kept.settings));
            }
            asking = Asking::begin(&self.asking);
            if asking.is_none() && age < USABLE {
                return Ok(Arc::clone(&kept.settings));
            }
        }
        let since = Instant::now();
        let settings = Arc::new(pool.read(database::settings::load).await?);
        self.kept.store(Some(Arc::new(Kept { since, settings: Arc::clone(&settings) })));
        drop(asking);
        Ok(settings)
    }
}

/// Marks a reload as running until it is dropped, also when the request is cancelled.
struct Asking<'a>(&'a AtomicBool);

impl<'a> Asking<'a> {
    fn begin(flag: &'a AtomicBool) -> Option<Self> {
        (!flag.swap(true, Ordering::AcqRel)).then_some(Self(flag))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
