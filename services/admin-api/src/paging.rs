//! Offset and keyset pagination, as in GitLab's REST API.
use actix_web::http::header::{HeaderName, LINK};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use database::admin::{Page, Total, Window};
use endpoint::log_field;
use serde::Serialize;

use crate::App;
use crate::error::AdminError;
use crate::links::Links;
use crate::params::Params;

const PER_PAGE: i64 = 20;
const MAX_PER_PAGE: i64 = 100;
pub const MAX_OFFSET: i64 = 50_000;
const NOT_ALLOWED: &str = "has a value not allowed";

/// The requested part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    Offset {
        page: i64,
        per_page: i64,
    },
    /// The rows after this id, if any, in descending or ascending order.
    Keyset {
        from: Option<i64>,
        descending: bool,
        per_page: i64,
    },
}

impl Paging {
    /// Reads the parameters; `kind` is GitLab's name for what the list holds.
    pub fn read(params: &Params, kind: &str) -> Result<Self, AdminError> {
        let page = params.integer("page")?.unwrap_or(1).max(1);
        let per_page = params.integer("per_page")?.unwrap_or(PER_PAGE);
        if per_page < 1 {
            return Err(AdminError::Parameter("per_page", NOT_ALLOWED));
        }
        let per_page = per_page.min(MAX_PER_PAGE);
        match params.text("pagination")?.as_deref() {
            None | Some("" | "legacy" | "offset") => {}
            Some("keyset") => return Self::keyset(params, per_page),
            Some(_) => return Err(AdminError::Parameter("pagination", NOT_ALLOWED)),
        }
        if (page - 1).saturating_mul(per_page) > MAX_OFFSET {
            return Err(AdminError::Pagination(format!(
                "Offset pagination has a maximum allowed offset of {MAX_OFFSET} for requests that return objects of \
                 type {kind}. Remaining records can be retrieved using keyset pagination."
            )));
        }
        Ok(Self::Offset { page, per_page })
    }

    fn keyset(params: &Params, per_page: i64) -> Result<Self, AdminError> {
        if !matches!(params.text("order_by")?.as_deref(), None | Some("" | "id")) {
            let refusal = "Keyset pagination is not yet available for this type of request";
            return Err(AdminError::Pagination(refusal.to_owned()));
        }
        let descending = match params.text("sort")?.as_deref() {
            None | Some("" | "desc") => true,
            Some("asc") => false,
            Some(_) => return Err(AdminError::Parameter("sort", NOT_ALLOWED)),
        };
        let from = params.integer(if descending { "id_before" } else { "id_after" })?;
        Ok(Self::Keyset { from, descending, per_page })
    }

    /// The window has one more row than the page: it tells whether there is a next page.
    pub fn window(self) -> Window {
        match self {
            Self::Offset { page, per_page } => {
                Window::Offset { offset: (page - 1) * per_page, limit: per_page + 1 }
            }
            Self::Keyset { from, descending: false, per_page } => {
                Window::After { id: from.unwrap_or(0), limit: per_page + 1 }
            }
            Self::Keyset { from, descending: true, per_page } => {
                Window::Before { id: from.unwrap_or(i64::MAX), limit: per_page + 1 }
            }
        }
    }

    /// The response, with links to the other pages.
    pub fn response<T, E: Serialize>(
        self,
        app: &App,
        request: &HttpRequest,
        mut page: Page<T>,
        id: impl Fn(&T) -> i64,
        entity: impl FnMut(T) -> E,
    ) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        let links = Links::new(request, &app.core);
        let (Self::Offset { per_page, .. } | Self::Keyset { per_page, .. }) = self;
        let per_page_rows = usize::try_from(per_page).unwrap_or(usize::MAX);
        let has_more = page.rows.len() > per_page_rows;
        page.rows.truncate(per_page_rows);
        log_field("results", page.rows.len());
        match self {
            Self::Offset { page: number, per_page } => {
                offset_headers(&mut response, &links, number, per_page, page.total, has_more);
            }
            Self::Keyset { descending, .. } => {
                if let Some(last) = page.rows.last().filter(|_| has_more) {
                    let name = if descending { "id_before" } else { "id_after" };
                    let further = [(name, id(last).to_string())];
                    response.insert_header((LINK, links.link(&["id_before", "id_after"], &further, "next")));
                }
            }
        }
        response.json(page.rows.into_iter().map(entity).collect::<Vec<_>>())
    }
}

fn offset_headers(
    response: &mut HttpResponseBuilder,
    links: &Links,
    page: i64,
    per_page: i64,
    total: Option<Total>,
    has_more: bool,
) {
    let (rows, pages) = match total {
        Some(Total::Rows(rows)) => (Some(rows), Some(pages(rows, per_page))),
        _ => (None, None),
    };
    let previous =
        Some(page - 1).filter(|previous| *previous >= 1 && pages.is_none_or(|pages| page <= pages));
    let next = has_more.then_some(page + 1);
    let text = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let mut set = |name: &'static str, value: String| {
        response.insert_header((HeaderName::from_static(name), value));
    };
    set("x-page", page.to_string());
    set("x-per-page", per_page.to_string());
    set("x-next-page", text(next));
    set("x-prev-page", text(previous));
    if rows.is_some() {
        set("x-total", text(rows));
        set("x-total-pages", text(pages));
    }
    let others = [("prev", previous), ("next", next), ("first", Some(1)), ("last", pages)];
    let link = |(rel, number): (&str, Option<i64>)| {
        let further = [("page", number?.to_string()), ("per_page", per_page.to_string())];
        Some(links.link(&["page", "per_page"], &further, rel))
    };
    let all: Vec<String> = others.into_iter().filter_map(link).collect();
    response.insert_header((LINK, all.join(", ")));
}

/// The number of pages, at least 1.
pub fn pages(rows: i64, per_page: i64) -> i64 {
    rows.max(1).saturating_add(per_page - 1) / per_page
}
