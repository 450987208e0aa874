//! Authenticates identity providers with the SCIM token of the group, or of the instance, in the path.
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use database::scim::{Access, Scope, Tenant, authenticate};
use endpoint::{Context, RestError, log_field, log_optional_field};
use scim::{Group, Node, User};
use subtle::ConstantTimeEq;

use crate::request::{self, Base};
use crate::{App, Representation, RepresentationOption, ScimError};

/// An authenticated identity provider, and the format of its responses.
#[derive(Debug, Clone)]
pub struct ScimProvider {
    pub tenant: Tenant,
    /// The id of the token, which is the author of audit events.
    pub token_id: i64,
    /// The path of the group in the request. `None` for the instance.
    pub group_path: Option<String>,
    /// The prefix of every location.
    pub base_url: String,
    pub representation: Representation,
    /// Whether the request itself uses the SCIM media type.
    pub names_scim: bool,
    /// The correlation id of the request, for jobs.
    pub correlation_id: String,
}

impl ScimProvider {
    /// `group` or `instance`, for the log.
    pub(crate) fn scope(&self) -> &'static str {
        if self.tenant.group.is_some() { "group" } else { "instance" }
    }

    pub(crate) fn users_url(&self) -> String {
        format!("{}/Users", self.base_url)
    }

    pub(crate) fn groups_url(&self) -> String {
        format!("{}/Groups", self.base_url)
    }

    /// Renders a group for this provider.
    pub(crate) fn show_group(&self, group: &Group) -> Node {
        self.representation.group(group, &self.groups_url())
    }

    /// Renders a user for this provider.
    pub(crate) fn show(&self, user: &User) -> Node {
        self.representation.user(user, self.tenant.mode, &self.users_url())
    }

    /// Whether responses include the addresses that the client sent, not only the account's.
    pub(crate) fn wants_emails(&self) -> bool {
        self.representation == Representation::Rfc
    }
}

impl FromRequest for ScimProvider {
    type Error = ScimError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ScimError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = request.app_data::<Data<App>>().ok_or(ScimError::Unauthorized)?;
            let identity = identify(app, &request).await;
            app.core.slow_guessing(&request, identity).await
        })
    }
}

async fn identify(app: &App, request: &HttpRequest) -> Result<ScimProvider, ScimError> {
    let nowhere = || ScimError::not_found("There is nothing at this path");
    let base = Base::from_request(request, &app.core.relative_url_root).ok_or_else(nowhere)?;
    let refuse = |rejection: Rejection| {
        app.core.reject_credential("scim_token", rejection.reason());
        ScimError::Unauthorized
    };
    let token = bearer(request).map_err(refuse)?;
    let forms = app.key_base.get().stored_forms(token);
    let scope = base.scope.clone();
    let access = app.core.pool.read(move |conn| {
        let is_same = |stored: &str| forms.iter().any(|form| form.as_bytes().ct_eq(stored.as_bytes()).into());
        authenticate(conn, &scope, &forms, is_same)
    });
    let options = &app.options;
    let access = access.await?;
    // Each use of a valid token counts, whatever the token may do here.
    if !matches!(access, Access::Denied) {
        app.core.limit_rate(request, Some(token))?;
    }
    let (token_id, group) = match access {
        Access::Granted { group: None, .. } if !options.scim_instance_enabled => {
            return Err(ScimError::not_found("SCIM is not enabled"));
        }
        Access::Granted { token_id, group } => (token_id, group),
        Access::Denied => return Err(refuse(Rejection::UnknownToken)),
        Access::NotFound => return Err(ScimError::not_found("Group not found")),
        Access::Disabled => return Err(ScimError::not_found("SCIM is not enabled")),
    };
    log_optional_field("scim_resource", Context::of(request).as_ref().and_then(resource_type));
    log_field("scim_scope", if group.is_some() { "group" } else { "instance" });
    log_optional_field("gl_namespace_id", group.map(|group| group.id));
    let mode = if group.is_some() { options.scim_group_mode } else { options.scim_instance_mode };
    let names_scim = request::accepts(request, |media_type| media_type == request::SCIM_JSON);
    let representation = match options.scim_representation {
        RepresentationOption::Rfc => Representation::Rfc,
        RepresentationOption::Gitlab => Representation::GitLab,
        RepresentationOption::Auto if names_scim => Representation::Rfc,
        RepresentationOption::Auto => Representation::GitLab,
    };
    Ok(ScimProvider {
        tenant: Tenant {
            group,
            mode: mode.into(),
            deleted_visible: options.scim_deleted_visible,
            keep_saml_identity: options.scim_keep_saml_identity,
        },
        token_id,
        base_url: base.url(request, app)?,
        group_path: match base.scope {
            Scope::Group(path) => Some(path),
            Scope::Instance => None,
        },
        representation,
        names_scim,
        correlation_id: Context::of(request)
            .map(|context| context.correlation_id.to_string())
            .unwrap_or_default(),
    })
}

/// The type of the resources at the endpoint, or `None` for discovery.
fn resource_type(context: &Context) -> Option<&'static str> {
    context.endpoint?.path.split('/').find_map(|segment| match segment {
        // A search below the base path finds users.
        "Users" | ".search" => Some("User"),
        "Groups" => Some("Group"),
        _ => None,
    })
}

/// Returns the bearer token. White space around it is ignored.
fn bearer(request: &HttpRequest) -> Result<&str, Rejection> {
    let header = request.headers().get(AUTHORIZATION).ok_or(Rejection::Missing)?;
    header.to_str().ok().and_then(auth::bearer_token).ok_or(Rejection::Malformed)
}

impl Base {
    /// The base of all URLs in responses. Fails if the request's host is malformed, even if it is not used.
    fn url(&self, request: &HttpRequest, app: &App) -> Result<String, ScimError> {
        let origin = endpoint::origin(request, &app.core).ok_or_else(|| RestError::invalid("Host"))?;
        let host = match &app.options.scim_external_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("{origin}{}", app.core.relative_url_root),
        };
        let scope = match &self.scope {
            Scope::Instance => "application".to_owned(),
            Scope::Group(path) => format!("groups/{}", scim::encode_segment(path)),
        };
        Ok(format!("{host}{}/{scope}", crate::ROOT))
    }
}
