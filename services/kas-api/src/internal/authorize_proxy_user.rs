//! `POST /api/v4/internal/kubernetes/authorize_proxy_user`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::agents::proxy_access::{self, Access};
use database::token_holders::{self, Found};
use domain::Role;
use domain::tokens::token_holder::TokenHolder;
use domain::user::State;
use endpoint::{Context, DeferredParams};
use serde_json::{Map, Value, json};

use crate::error::KasError;
use crate::params::{Params, Problems};
use crate::{App, Kas};

const SCOPE: &str = "k8s_proxy";
const ROLES: &[(Role, &str)] = &[
    (Role::REPORTER, "reporter"),
    (Role::DEVELOPER, "developer"),
    (Role::MAINTAINER, "maintainer"),
    (Role::OWNER, "owner"),
];

/// May this person reach this agent's cluster, and as whom?
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: Kas,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let (agent_id, key) = read(&Params::read(sent).await?)?;
    let user = match key {
        Key::Token(token) => app.holder_of(&token).await?,
        // The sessions of GitLab are Ruby's own: there is none to be found here.
        Key::Cookie => return Err(KasError::BadRequest("Invalid access_key".to_owned())),
    };
    if let Some(context) = Context::of(&request) {
        let mut fields = context.fields.borrow_mut();
        fields.agent_id = Some(agent_id);
        fields.user_id = Some(user.user_id);
        fields.user_name = Some(user.username.clone());
    }
    if user.state != State::Active {
        return Err(KasError::Forbidden);
    }
    let (user_id, today) = (user.user_id, app.core.clock.now().date());
    let find = move |conn: &mut database::Conn| proxy_access::find(conn, agent_id, user_id, today);
    let access = app.core.pool.read(find).await?.ok_or(KasError::NoRecord)?;
    if !app.options.user_access_enabled {
        return Err(KasError::Unauthorized(" - Feature disabled for agent"));
    }
    Ok(HttpResponse::Ok().json(json!({
        "agent": { "id": agent_id, "config_project": { "id": access.config_project_id } },
        "user": { "id": user.user_id, "username": user.username },
        "access_as": access_as(&access).ok_or(KasError::Forbidden)?,
    })))
}

enum Key {
    Token(String),
    Cookie,
}

fn read(params: &Params) -> Result<(i64, Key), KasError> {
    let mut problems = Problems::default();
    let agent_id = params.field("agent_id").required(&mut problems).integer(&mut problems);
    let access_type = params.field("access_type").required(&mut problems);
    let kind = access_type.text(&mut problems);
    if kind.is_some_and(|kind| !["session_cookie", "personal_access_token"].contains(&kind)) {
        problems.add(&access_type, "does not have a valid value");
    }
    let access_key = params.field("access_key").required(&mut problems).text(&mut problems);
    let is_cookie = kind == Some("session_cookie");
    if is_cookie {
        params.field("csrf_token").filled(&mut problems);
    }
    problems.none()?;
    let key = if is_cookie { Key::Cookie } else { Key::Token(access_key.unwrap_or_default().to_owned()) };
    // Nothing is missing: the problems would say so.
    Ok((agent_id.unwrap_or_default(), key))
}

impl App {
    /// The person of a token that may be used for this.
    async fn holder_of(&self, token: &str) -> Result<TokenHolder, KasError> {
        let unknown = || KasError::BadRequest("Unable to get user from request data".to_owned());
        if token.trim().is_empty() {
            return Err(unknown());
        }
        let (digests, now) = (self.key_base.get().digests(token), self.core.clock.now());
        let find = move |conn: &mut database::Conn| token_holders::find(conn, &digests, now);
        let Found { holder, to_touch, .. } = self.core.pool.read(find).await?.ok_or_else(unknown)?;
        if holder.token.revoked {
            return Err(KasError::InvalidToken("Token was revoked. You have to re-authorize from the user."));
        }
        if holder.token.has_expired(now.date()) {
            return Err(KasError::InvalidToken(
                "Token is expired. You can either do re-authorization or token refresh.",
            ));
        }
        if !holder.token.has_scope(SCOPE) {
            return Err(KasError::InsufficientScope(SCOPE));
        }
        if let Some(id) = to_touch {
            self.core.pool.run(move |conn| token_holders::touch(conn, id, now)).await?;
        }
        Ok(holder)
    }
}

/// As whom the person comes to the cluster: as the agent, or as themselves with their roles. `None` is not at all.
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
