//! Reports of GitLab Shell and Workhorse after a transfer.
pub(crate) mod git_audit_event;
