//! What reading repositories costs, for logs and metrics.
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use telemetry::metrics::Metrics;
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

/// The methods of Gitaly that a service may call, for metrics.
const METHODS: [&str; 13] = [
    "BlobService/ListBlobs",
    "BlobService/ListLFSPointers",
    "CommitService/CommitIsAncestor",
    "CommitService/ListCommits",
    "CommitService/ListFiles",
    "DiffService/FindChangedPaths",
    "RefService/FindDefaultBranchName",
    "RefService/ListBranchNamesContainingCommit",
    "RefService/RefExists",
    "RepositoryService/CreateRepository",
    "RepositoryService/HasLocalBranches",
    "RepositoryService/RepositoryExists",
    "ServerService/ServerInfo",
];

/// The commands of git that a service may run, for metrics.
const COMMANDS: [&str; 9] = [
    "cat-file",
    "diff-tree",
    "for-each-ref",
    "init",
    "ls-tree",
    "merge-base",
    "rev-list",
    "show-ref",
    "symbolic-ref",
];

impl Usage {
    /// Creates the series of all calls and commands.
    pub fn initialise(metrics: &Metrics) {
        metrics.initialise_repositories(&METHODS, &COMMANDS);
    }

    /// Counts it in the metrics of the service.
    pub fn count(&self, metrics: &Metrics) {
        match *self {
            Self::GitalyCall { method, code, duration } => {
                metrics.gitaly_request(method, code, duration.as_secs_f64());
            }
            Self::ProcessStarted => metrics.git_process_started(),
            Self::ProcessEnded { command, result, duration } => {
                metrics.git_process_ended(command, result.name(), duration.as_secs_f64());
            }
        }
    }
}

/// How a `git` process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessResult {
    /// It exited with a usable result.
    Ok,
    /// It failed, or its output could not be read.
    Failed,
    /// It was killed after its timeout, or because the request had ended.
    Timeout,
}

impl ProcessResult {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }
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
