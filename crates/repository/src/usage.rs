//! What reading repositories costs, for logs and metrics.
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tonic::Code;

/// A finished call to Gitaly, or a `git` process that started or ended.
#[derive(Debug, Clone, Copy)]
pub enum Usage {
    /// A call to Gitaly ended.
    GitalyCall {
        /// E.g. `CommitService/ListCommits`.
        method: &'static str,
        /// The status of gRPC, as Gitaly's own metrics name it: `OK`, `Unavailable`, …
        code: &'static str,
        /// From the request to the last message of the response, retries included.
        duration: Duration,
    },
    /// A `git` process started.
    ProcessStarted,
    /// A `git` process ended.
    ProcessEnded {
        /// E.g. `rev-list`.
        command: &'static str,
        /// How it ended.
        result: ProcessResult,
        /// How long it ran.
        duration: Duration,
    },
}

/// How a `git` process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessResult {
    /// It answered.
    Ok,
    /// It failed, or its output could not be read.
    Failed,
    /// It was killed: the time was up, or nobody needed its answer any more.
    Timeout,
}

/// Receives each [`Usage`].
#[derive(Clone)]
pub(crate) struct Observer(Arc<dyn Fn(Usage) + Send + Sync>);

impl Observer {
    pub fn new(observe: impl Fn(Usage) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }

    pub fn notify(&self, usage: Usage) {
        (self.0)(usage);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer")
    }
}

/// The name of a status code in Gitaly's own metrics and logs.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}
