//! `GET /admin/users/{username}/identities`
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use database::admin::identities::Identities;
use database::admin::{identities, users};
use minijinja::{Value, context};

use super::error::PageError;
use super::session::SignedIn;
use super::users::state;
use crate::App;

const UNKNOWN: PageError = PageError::NotFound("There is no user of this name.");

/// Shows the identities of a user at identity providers.
pub async fn show(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    username: Path<String>,
) -> Result<HttpResponse, PageError> {
    let username = username.into_inner();
    if username.contains('\0') {
        return Err(UNKNOWN);
    }
    let read = app.core.pool.read(move |conn| {
        let Some(person) = users::find_by_username(conn, &username)? else { return Ok(None) };
        Ok(identities::find(conn, person.id)?.map(|found| (person, found)))
    });
    let (person, found) = read.await?.ok_or(UNKNOWN)?;
    let values = context! {
        here => "users",
        name => person.name,
        username => person.username,
        state => state(person.state.as_deref()),
        ..tables(&found)
    };
    Ok(signed_in.page(&app, &request, StatusCode::OK, "identities.html", values))
}

fn tables(found: &Identities) -> Value {
    let group = |id: Option<i64>| {
        id.map(|id| {
            found.groups.get(&id).map_or_else(|| format!("Group {id}"), |name| format!("{name} ({id})"))
        })
    };
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
            group => group(identity.group_id).unwrap_or_else(|| "Instance".to_owned()),
            active => identity.active,
        }
    });
    context! { identities => single_sign_on.collect::<Vec<_>>(), scim_identities => scim.collect::<Vec<_>>() }
}
