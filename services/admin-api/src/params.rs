//! Parameters as Grape reads them: query string and body together.
use domain::json::{parse_bool, parse_integer};
use domain::storage_limit::Reason;
use endpoint::{DeferredParams, NestedParams};

use crate::error::AdminError;

const INVALID: &str = "is invalid";
pub const TOO_LONG: &str = "is too long";
/// SQLite rejects patterns longer than 50,000 bytes.
pub const MAX_SEARCH_CHARACTERS: usize = 1024;

/// The parameters of a request.
#[derive(Debug)]
pub struct Params(NestedParams);

impl Params {
    /// Reads the parameters after the caller is authenticated.
    pub async fn read(sent: DeferredParams<AdminError>) -> Result<Self, AdminError> {
        Ok(Self(sent.read().await?))
    }

    /// Returns a string; a number or a boolean is converted. Rejects NUL, which the databases cannot store.
    pub fn text(&self, name: &'static str) -> Result<Option<String>, AdminError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let text = value.to_storable_text().ok_or(AdminError::Parameter(name, INVALID))?;
        Ok(Some(text.into_owned()))
    }

    /// Returns an integer, sent as a number or a decimal string. An empty string counts as absent.
    pub fn integer(&self, name: &'static str) -> Result<Option<i64>, AdminError> {
        match self.text(name)?.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => parse_integer(text).map(Some).ok_or(AdminError::Parameter(name, INVALID)),
        }
    }

    /// Returns a boolean, sent as `true`, `false`, `1` or `0`; false if absent.
    pub fn flag(&self, name: &'static str) -> Result<bool, AdminError> {
        match self.text(name)?.as_deref().map(str::trim) {
            None | Some("") => Ok(false),
            Some(text) => parse_bool(text).ok_or(AdminError::Parameter(name, INVALID)),
        }
    }

    /// Returns a search term without surrounding white space; empty if absent.
    pub fn search(&self, name: &'static str) -> Result<String, AdminError> {
        let search = self.text(name)?.unwrap_or_default().trim().to_owned();
        if search.chars().count() > MAX_SEARCH_CHARACTERS {
            return Err(AdminError::Parameter(name, TOO_LONG));
        }
        Ok(search)
    }

    /// Returns the reason, which must be present and valid.
    pub fn reason(&self) -> Result<Reason, AdminError> {
        if self.0.sent("reason").is_none() {
            return Err(AdminError::Parameter("reason", "is missing"));
        }
        Ok(Reason::try_from(self.text("reason")?.unwrap_or_default())?)
    }
}
