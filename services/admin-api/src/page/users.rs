//! `GET /admin/users`
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::admin::users::{self, UserSearch, UserSummary};
use minijinja::{Value, context};
use percent_encoding::utf8_percent_encode;

use super::error::PageError;
use super::form::Form;
use super::list::{ListQuery, RESERVED};
use super::session::SignedIn;
use crate::App;

/// Lists users by part of a name, username or e-mail address.
pub async fn show(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let query = ListQuery::read(&form)?;
    let (search, window) = (UserSearch::NameOrEmail(query.search.clone()), query.window());
    let mut page = app.core.pool.read(move |conn| users::list(conn, &search, window)).await?;
    let pager = query.pager(&mut page);
    let values = context! {
        here => "users",
        search => query.search,
        pager,
        rows => page.rows.iter().map(row).collect::<Vec<_>>(),
    };
    Ok(signed_in.page(&app, &request, StatusCode::OK, "users.html", values))
}

fn row(user: &UserSummary) -> Value {
    let username = user.username.as_deref().unwrap_or_default();
    let segment = (!username.is_empty()).then(|| utf8_percent_encode(username, RESERVED).to_string());
    context! { identities => segment, ..summary(user) }
}

/// The name, username and tags of a user.
pub fn summary(user: &UserSummary) -> Value {
    let username = user.username.as_deref().unwrap_or_default();
    context! {
        name => user.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(username),
        username,
        state => state(user.state.as_deref()),
        is_admin => user.admin,
    }
}

/// A state in words: `blocked_pending_approval` is "Blocked pending approval".
fn state(state: Option<&str>) -> String {
    let words = state.unwrap_or("unknown").replace('_', " ");
    let mut characters = words.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
