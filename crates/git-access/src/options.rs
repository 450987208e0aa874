//! The options of a service that affect decisions.
use clap::{ArgAction, Args};

/// Flattened into the command line of each program that decides about access.
#[derive(Debug, Clone, Args)]
pub struct AccessOptions {
    /// Refuse all pushes: the instance is read-only
    #[arg(long, env = "IAPI_READ_ONLY", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub read_only: bool,
    /// Serve git-upload-pack over HTTP
    #[arg(long, env = "IAPI_UPLOAD_PACK", action = ArgAction::Set, default_value_t = true)]
    pub upload_pack: bool,
    /// Serve git-receive-pack over HTTP
    #[arg(long, env = "IAPI_RECEIVE_PACK", action = ArgAction::Set, default_value_t = true)]
    pub receive_pack: bool,
    /// Create a project when a user pushes to a path that does not exist
    #[arg(long, env = "IAPI_PUSH_TO_CREATE", action = ArgAction::Set, default_value_t = true)]
    pub push_to_create: bool,
    /// Allow pushes to repositories that are not inspected, with a warning each
    #[arg(long, env = "IAPI_ALLOW_UNINSPECTED_PUSHES", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub allow_uninspected_pushes: bool,
    /// Enable Git LFS; a group or project may switch it off for itself
    #[arg(long, env = "IAPI_LFS_ENABLED", action = ArgAction::Set, default_value_t = true)]
    pub lfs_enabled: bool,
    /// Largest file that a push may add, in MiB; 0 = no limit
    #[arg(long, env = "IAPI_FILE_SIZE_LIMIT_MB", default_value_t = 0)]
    pub file_size_limit_mb: u64,
}
