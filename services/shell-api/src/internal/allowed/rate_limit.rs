//! The rate limit for git operations: per minute, by actor and by client address. If counting fails, the
//! request is allowed.
use std::time::Duration;

use database::git_access::ActorId;
use database::settings::Settings;
use domain::user::User;
use endpoint::{Context, log_field};

use super::input::Input;
use crate::error::AllowedError;
use crate::{App, INFO};

const NAME: &str = "gitlab_shell_operation";
const WINDOW_S: i64 = 60;

/// Whether the database must resolve the actor to a user id first. An actor named by id is counted before
/// any lookup.
pub(super) fn needs_person(actor: &ActorId) -> bool {
    matches!(actor, ActorId::Username(_) | ActorId::Email(_) | ActorId::Kerberos(_))
}

/// Counts the request. `person` is the user that was found by name.
pub(super) async fn check(
    app: &App,
    context: Option<&Context>,
    input: &Input,
    settings: &Settings,
    person: Option<&User>,
) -> Result<(), AllowedError> {
    let limit = i64::from(settings.git_operation_limit);
    if limit <= 0 {
        return Ok(());
    }
    let now = app.core.clock.unix();
    let (period, reset_s) = (now.div_euclid(WINDOW_S), WINDOW_S - now.rem_euclid(WINDOW_S));
    let scopes: Vec<String> =
        actor(&input.query.actor, person).into_iter().chain(address(app, context)).collect();
    let project = input.query.repository.normalized();
    let (action, project) = (shared_state::bounded(&input.action), shared_state::bounded(&project));
    let keys: Vec<String> = scopes
        .iter()
        .map(|scope| format!("application_rate_limiter:{NAME}:{action}:{project}:{scope}:{period}"))
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    let lifetime = Duration::from_secs(reset_s.unsigned_abs() + 1);
    let counts = match app.core.counters.count(&keys, lifetime).await {
        Ok(counts) => counts,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "failed to count the rate limit");
            return Ok(());
        }
    };
    let observed = counts.into_iter().max().unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "a ratio for a histogram")]
    app.core.metrics.throttle(NAME, false, "source_code_management", observed as f64 / limit as f64);
    if observed <= limit {
        return Ok(());
    }
    app.core.metrics.throttled(INFO.consumer, NAME);
    log_field("rate_limit_key", NAME);
    Err(AllowedError::Throttled { limit, observed, reset_s })
}

/// The key of the actor. A user is counted by id, whatever name the request uses.
fn actor(actor: &ActorId, person: Option<&User>) -> Option<String> {
    match actor {
        ActorId::Key(id) => Some(format!("key:{id}")),
        ActorId::User(id) => Some(format!("user:{id}")),
        ActorId::DeployToken(id) => Some(format!("deploy_token:{id}")),
        ActorId::Username(_) | ActorId::Email(_) | ActorId::Kerberos(_) => {
            person.map(|person| format!("user:{}", person.id))
        }
        ActorId::Anonymous => None,
    }
}

/// The client's address. A trusted proxy's address is not counted, because all clients share it.
fn address(app: &App, context: Option<&Context>) -> Option<String> {
    let ip = context?.remote_ip?;
    let trusted = app.core.trusted_proxies.iter().any(|network| network.contains(&ip));
    (!trusted).then(|| ip.to_string())
}
