//! Finds the personal access token of a request.
use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use crate::nested_params::{pairs, percent_decoded};

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
    let value = header(request, AUTHORIZATION.as_str())?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned()).filter(|token| !token.is_empty())
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
