//! Personal access tokens: their places in a request, their owners, and GitLab's messages about them.
//!
//! [`domain::tokens::token_holder`] decides what a token permits.
use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use database::token_holders::{self, FoundToken};

use crate::Core;
use crate::nested_params::{pairs, percent_decoded};

/// GitLab's description of the error `invalid_token` for an expired token.
pub const TOKEN_EXPIRED: &str = "Token is expired. You can either do re-authorization or token refresh.";
/// GitLab's description of the error `invalid_token` for a revoked token.
pub const TOKEN_REVOKED: &str = "Token was revoked. You have to re-authorize from the user.";

/// Finds the token with one of these digests, and its holder.
pub async fn find(core: &Core, digests: Vec<String>) -> database::Result<Option<FoundToken>> {
    let now = core.clock.now();
    core.pool.read(move |conn| token_holders::find(conn, &digests, now)).await
}

/// Records the time of a token's last use, at most every ten minutes. A failure does not fail the request.
pub async fn record_use(core: &Core, token: &FoundToken) {
    if !token.is_last_use_outdated {
        return;
    }
    let (id, now) = (token.id, core.clock.now());
    if let Err(error) = core.pool.run(move |conn| token_holders::record_use(conn, id, now)).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "failed to record the last use of a token");
    }
}

/// Returns the token from the first of these places, in GitLab's order: query parameter, header, bearer
/// token. A blank value counts as absent.
pub fn personal_access_token(request: &HttpRequest) -> Option<String> {
    query(request.query_string(), "private_token")
        .or_else(|| header(request, "private-token"))
        .or_else(|| bearer(request))
}

/// Returns the value of a header, or `None` if it is missing or blank. A value that is not text becomes a
/// token that matches no row.
pub fn header(request: &HttpRequest, name: &str) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(value.to_str().unwrap_or("\u{fffd}").trim().to_owned()).filter(|text| !text.is_empty())
}

fn bearer(request: &HttpRequest) -> Option<String> {
    auth::bearer_token(&header(request, AUTHORIZATION.as_str())?).map(ToOwned::to_owned)
}

/// Returns the last query parameter with this name, or `None` if it is missing or empty. A value that is not
/// UTF-8 becomes a token that matches no row.
pub fn query(query: &str, name: &str) -> Option<String> {
    let (_, value) = pairs(query.as_bytes()).filter(|(key, _)| key == name.as_bytes()).last()?;
    (!value.is_empty()).then(|| String::from_utf8_lossy(&percent_decoded(value)).into_owned())
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn a_parameter_is_the_last_of_its_name() {
        for (text, expected) in [
            ("private_token=&private_token=x", Some("x")),
            ("private_token=x&private_token=", None),
            ("private%5Ftoken=a%20b", Some("a b")),
            ("private_tokens=x&private_token", None),
            ("private_token=%FF", Some("\u{fffd}")),
            ("", None),
        ] {
            assert_eq!(query(text, "private_token").as_deref(), expected, "{text}");
        }
    }
}
