//! Where a request bears a personal access token.
use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use percent_encoding::percent_decode;

/// The first token that is there, in GitLab's order: query parameter, header, bearer. Blank ones are not there.
pub fn personal_access_token(request: &HttpRequest) -> Option<String> {
    query(request.query_string(), "private_token")
        .or_else(|| header(request, "private-token"))
        .or_else(|| bearer(request))
}

/// A header's text; blank is not there. What is no text is a token that nobody has.
pub fn header(request: &HttpRequest, name: &str) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(value.to_str().unwrap_or("\u{fffd}").trim().to_owned()).filter(|text| !text.is_empty())
}

fn bearer(request: &HttpRequest) -> Option<String> {
    let value = header(request, AUTHORIZATION.as_str())?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned()).filter(|token| !token.is_empty())
}

/// A parameter of a query string; empty is not there.
pub fn query(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let text = percent_decode(value.as_bytes()).decode_utf8_lossy().into_owned();
    (!text.is_empty()).then_some(text)
}
