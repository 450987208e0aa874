//! `POST /api/v4/internal/kubernetes/authorize_proxy_user`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::agents::proxy_access::{self, Access};
use domain::Role;
use domain::tokens::token_holder::{Insufficient, TokenHolder};
use domain::user::State;
use endpoint::access_token::{self, TOKEN_EXPIRED, TOKEN_REVOKED};
use endpoint::{DeferredParams, log_user};
use serde_json::{Map, Value, json};

use crate::error::KasError;
use crate::params::{Params, Problems};
use crate::{App, Kas};

const SCOPE: &str = "k8s_proxy";
/// The roles that a response names.
const ROLES: &[(Role, &str)] = &[
    (Role::REPORTER, "reporter"),
    (Role::DEVELOPER, "developer"),
    (Role::MAINTAINER, "maintainer"),
    (Role::OWNER, "owner"),
];

/// Decides whether a user may use the agent's cluster, and as whom.
pub async fn handler(
    app: Data<App>,
    Kas(log): Kas,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let (agent_id, key) = read(&Params::read(sent).await?)?;
    log.set_agent(agent_id, None);
    log.set("access_type", key.access_type());
    let user = match key {
        Key::Token(token) => app.find_token_holder(&token).await?,
        // GitLab's sessions are marshalled by Ruby and cannot be read here. kas shows 401 as a failed sign-in,
        // but 400 as a server error.
        Key::Cookie => {
            app.core.reject_credential("session", "unknown");
            return Err(KasError::Unauthorized("Invalid session"));
        }
    };
    log_user(user.user_id, &user.username);
    if user.state != State::Active {
        return Err(KasError::Forbidden);
    }
    let (user_id, today) = (user.user_id, app.core.clock.now().date());
    let find = move |conn: &mut database::Conn| proxy_access::find(conn, agent_id, user_id, today);
    let access = app.core.pool.read(find).await?.ok_or(KasError::NoRecord)?;
    log.set_agent(agent_id, Some(access.config_project_id));
    if !app.options.user_access_enabled {
        return Err(KasError::Unauthorized("Feature disabled for agent"));
    }
    Ok(HttpResponse::Ok().json(json!({
        "agent": { "id": agent_id, "config_project": { "id": access.config_project_id } },
        "user": { "id": user.user_id, "username": user.username },
        "access_as": access_as(&access).ok_or(KasError::Forbidden)?,
    })))
}

/// The credential of the user.
enum Key {
    Token(String),
    Cookie,
}

const TOKEN: &str = "personal_access_token";
const COOKIE: &str = "session_cookie";

impl Key {
    fn access_type(&self) -> &'static str {
        match self {
            Self::Token(_) => TOKEN,
            Self::Cookie => COOKIE,
        }
    }
}

fn read(params: &Params) -> Result<(i64, Key), KasError> {
    let mut problems = Problems::default();
    let agent_id = params.field("agent_id").required_integer(&mut problems);
    let access_type = params.field("access_type").required(&mut problems);
    let kind = access_type.string(&mut problems);
    if kind.as_deref().is_some_and(|kind| ![COOKIE, TOKEN].contains(&kind)) {
        problems.add(&access_type, "does not have a valid value");
    }
    let access_key = params.field("access_key").required(&mut problems).string(&mut problems);
    let is_cookie = kind.as_deref() == Some(COOKIE);
    if is_cookie {
        params.field("csrf_token").filled_string(&mut problems);
    }
    problems.check()?;
    // Everything is present: otherwise there is a problem.
    let key = if is_cookie { Key::Cookie } else { Key::Token(access_key.unwrap_or_default()) };
    Ok((agent_id.unwrap_or_default(), key))
}

impl App {
    /// The user of a valid token with the scope `k8s_proxy`.
    async fn find_token_holder(&self, token: &str) -> Result<TokenHolder, KasError> {
        let unknown = || KasError::BadRequest("Unable to get user from request data".to_owned());
        if token.trim().is_empty() {
            return Err(unknown());
        }
        let digests = self.key_base.get().digests(token);
        let found = access_token::find(&self.core, digests).await?.ok_or_else(unknown)?;
        let today = self.core.clock.now().date();
        let checked = if found.holder.token.revoked {
            // Unlike in the REST API, a revoked token is reported as such even if it has also expired.
            Err(Insufficient::Revoked)
        } else {
            found.holder.has_scope(&[SCOPE], today)
        };
        checked.map_err(|insufficient| {
            self.core.reject_credential(TOKEN, insufficient.reason());
            match insufficient {
                Insufficient::Expired => KasError::InvalidToken(TOKEN_EXPIRED),
                Insufficient::Revoked => KasError::InvalidToken(TOKEN_REVOKED),
                _ => KasError::InsufficientScope(SCOPE),
            }
        })?;
        access_token::record_use(&self.core, &found).await;
        Ok(found.holder)
    }
}

/// The identity in the cluster: the agent, or the user with their roles. `None` if access is denied.
fn access_as(access: &Access) -> Option<Value> {
    let kinds: &Map<String, Value> = access.config.as_ref()?.get("access_as")?.as_object()?;
    let kind = kinds.keys().next().filter(|_| kinds.len() == 1)?;
    let developer = |(_, role): &&(i64, Role)| *role >= Role::DEVELOPER;
    let entities = |grants: &[(i64, Role)]| -> Vec<Value> {
        grants.iter().filter(developer).map(|(id, role)| json!({ "id": id, "roles": roles(*role) })).collect()
    };
    let (projects, groups) = (entities(&access.projects), entities(&access.groups));
    if projects.is_empty() && groups.is_empty() {
        return None;
    }
    match kind.as_str() {
        "agent" => Some(json!({ "agent": {} })),
        "user" => Some(json!({ "user": { "projects": projects, "groups": groups } })),
        _ => None,
    }
}

fn roles(role: Role) -> Vec<&'static str> {
    ROLES.iter().filter(|(level, _)| *level <= role).map(|(_, name)| *name).collect()
}
