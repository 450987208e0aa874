//! What calls to Gitaly say about the request that causes them.
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
    /// When the request times out: no call takes longer.
    pub deadline: Option<Instant>,
}

impl CallContext {
    /// How long a call may take that takes at most `limit`: no longer than the request has left.
    pub(crate) fn timeout(&self, limit: Duration) -> Duration {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(limit, |left| left.min(limit))
    }
}
