//! What GitLab Shell and Workhorse tell after a transfer.
pub(crate) mod git_audit_event;
