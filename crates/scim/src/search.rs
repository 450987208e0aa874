//! The parameters of a list request, from the query of a GET or the body of a `.search`.
use serde_json::Value;

use crate::attribute::Attribute;
use crate::condition::Condition;
use crate::filter::{AttributePath, Parser};
use crate::json::{self, Object};
use crate::{Error, Filter, Result, Selection};

const DEFAULT_COUNT: i64 = 20;
/// The maximum number of resources in one response.
pub const MAX_RESULTS: i64 = 100;

/// The page, filter, order and attributes of a list request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The index of the first resource, from 1.
    pub start_index: i64,
    /// The number of resources on the page.
    pub count: i64,
    /// The filter, if there is one.
    pub condition: Option<Condition>,
    /// The order.
    pub sort: Option<Sort>,
    /// The attributes of each resource.
    pub selection: Selection,
}

/// A sort order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// The attribute to sort by.
    pub by: Attribute,
    /// Whether the order is descending.
    pub descending: bool,
}

/// The parameters as strings.
#[derive(Debug, Default)]
struct Parameters {
    start_index: Option<String>,
    count: Option<String>,
    filter: Option<String>,
    attributes: Vec<String>,
    excluded: Vec<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
}

/// Returns the attribute selection of a query.
pub fn selection(query: &[(String, String)]) -> Selection {
    let parameters = Parameters::from_query(query);
    Selection::new(&parameters.attributes, &parameters.excluded)
}

/// Whether the query has a filter.
pub fn has_filter(query: &[(String, String)]) -> bool {
    Parameters::from_query(query).filter.is_some()
}

impl Search {
    /// Parses the query of a request for users. Unknown names are ignored. If a name is repeated, the last
    /// value counts.
    pub fn from_query(query: &[(String, String)], users_url: &str) -> Result<Self> {
        Self::for_users(Parameters::from_query(query), users_url)
    }

    /// Parses the query of a request for groups.
    pub fn from_group_query(query: &[(String, String)], groups_url: &str) -> Result<Self> {
        Self::for_groups(Parameters::from_query(query), groups_url)
    }

    /// Parses a `SearchRequest` for groups.
    pub fn from_group_body(body: &Object, groups_url: &str) -> Result<Self> {
        Self::for_groups(Parameters::from_body(body)?, groups_url)
    }

    fn for_users(parameters: Parameters, users_url: &str) -> Result<Self> {
        Self::new(parameters, |filter| Condition::from_filter(filter, users_url), Attribute::resolve)
    }

    fn for_groups(parameters: Parameters, groups_url: &str) -> Result<Self> {
        Self::new(parameters, |filter| Condition::for_groups(filter, groups_url), Attribute::resolve_group)
    }

    /// Parses a `SearchRequest` for users.
    pub fn from_body(body: &Object, users_url: &str) -> Result<Self> {
        Self::for_users(Parameters::from_body(body)?, users_url)
    }

    fn new(
        parameters: Parameters,
        condition: impl FnOnce(&Filter) -> Result<Condition>,
        resolve: fn(&AttributePath) -> Option<Attribute>,
    ) -> Result<Self> {
        let said = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let condition = said(parameters.filter).map(|text| condition(&text.parse()?)).transpose()?;
        let start_index = integer("startIndex", said(parameters.start_index))?.unwrap_or(1).max(1);
        let count = integer("count", said(parameters.count))?.unwrap_or(DEFAULT_COUNT).clamp(0, MAX_RESULTS);
        let descending =
            match said(parameters.sort_order).map(|order| order.trim().to_ascii_lowercase()).as_deref() {
                None | Some("ascending") => false,
                Some("descending") => true,
                Some(_) => return Err(Error::invalid_value("sortOrder is ascending or descending")),
            };
        let sort = said(parameters.sort_by)
            .map(|name| Ok(Sort { by: sortable(&name, resolve)?, descending }))
            .transpose()?;
        let selection = Selection::new(&parameters.attributes, &parameters.excluded);
        Ok(Self { start_index, count, condition, sort, selection })
    }
}

impl Parameters {
    fn from_body(body: &Object) -> Result<Self> {
        let text = |name: &str| body.get(name).map(|value| json::text(name, value)).transpose();
        Ok(Self {
            start_index: text("startIndex")?,
            count: text("count")?,
            filter: text("filter")?,
            attributes: names(body.get("attributes"))?,
            excluded: names(body.get("excludedAttributes"))?,
            sort_by: text("sortBy")?,
            sort_order: text("sortOrder")?,
        })
    }

    fn from_query(query: &[(String, String)]) -> Self {
        let mut found = Self::default();
        for (name, value) in query {
            let list = || value.split(',').map(ToOwned::to_owned).collect();
            match name.to_ascii_lowercase().as_str() {
                "startindex" => found.start_index = Some(value.clone()),
                "count" => found.count = Some(value.clone()),
                "filter" => found.filter = Some(value.clone()),
                "attributes" => found.attributes = list(),
                "excludedattributes" => found.excluded = list(),
                "sortby" => found.sort_by = Some(value.clone()),
                "sortorder" => found.sort_order = Some(value.clone()),
                _ => {}
            }
        }
        found.filter.take_if(|filter| filter.trim().is_empty());
        found
    }
}

/// Reads an array of names, or a comma-separated list.
fn names(value: Option<&Value>) -> Result<Vec<String>> {
    let invalid = || Error::invalid_value("attributes are names");
    match value {
        None => Ok(Vec::new()),
        Some(Value::String(list)) => Ok(list.split(',').map(ToOwned::to_owned).collect()),
        Some(Value::Array(values)) => {
            values.iter().map(|value| value.as_str().map(ToOwned::to_owned).ok_or_else(invalid)).collect()
        }
        Some(_) => Err(invalid()),
    }
}

/// Parses an integer. A value out of range is clamped to the range of `i64`.
fn integer(name: &str, text: Option<String>) -> Result<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::invalid_value(format!("{name} is not an integer")));
    }
    Ok(Some(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })))
}

fn sortable(name: &str, resolve: fn(&AttributePath) -> Option<Attribute>) -> Result<Attribute> {
    let unknown = || Error::invalid_value(format!("sortBy: there is no attribute {name}"));
    let mut parser = Parser::new(name.trim()).map_err(|_| unknown())?;
    let path = parser.path().map_err(|_| unknown())?;
    parser.end().map_err(|_| unknown())?;
    match resolve(&path) {
        Some(Attribute::Name | Attribute::Meta) => {
            Err(Error::invalid_value(format!("sortBy: {name} has parts; name one of them")))
        }
        found => found.ok_or_else(unknown),
    }
}
