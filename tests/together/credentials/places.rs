//! The places of a request in which a credential can be sent.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;

/// A place in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Header(&'static str),
    /// `Authorization: Bearer …`
    Bearer,
    /// `Authorization: Basic …`, as the password and as the user.
    BasicPassword,
    BasicUser,
    Cookie,
    Query(&'static str),
    /// A field of a form, instead of the usual body.
    Form(&'static str),
}

/// Every place in which one of GitLab's programs sends or accepts a credential.
pub const PLACES: &[Place] = &[
    Place::Header("Gitlab-Shell-Api-Request"),
    Place::Header("Gitlab-Shared-Secret"),
    Place::Header("Gitlab-Workhorse-Api-Request"),
    Place::Header("Gitlab-Error-Tracking-Token"),
    Place::Header("Gitlab-Kas-Api-Request"),
    Place::Header("Gitlab-Agentk-Api-Request"),
    Place::Header("Gitlab-Agent-Api-Request"),
    Place::Header("Private-Token"),
    Place::Header("Token"),
    Place::Header("Job-Token"),
    Place::Header("Deploy-Token"),
    Place::Header("X-Customers-Dot-Internal-Token"),
    Place::Header("Authorization"),
    Place::Bearer,
    Place::BasicPassword,
    Place::BasicUser,
    Place::Cookie,
    Place::Query("private_token"),
    Place::Query("access_token"),
    Place::Query("job_token"),
    Place::Query("secret_token"),
    Place::Query("error_tracking_token"),
    Place::Form("private_token"),
    Place::Form("secret_token"),
    Place::Form("error_tracking_token"),
];

impl Place {
    /// Adds a credential. In a cookie it is the value of `admin_session`.
    pub fn add(self, request: RequestBuilder, value: &str) -> RequestBuilder {
        let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
        match self {
            Self::Header(name) => request.header(name, value),
            Self::Bearer => request.header("Authorization", format!("Bearer {value}")),
            Self::BasicPassword => request.header("Authorization", basic(format!("root:{value}"))),
            Self::BasicUser => request.header("Authorization", basic(format!("{value}:x"))),
            Self::Cookie if value.starts_with("admin_session=") => request.header("Cookie", value),
            Self::Cookie => request.header("Cookie", format!("admin_session={value}")),
            Self::Query(name) => request.query(&[(name, value)]),
            Self::Form(name) => request.form(&[(name, value)]),
        }
    }
}
