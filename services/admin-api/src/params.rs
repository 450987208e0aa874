//! Parameters, read as Grape reads them: query string and body as one.
use domain::storage_limit::Reason;
use endpoint::{DeferredParams, NestedParams};

use crate::error::AdminError;

const INVALID: &str = "is invalid";
/// In characters. SQLite compares with no pattern of more than 50,000 bytes.
const LONGEST_SEARCH: usize = 1024;

/// The parameters of a request.
#[derive(Debug)]
pub struct Params(NestedParams);

impl Params {
    /// Reads the request's parameters, once it is known who sent them.
    pub async fn read(sent: DeferredParams<AdminError>) -> Result<Self, AdminError> {
        Ok(Self(sent.read().await?))
    }

    /// A text; a number or a truth value is taken for its text. No database text holds a NUL.
    pub fn text(&self, name: &'static str) -> Result<Option<String>, AdminError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let text = value.to_text().filter(|text| !text.contains('\0'));
        text.map(|text| Some(text.into_owned())).ok_or(AdminError::Parameter(name, INVALID))
    }

    /// A whole number, or its decimal text. An empty one is not there.
    pub fn integer(&self, name: &'static str) -> Result<Option<i64>, AdminError> {
        match self.text(name)?.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| AdminError::Parameter(name, INVALID)),
        }
    }

    /// A truth value or its text.
    pub fn flag(&self, name: &'static str) -> Result<bool, AdminError> {
        match self.text(name)?.as_deref().map(str::trim) {
            None | Some("" | "false" | "0" | "f") => Ok(false),
            Some("true" | "1" | "t") => Ok(true),
            Some(_) => Err(AdminError::Parameter(name, INVALID)),
        }
    }

    /// What to look for, without blanks around it; what is not there is empty.
    pub fn search(&self, name: &'static str) -> Result<String, AdminError> {
        let search = self.text(name)?.unwrap_or_default().trim().to_owned();
        if search.chars().count() > LONGEST_SEARCH {
            return Err(AdminError::Parameter(name, "is too long"));
        }
        Ok(search)
    }

    /// A reason that is given, and is one.
    pub fn reason(&self) -> Result<Reason, AdminError> {
        if self.0.sent("reason").is_none() {
            return Err(AdminError::Parameter("reason", "is missing"));
        }
        Ok(Reason::try_from(self.text("reason")?.unwrap_or_default())?)
    }
}
