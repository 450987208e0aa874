//! The answers that the contracts give to wrong credentials, in the dialect of each API.
use serde_json::{Value, json};

use super::attempts::Target;
use super::installation::{Credential, Kind};
use super::places::Place::{self, Bearer, Cookie, Form, Header, Query};

/// A whole answer to a wrong credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub body: Value,
    pub content_type: Option<&'static str>,
    /// A header and the beginning of its value.
    pub header: Option<(&'static str, &'static str)>,
}

const JSON: Option<&str> = Some("application/json");

fn refusal(status: u16, body: Value) -> Refusal {
    Refusal { status, body, content_type: JSON, header: None }
}

/// The answer that the REST APIs share.
fn unauthorized() -> Refusal {
    refusal(401, json!({ "message": "401 Unauthorized" }))
}

fn not_kas() -> Refusal {
    refusal(401, json!({ "message": "KAS JWT authentication invalid" }))
}

fn no_scim_token() -> Refusal {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"];
    let body =
        json!({ "schemas": schemas, "detail": "The SCIM token is missing or not valid", "status": "401" });
    let header = Some(("www-authenticate", "Bearer realm=\"SCIM\""));
    Refusal { status: 401, body, content_type: Some("application/scim+json"), header }
}

/// Pages lead to the form for signing in.
fn sign_in(target: &Target) -> Refusal {
    let status = if target.method == "GET" { 302 } else { 303 };
    let header = Some(("location", "/admin/session/new"));
    Refusal { status, body: Value::Null, content_type: None, header }
}

fn invalid_token(description: &str) -> Refusal {
    let body = json!({ "error": "invalid_token", "error_description": description });
    let header = Some(("www-authenticate", r#"Bearer realm="The API", error="invalid_token""#));
    Refusal { header, ..refusal(401, body) }
}

fn insufficient_scope(scope: &str) -> Refusal {
    let description = "The request requires higher privileges than provided by the access token.";
    let body = json!({ "error": "insufficient_scope", "error_description": description, "scope": scope });
    refusal(403, body)
}

fn forbidden(text: &str) -> Refusal {
    refusal(403, json!({ "message": format!("403 {text}") }))
}

/// Pages that need no credential: the sign-in form and its files.
const OPEN: &[(&str, &str)] = &[
    ("GET", "/admin/session/new"),
    ("GET", "/admin/session"),
    ("POST", "/admin/session"),
    ("GET", "/admin/assets/{name}"),
];

pub fn is_open(target: &Target) -> bool {
    target.consumer == "admin" && OPEN.contains(&(target.method, target.path))
}

/// The calls that kas makes for itself. All others name an agent, too.
const OF_KAS_ALONE: &[&str] = &[
    "/kubernetes/usage_metrics",
    "/kubernetes/agent_events",
    "/kubernetes/agent_configuration",
    "/kubernetes/authorize_proxy_user",
    "/kubernetes/receptive_agents",
];

pub fn names_an_agent(target: &Target) -> bool {
    !OF_KAS_ALONE.iter().any(|path| target.path.ends_with(path))
}

/// The answer to a request without any credential.
pub fn without_credential(target: &Target) -> Refusal {
    match target.consumer {
        "kas" => not_kas(),
        "scim" => no_scim_token(),
        "admin" if is_page(target) => sign_in(target),
        _ => unauthorized(),
    }
}

/// The answer to a request with this credential alone; `None` if it authenticates the request.
pub fn with_credential(target: &Target, credential: &Credential, place: Place) -> Option<Refusal> {
    let refused = Some(without_credential(target));
    match (target.consumer, credential.kind, place) {
        ("shell", Kind::Shell, Header("Gitlab-Shell-Api-Request")) => None,
        ("shell", Kind::Workhorse, Header("Gitlab-Workhorse-Api-Request"))
            if target.path.ends_with("/shellhorse/git_audit_event") =>
        {
            None
        }
        (
            "shell",
            Kind::ErrorTracking,
            Header("Gitlab-Error-Tracking-Token")
            | Query("error_tracking_token")
            | Form("error_tracking_token"),
        ) if target.path.ends_with("/error_tracking/allowed") => None,
        ("kas", Kind::Kas, Header("Gitlab-Kas-Api-Request")) => names_an_agent(target).then(unauthorized),
        ("scim", Kind::Group, Bearer) if target.path.contains("/groups/") => None,
        ("scim", Kind::Instance, Bearer) if target.path.contains("/application/") => None,
        ("admin", Kind::Session, Cookie) if is_page(target) => None,
        ("admin", kind, Header("Private-Token") | Bearer | Query("private_token" | "access_token"))
            if !is_page(target) =>
        {
            personal_access_token(kind, AdminApi(target), refused)
        }
        ("billing", Kind::Portal, Header("X-Customers-Dot-Internal-Token")) => None,
        ("billing", kind, Header("Private-Token" | "Token") | Bearer | Query("private_token")) => {
            personal_access_token(kind, BillingApi, refused)
        }
        _ => refused,
    }
}

/// The answer to kas with this credential for the agent; `None` if it authenticates the request.
pub fn with_agent_credential(credential: &Credential, place: Place) -> Option<Refusal> {
    let is_place = matches!(place, Header("Gitlab-Agentk-Api-Request" | "Gitlab-Agent-Api-Request") | Bearer);
    (credential.kind != Kind::Agent || !is_place).then(unauthorized)
}

pub fn is_page(target: &Target) -> bool {
    target.path.starts_with("/admin")
}

/// The APIs that a personal access token opens.
enum RestApi<'a> {
    AdminApi(&'a Target),
    BillingApi,
}
use RestApi::{AdminApi, BillingApi};

/// The answer to a personal access token; `otherwise` for a credential of another kind.
fn personal_access_token(kind: Kind, api: RestApi<'_>, otherwise: Option<Refusal>) -> Option<Refusal> {
    let refusal = match (kind, api) {
        (Kind::Administrator, _) => return None,
        (Kind::Expired, _) => {
            invalid_token("Token is expired. You can either do re-authorization or token refresh.")
        }
        (Kind::Revoked, _) => invalid_token("Token was revoked. You have to re-authorize from the user."),
        (Kind::Narrow, AdminApi(target)) if target.method == "GET" => insufficient_scope("api read_api"),
        (Kind::Narrow, _) => insufficient_scope("api"),
        (Kind::Blocked, AdminApi(_)) => forbidden("Forbidden - Your account has been blocked."),
        (Kind::Person | Kind::Blocked, _) => forbidden("Forbidden"),
        _ => return otherwise,
    };
    Some(refusal)
}
