//! The metadata of a request that is sent with its calls to Gitaly.
use std::time::{Duration, Instant};

/// The request that a repository is read for. Gitaly writes most of it to its log.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    /// The id of the request in all logs.
    pub correlation_id: Option<String>,
    /// The id of the acting user.
    pub user_id: Option<i64>,
    /// The name of the acting user.
    pub username: Option<String>,
    /// The address of the acting user.
    pub remote_ip: Option<String>,
    /// The decoded `gitaly_client_context_bin` of the hook.
    pub client_context: Option<Vec<u8>>,
    /// When the request times out. Its calls end by then.
    pub deadline: Option<Instant>,
}

impl CallContext {
    /// The timeout of a call: `limit`, or the time that the request has left if that is shorter.
    pub(crate) fn timeout(&self, limit: Duration) -> Duration {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(limit, |left| left.min(limit))
    }
}
