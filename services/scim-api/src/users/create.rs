//! `POST …/Users`
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use database::scim::{Request, create};
use scim::{Draft, search};

use crate::audit::Operation;
use crate::{App, ScimError, ScimProvider, answer, dialect, request};

/// Creates a user, links an existing account, or restores access.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    let body = request::object(&request, payload).await?;
    let new = dialect::complete(Draft::read(&body)?, provider.tenant.mode)?;
    let fresh_id = uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string();
    let wanted = Request { new, fresh_id, password: password() };
    let (tenant, now) = (provider.tenant.clone(), app.core.clock.now());
    let made = app
        .change(&provider, Operation::Create, move |conn| create(conn, &tenant, &wanted, now))
        .await?
        .resource;
    let selection = search::selection(&request::query(&request));
    let mut created = HttpResponse::Created();
    created.insert_header((LOCATION, made.user.location(&provider.users_url())));
    Ok(answer::user(&mut created, &provider, &made.user, &selection))
}

/// A string with the format of a bcrypt hash that matches no known password.
fn password() -> String {
    const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let digits = rand::random::<[u8; 53]>().map(|byte| char::from(ALPHABET[usize::from(byte % 64)]));
    format!("$2a$10${}", digits.iter().collect::<String>())
}
