//! The search, filter and page of a list. Pages have 20 rows.
use database::admin::audit::EventName;
use database::admin::{Page, Total, Window};
use endpoint::log_field;
use minijinja::{Value, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::PageError;
use super::form::Form;
use crate::paging::{MAX_OFFSET, pages};
use crate::params::MAX_SEARCH_CHARACTERS;

const PER_PAGE: i64 = 20;
/// The last page that can be shown, as in the API. A search reaches the rest.
const MAX_PAGE: i64 = MAX_OFFSET / PER_PAGE + 1;
/// Everything but the unreserved characters of RFC 3986 §2.3.
pub const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    pub search: String,
    /// Only in the audit list.
    pub event: Option<EventName>,
    pub page: i64,
}

impl ListQuery {
    /// Reads the parameters of a list without a filter.
    pub fn read(form: &Form) -> Result<Self, PageError> {
        let page = form.number("page")?.unwrap_or(1).clamp(1, MAX_PAGE);
        Ok(Self { search: form.search("search")?, event: None, page })
    }

    /// Reads the parameters of the audit list. An unknown event is no filter.
    pub fn read_with_event(form: &Form) -> Result<Self, PageError> {
        Ok(Self { event: parse_event(&form.text("event")?), ..Self::read(form)? })
    }

    /// Reads decoded pairs of a query string; `None` if a value is invalid. Unknown parameters are ignored.
    pub fn from_pairs(pairs: &[(String, String)], has_event: bool) -> Option<Self> {
        let value = |name: &str| {
            pairs.iter().rev().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
        };
        let search = value("search");
        if search.contains('\0') || search.chars().count() > MAX_SEARCH_CHARACTERS {
            return None;
        }
        let page = value("page").parse().unwrap_or(1).clamp(1, MAX_PAGE);
        let event = if has_event { parse_event(value("event")) } else { None };
        Some(Self { search: search.to_owned(), event, page })
    }

    pub fn window(&self) -> Window {
        // One row more than is shown tells whether there is a next page.
        Window::Offset { offset: (self.page - 1) * PER_PAGE, limit: PER_PAGE + 1 }
    }

    /// `?search=…&event=…&page=…`, or an empty string.
    pub fn to_query(&self) -> String {
        let mut pairs = Vec::new();
        if !self.search.is_empty() {
            pairs.push(format!("search={}", utf8_percent_encode(&self.search, RESERVED)));
        }
        if let Some(event) = self.event {
            pairs.push(format!("event={}", event_value(event)));
        }
        if self.page > 1 {
            pairs.push(format!("page={}", self.page));
        }
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }

    /// The values of the pager: the total, and links to the neighbouring pages. Removes the surplus row.
    pub fn pager<T>(&self, page: &mut Page<T>) -> Value {
        let shown = usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
        let has_more = page.rows.len() > shown;
        page.rows.truncate(shown);
        log_field("results", page.rows.len());
        let link = |number: i64| Self { page: number, ..self.clone() }.to_query();
        let (total, last) = match page.total {
            Some(Total::Rows(rows)) => (Some(rows), Some(pages(rows, PER_PAGE))),
            _ => (None, None),
        };
        let previous = (self.page > 1).then(|| last.map_or(self.page - 1, |last| last.min(self.page - 1)));
        let next = (has_more && self.page < MAX_PAGE).then_some(self.page + 1);
        context! {
            total,
            page => self.page,
            pages => last,
            // A reference that is empty would keep the query of the page.
            previous => previous.map(link).map(|query| if query.is_empty() { "?".to_owned() } else { query }),
            next => next.map(link),
        }
    }
}

/// The value of the parameter `event`.
pub fn event_value(event: EventName) -> &'static str {
    match event {
        EventName::Created => "excluded",
        EventName::Removed => "removed",
    }
}

fn parse_event(text: &str) -> Option<EventName> {
    [EventName::Created, EventName::Removed].into_iter().find(|event| event_value(*event) == text)
}
