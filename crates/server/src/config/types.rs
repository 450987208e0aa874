//! Types of option values.
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use actix_web::http::Uri;
use secrecy::SecretString;

use super::ConfigError;

/// A duration: `5s`, `500ms`, `2m`, or a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().map_err(|_| "it is not a length of time, as 5s is")?;
        let duration = match &text[digits.len()..] {
            "ms" => Some(Duration::from_millis(number)),
            "s" | "" => Some(Duration::from_secs(number)),
            "m" => number.checked_mul(60).map(Duration::from_secs),
            _ => return Err("the unit of time must be ms, s or m".to_owned()),
        };
        duration.map(Self).ok_or_else(|| "it is too long".to_owned())
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

/// Reads a URL from the option, or from a file because it contains a password. The file takes precedence.
pub fn read_url(
    url: Option<&str>,
    file: Option<&std::path::Path>,
) -> Result<Option<SecretString>, ConfigError> {
    let Some(path) = file else { return Ok(url.map(Into::into)) };
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError(format!("{}: {error}", path.display())))?;
    Ok(Some(text.trim().into()))
}

/// Checks a base URL of links: `http` or `https` and a host, without a user or a query. Removes the slash at the
/// end.
pub fn web_url(name: &str, text: &str) -> Result<String, ConfigError> {
    let url = text.trim_end_matches('/');
    let is_web = url.parse::<Uri>().is_ok_and(|uri| {
        let has_host = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        has_host && matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none()
    });
    if is_web {
        return Ok(url.to_owned());
    }
    Err(ConfigError(format!(
        "{name}: it must be an http or https URL with a host, without a user or a query"
    )))
}
