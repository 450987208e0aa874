//! The page that a sign-in redirects to.
//!
//! The parameter `return_to` comes from the browser. It is parsed, and the target is rebuilt from the route
//! and its known parameters, so that a link cannot lead to another host or to a route that is not a page.
use actix_web::HttpRequest;
use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::list::{ListQuery, RESERVED};
use crate::App;

const MAX_BYTES: usize = 2048;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReturnTo {
    Limits(ListQuery),
    /// The confirmation of a removal.
    Removal(i64),
    Users(ListQuery),
    Identities(String),
    AuditEvents(ListQuery),
}

impl ReturnTo {
    /// Parses a path with its query, below the relative URL root or without it.
    pub fn parse(text: &str, root: &str) -> Option<Self> {
        if text.len() > MAX_BYTES || text.contains(|c: char| c == '\\' || c == '#' || c.is_control()) {
            return None;
        }
        let text = text.strip_prefix(root).filter(|rest| rest.starts_with('/')).unwrap_or(text);
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let pairs = decode_query(query)?;
        let list = |has_event| ListQuery::from_pairs(&pairs, has_event);
        let segments: Vec<&str> = path.strip_prefix("/admin/")?.split('/').collect();
        match segments.as_slice() {
            ["namespace_limits"] => list(false).map(Self::Limits),
            ["namespace_limits", id, "remove"] if id.bytes().all(|byte| byte.is_ascii_digit()) => {
                id.parse().ok().map(Self::Removal)
            }
            ["users"] => list(false).map(Self::Users),
            ["users", username, "identities"] => {
                let username = percent_decode_str(username).decode_utf8().ok()?.into_owned();
                let is_name = !username.is_empty()
                    && username != "."
                    && username != ".."
                    && !username.contains(|c: char| matches!(c, '/' | '\\') || c.is_control());
                is_name.then_some(Self::Identities(username))
            }
            ["audit_events"] => list(true).map(Self::AuditEvents),
            _ => None,
        }
    }

    /// The page that a request asks for, if it is one.
    pub fn from_request(app: &App, request: &HttpRequest) -> Option<Self> {
        let path = request.path().trim_end_matches('/');
        Self::parse(&format!("{path}?{}", request.query_string()), &app.core.relative_url_root)
    }

    /// The path below the relative URL root, with the query.
    pub fn path(&self) -> String {
        match self {
            Self::Limits(query) => format!("/admin/namespace_limits{}", query.to_query()),
            Self::Removal(id) => format!("/admin/namespace_limits/{id}/remove"),
            Self::Users(query) => format!("/admin/users{}", query.to_query()),
            Self::Identities(username) => {
                format!("/admin/users/{}/identities", utf8_percent_encode(username, RESERVED))
            }
            Self::AuditEvents(query) => format!("/admin/audit_events{}", query.to_query()),
        }
    }
}

/// The address of the sign-in page. The first page needs no `return_to`.
pub fn sign_in_location(root: &str, return_to: Option<&ReturnTo>) -> String {
    let path = return_to.map(ReturnTo::path).filter(|path| path != "/admin/namespace_limits");
    let query = path.map(|path| format!("?return_to={}", utf8_percent_encode(&path, RESERVED)));
    format!("{root}/admin/session/new{}", query.unwrap_or_default())
}

fn decode_query(query: &str) -> Option<Vec<(String, String)>> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<String> {
        ReturnTo::parse(text, "/gitlab").map(|target| target.path())
    }

    #[test]
    fn known_pages_are_rebuilt() {
        for (text, expected) in [
            ("/admin/namespace_limits", "/admin/namespace_limits"),
            ("/admin/namespace_limits?search=a+b&x=1&page=3", "/admin/namespace_limits?search=a%20b&page=3"),
            ("/gitlab/admin/users?search=al&page=2", "/admin/users?search=al&page=2"),
            ("/admin/users?search=%40root&private_token=x", "/admin/users?search=%40root"),
            ("/admin/namespace_limits/123/remove?search=x", "/admin/namespace_limits/123/remove"),
            ("/admin/users/john.doe-1_2/identities", "/admin/users/john.doe-1_2/identities"),
            ("/admin/users/%C3%A9/identities", "/admin/users/%C3%A9/identities"),
            ("/admin/audit_events?event=removed&page=0", "/admin/audit_events?event=removed"),
            ("/admin/audit_events?event=other", "/admin/audit_events"),
        ] {
            assert_eq!(path(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_targets_are_refused() {
        let long = format!("/admin/users?search={}", "x".repeat(2048));
        for text in [
            "",
            "/",
            "https://evil.example.com/",
            "https://evil.example.com/admin/users",
            "//evil.example.com",
            "//evil.example.com/admin/users",
            "/\\evil.example.com",
            "/admin",
            "/admin/",
            "/admin/../api",
            "/admin/users/../users",
            "/admin/users/%2e%2e/identities",
            "/admin/users/a%2Fb/identities",
            "/admin/users//identities",
            "/admin/users/%00/identities",
            "/admin/users/%FF/identities",
            "/admin/assets/admin.js",
            "/admin/session",
            "/admin/session/new",
            "/admin/namespace_limits/x/remove",
            "/admin/namespace_limits/99999999999999999999/remove",
            "/admin/namespace_limits/namespaces",
            "/admin/users#x",
            "/admin/users?search=%FF",
            "/admin/users?search=%00",
            "\t/admin/users",
            "javascript:alert(1)",
            &long,
        ] {
            assert_eq!(path(text), None, "{text}");
        }
    }
}
