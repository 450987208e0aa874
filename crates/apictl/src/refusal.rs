//! Errors with their own exit code and hint.
use std::process::ExitCode;

/// Why a command was refused.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    message: String,
    kind: Kind,
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Exit code 1.
    Failed,
    /// Exit code 2: a named object does not exist, or exists already.
    Name,
}

impl Refusal {
    /// The named object does not exist.
    pub fn not_found(kind: &str, name: impl std::fmt::Display) -> Self {
        Self { message: format!("{kind} `{name}` does not exist"), kind: Kind::Name, hint: None }
    }

    /// The named object exists already.
    pub fn exists(kind: &str, name: impl std::fmt::Display) -> Self {
        let hint = "with --if-not-exists, one with the same properties is accepted".to_owned();
        Self { message: format!("{kind} `{name}` exists already"), kind: Kind::Name, hint: Some(hint) }
    }

    /// What the command is about does not exist, or must look as if it did not.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: Kind::Name, hint: None }
    }

    /// The command is not possible.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: Kind::Failed, hint: None }
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub fn exit_code(&self) -> ExitCode {
        match self.kind {
            Kind::Failed => ExitCode::FAILURE,
            Kind::Name => ExitCode::from(2),
        }
    }
}
