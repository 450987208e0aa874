//! `GET /admin/users`
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::admin::users::{self, UserSearch, UserSummary};
use minijinja::{Value, context};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::PageError;
use super::form::Form;
use super::list::Place;
use super::session::SignedIn;
use crate::App;

/// Lists users whose name, username or e-mail address contains the search term.
pub async fn show(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let place = Place::read(&form)?;
    let (sought, window) = (UserSearch::WithAddress(without_at_sign(&place.search)), place.window());
    let mut page = app.core.pool.read(move |conn| users::list(conn, &sought, window)).await?;
    let pager = place.pager(&mut page);
    let values = context! {
        here => "users",
        search => place.search,
        pager,
        rows => page.rows.iter().map(row).collect::<Vec<_>>(),
    };
    Ok(signed_in.page(&app, &request, StatusCode::OK, "users.html", values))
}

/// Removes the leading `@` of a search, because the page shows usernames with it.
fn without_at_sign(search: &str) -> String {
    search.strip_prefix('@').unwrap_or(search).to_owned()
}

fn row(person: &UserSummary) -> Value {
    let username = person.username.as_deref().unwrap_or_default();
    context! {
        name => person.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(username),
        username,
        state => state(person.state.as_deref()),
        identities => (!username.is_empty()).then(|| utf8_percent_encode(username, NON_ALPHANUMERIC).to_string()),
    }
}

/// Formats a state such as `blocked_pending_approval` in words.
pub fn state(state: Option<&str>) -> String {
    let words = state.unwrap_or("unknown").replace('_', " ");
    let mut characters = words.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
