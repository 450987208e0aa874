//! Geo secondaries: pulls are served locally, pushes go to the primary.
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use server::config::ConfigError;

/// The section `geo` of the configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Section {
    role: Role,
    /// The external URL of the primary.
    primary_url: Option<String>,
    /// The file with the bearer token that GitLab Shell sends to the primary.
    token_file: Option<PathBuf>,
    push_ssh_direct_to_primary: bool,
    fetch_ssh_direct_to_primary: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    #[default]
    Primary,
    Secondary,
}

/// The primary, if this instance is a secondary.
#[derive(Debug, Default)]
pub struct Geo(Option<Primary>);

/// The primary instance.
#[derive(Debug)]
pub(crate) struct Primary {
    /// Without a trailing slash.
    url: String,
    token: Option<SecretString>,
    pub push_direct: bool,
    pub fetch_direct: bool,
}

impl Geo {
    pub(crate) fn open(section: Section) -> Result<Self, ConfigError> {
        if section.role == Role::Primary {
            return Ok(Self(None));
        }
        let url = section.primary_url.unwrap_or_default().trim_end_matches('/').to_owned();
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(ConfigError("geo: a secondary needs primary_url, http:// or https://".to_owned()));
        }
        let read = |path: PathBuf| match std::fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => Ok(SecretString::from(text.trim())),
            Ok(_) => Err(ConfigError(format!("geo: {} is empty", path.display()))),
            Err(error) => Err(ConfigError(format!("geo: {}: {error}", path.display()))),
        };
        Ok(Self(Some(Primary {
            url,
            token: section.token_file.map(read).transpose()?,
            push_direct: section.push_ssh_direct_to_primary,
            fetch_direct: section.fetch_ssh_direct_to_primary,
        })))
    }

    pub(crate) fn is_secondary(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn primary(&self) -> Option<&Primary> {
        self.0.as_ref()
    }
}

impl Primary {
    /// The HTTP clone URL of a repository. `path` has no `.git` suffix.
    pub fn repository_url(&self, path: &str) -> String {
        format!("{}/{path}.git", self.url)
    }

    /// The `Authorization` header. Included only in responses to GitLab Shell.
    pub fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {}", token.expose_secret()))
    }
}
