//! `GET /api/v4/internal/gitlab_subscriptions/namespaces/{id}`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, namespaces, overview};
use endpoint::log_field;

use crate::error::BillingError;
use crate::{App, Caller};

/// Shows a group, which may be a subgroup, or a personal namespace.
pub async fn handler(app: Data<App>, _: Caller, id: Path<String>) -> Result<HttpResponse, BillingError> {
    let (key, today) = (Key::parse(&id), app.core.clock.now().date());
    let read = app.core.pool.read(move |conn| {
        let mut namespace = namespaces::find(conn, &key)?;
        if namespace.is_project() {
            namespace = namespaces::find_root(conn, &key)?;
        }
        overview::show(conn, namespace, today)
    });
    let overview = read.await?;
    log_field("gl_namespace_id", overview.namespace.id);
    Ok(HttpResponse::Ok().json(super::entity(&overview, &app)))
}
