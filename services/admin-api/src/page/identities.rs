//! `GET /admin/users/{username}/identities`
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use database::admin::identities::Identities;
use database::admin::{identities, users};
use endpoint::log_field;
use minijinja::{Value, context};

use super::error::PageError;
use super::session::SignedIn;
use super::users::summary;
use crate::App;

const UNKNOWN: PageError = PageError::NotFound("There is no user with this username.");

/// Shows the identities of a user at identity providers.
pub async fn show(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    username: Path<String>,
) -> Result<HttpResponse, PageError> {
    let username = username.into_inner();
    // The databases cannot store NUL.
    if username.contains('\0') {
        return Err(UNKNOWN);
    }
    let read = app.core.pool.read(move |conn| {
        let Some(user) = users::find_by_username(conn, &username)? else { return Ok(None) };
        Ok(identities::find(conn, user.id)?.map(|found| (user, found)))
    });
    let (user, found) = read.await?.ok_or(UNKNOWN)?;
    log_field("target_user_id", user.id);
    let values = context! { here => "users", user_summary => summary(&user), ..tables(&found) };
    Ok(signed_in.page(&app, &request, StatusCode::OK, "identities.html", values))
}

fn tables(found: &Identities) -> Value {
    let group = |id: Option<i64>| id.map(|id| context! { id, name => found.groups.get(&id).cloned() });
    let single_sign_on = found.single_sign_on.iter().map(|identity| {
        context! {
            provider => identity.provider.clone(),
            provider_id => identity.saml_provider_id,
            group => group(identity.group_id),
            identifier => identity.extern_uid.clone(),
        }
    });
    let scim = found.scim.iter().map(|identity| {
        context! {
            identifier => identity.extern_uid.clone(),
            group => group(identity.group_id),
            active => identity.active,
        }
    });
    context! { identities => single_sign_on.collect::<Vec<_>>(), scim_identities => scim.collect::<Vec<_>>() }
}
