//! The search term and page number of a list. Pages have 20 rows.
use database::admin::{Page, Total, Window};
use minijinja::{Value, context};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::PageError;
use super::form::Form;
use crate::paging::{MOST_OFFSET, pages};

const PER_PAGE: i64 = 20;
/// The last page of a list, which is also the limit of the API. A search finds later rows.
const MOST_PAGES: i64 = MOST_OFFSET / PER_PAGE + 1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub search: String,
    pub page: i64,
}

impl Place {
    pub fn read(form: &Form) -> Result<Self, PageError> {
        let page = form.number("page")?.unwrap_or(1).clamp(1, MOST_PAGES);
        Ok(Self { search: form.search("search")?, page })
    }

    pub fn window(&self) -> Window {
        Window::Offset { offset: self.offset(), limit: PER_PAGE + 1 }
    }

    pub fn offset(&self) -> i64 {
        (self.page - 1) * PER_PAGE
    }

    /// One row more than the page shows.
    pub fn limit() -> i64 {
        PER_PAGE + 1
    }

    /// The query `?search=…&page=…`, or an empty string.
    pub fn query(&self) -> String {
        let mut pairs = Vec::new();
        if !self.search.is_empty() {
            pairs.push(format!("search={}", utf8_percent_encode(&self.search, NON_ALPHANUMERIC)));
        }
        if self.page > 1 {
            pairs.push(format!("page={}", self.page));
        }
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }

    /// The template values of the pager: the number of rows and the neighbouring pages. Removes the extra
    /// row.
    pub fn pager<T>(&self, page: &mut Page<T>) -> Value {
        let shown = usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
        let has_more = page.rows.len() > shown;
        page.rows.truncate(shown);
        let at = |number: i64| Self { page: number, ..self.clone() }.query();
        let (total, last) = match page.total {
            Some(Total::Rows(rows)) => (Some(rows), Some(pages(rows, PER_PAGE))),
            _ => (None, None),
        };
        context! {
            total,
            page => self.page,
            pages => last,
            previous => (self.page > 1).then(|| at(last.map_or(self.page - 1, |last| (self.page - 1).min(last)))).map(some_query),
            next => (has_more && self.page < MOST_PAGES).then(|| at(self.page + 1)),
        }
    }
}

/// Returns `?` for an empty query, so that the link is not empty.
fn some_query(query: String) -> String {
    if query.is_empty() { "?".to_owned() } else { query }
}
