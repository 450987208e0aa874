//! bcrypt hashes, computed on blocking threads, at most one per core at a time.
use std::sync::Arc;

use bcrypt::Version;
use endpoint::RestError;
use tokio::sync::Semaphore;

/// GitLab's own cost. Recovery codes are random, so a higher cost adds nothing.
const COST: u32 = 10;

/// Limits the number of hashes that are computed at the same time.
#[derive(Debug)]
pub struct Hashing(Arc<Semaphore>);

impl Default for Hashing {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Semaphore::new(cores)))
    }
}

impl Hashing {
    /// The bcrypt hash of each string, in the form that Ruby writes.
    pub(crate) async fn hash(&self, texts: Vec<String>) -> Result<Vec<String>, RestError> {
        let failed = |error: &dyn std::fmt::Display| RestError::Internal(error.to_string());
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|error| failed(&error))?;
        let work = move || {
            // Held by the thread, so that a cancelled request does not release the permit while the thread
            // is still working.
            let _permit = permit;
            texts.iter().map(|text| hash(text)).collect::<Result<Vec<_>, _>>()
        };
        let hashes = tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))?;
        hashes.map_err(|error| failed(&error))
    }
}

fn hash(text: &str) -> Result<String, bcrypt::BcryptError> {
    let hash = bcrypt::hash_with_salt(text, COST, rand::random::<[u8; 16]>())?;
    Ok(hash.format_for_version(Version::TwoA))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_one_that_ruby_reads() {
        let [one, two] = [hash("d93ee7037944afd5").unwrap(), hash("d93ee7037944afd5").unwrap()];
        assert!(one.starts_with("$2a$10$") && one.len() == 60, "{one}");
        assert_ne!(one, two);
        assert!(bcrypt::verify("d93ee7037944afd5", &one).unwrap());
        assert!(!bcrypt::verify("d93ee7037944afd6", &one).unwrap());
    }
}
