//! The installation's settings, asked again when they are older than a second.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use database::settings::Settings;
use tokio::time::Instant;

/// A change counts this long after it was made; rights are never kept at all.
const FRESH: Duration = Duration::from_secs(1);
/// While one request asks, others go on with what is known, up to this age.
const USABLE: Duration = Duration::from_secs(5);

/// Keeps the settings between requests. No request ever waits for another's answer.
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

/// Somebody asks, until the value goes: also when they give up.
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
