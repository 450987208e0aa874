//! The responses as GitLab Shell and Gitaly decode them, with their field names and Go types. A field of
//! the wrong type makes their decoders fail with `parsing failed`, and is an error here.
#![expect(dead_code, reason = "that a field can be decoded is what counts")]
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// A field as Go decodes it: an absent or `null` field gets the zero value of its type.
#[derive(Debug, Default)]
pub struct Go<T>(T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Go<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

/// A string that a client requires.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct NotEmpty(String);

impl TryFrom<String> for NotEmpty {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() { Err("it is empty") } else { Ok(Self(text)) }
    }
}

/// A string that becomes one line of a file.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Line(String);

impl TryFrom<String> for Line {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains(['\n', '\r']) { Err("it has several lines") } else { Ok(Self(text)) }
    }
}

/// Decodes a body, and returns the error that a client would have.
pub type Decoder = fn(&str) -> Result<(), String>;

/// Decodes the body of a response.
pub fn decode<T: DeserializeOwned>(body: &str) -> Result<(), String> {
    serde_json::from_str::<T>(body).map(drop).map_err(|error| error.to_string())
}

/// The body of every error, for both clients.
#[derive(Deserialize)]
pub struct Failure {
    message: NotEmpty,
}

/// `/allowed` of GitLab Shell, status 200.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ShellAllowed {
    status: Go<bool>,
    message: Go<String>,
    gl_repository: Go<String>,
    gl_id: Go<String>,
    gl_key_type: Go<String>,
    gl_key_id: Go<i64>,
    gl_project_id: Go<i64>,
    gl_root_namespace_id: Go<i64>,
    gl_username: Go<String>,
    git_config_options: Go<Vec<Go<String>>>,
    gitaly: Option<Gitaly>,
    git_protocol: Go<String>,
    gl_console_messages: Go<Vec<Go<String>>>,
    need_audit: Go<bool>,
    retry_config: Option<RetryConfig>,
}

#[derive(Deserialize)]
pub struct Gitaly {
    repository: Repository,
    address: NotEmpty,
    #[serde(default)]
    token: Go<String>,
    #[serde(default)]
    features: Go<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "Gitaly's names")]
pub struct Repository {
    storage_name: NotEmpty,
    relative_path: NotEmpty,
    #[serde(default)]
    git_object_directory: Go<String>,
    #[serde(default)]
    git_alternate_object_directories: Go<Vec<Go<String>>>,
    gl_repository: NotEmpty,
    gl_project_path: NotEmpty,
}

/// The retry policy for calls to Gitaly.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryConfig {
    max_attempts: Go<u32>,
    initial_backoff: Go<String>,
    max_backoff: Go<String>,
    backoff_multiplier: Go<f64>,
    retryable_status_codes: Go<Vec<String>>,
}

/// `/allowed` of Gitaly's `pre-receive` hook.
#[derive(Deserialize)]
pub struct GitalyAllowed {
    status: bool,
    #[serde(default)]
    message: Go<String>,
}

#[derive(Deserialize)]
pub struct AuthorizedKey {
    id: i64,
    key: Line,
}

/// `/discover`; `null` if the user is unknown.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Discovered {
    id: Go<i64>,
    name: Go<String>,
    username: Go<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Checked {
    api_version: Go<String>,
    gitlab_version: Go<String>,
    gitlab_rev: Go<String>,
    /// The name that Gitaly expects; GitLab has never sent it.
    gitlab_revision: Go<String>,
    redis: Go<bool>,
}

#[derive(Deserialize)]
pub struct PreReceived {
    reference_counter_increased: bool,
}

#[derive(Deserialize)]
pub struct PostReceived {
    reference_counter_decreased: bool,
    #[serde(default)]
    messages: Go<Vec<Message>>,
}

#[derive(Deserialize)]
pub struct Message {
    #[serde(default)]
    message: Go<String>,
    r#type: MessageType,
}

/// Any other type makes Gitaly's hook fail.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageType {
    Basic,
    Alert,
}

#[derive(Deserialize)]
pub struct LfsAccess {
    username: NotEmpty,
    lfs_token: NotEmpty,
    repository_http_path: NotEmpty,
    #[serde(default)]
    expires_in: Go<i64>,
}

#[derive(Deserialize)]
pub struct Certificate {
    #[serde(default)]
    success: Go<bool>,
    username: NotEmpty,
    namespace: NotEmpty,
}

/// GitLab Shell prints the message of a failure.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum RecoveryCodes {
    Success { success: True, recovery_codes: Vec<NotEmpty> },
    Failure { success: False, message: NotEmpty },
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Token {
    Success {
        success: True,
        token: NotEmpty,
        scopes: Vec<NotEmpty>,
        #[serde(default)]
        expires_at: Go<String>,
    },
    Failure {
        success: False,
        message: NotEmpty,
    },
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct SecondFactor {
    success: Go<bool>,
    message: Go<String>,
    two_factor_required: Go<bool>,
}

#[derive(Deserialize)]
pub struct ErrorTracking {
    enabled: bool,
}

/// Members by the path of their pool.
pub type PoolMembers = BTreeMap<String, Vec<PoolMember>>;

#[derive(Deserialize)]
pub struct PoolMember {
    relative_path: NotEmpty,
    public: bool,
    is_upstream: bool,
}

/// Only `true`.
#[derive(Deserialize)]
#[serde(try_from = "bool")]
pub struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value { Ok(Self) } else { Err("it is false") }
    }
}

/// Only `false`.
#[derive(Deserialize)]
#[serde(try_from = "bool")]
pub struct False;

impl TryFrom<bool> for False {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value { Err("it is true") } else { Ok(Self) }
    }
}
