//! `GET /api/v4/internal/check`
use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;

use crate::{App, Shell};

#[derive(Serialize)]
struct Entity<'a> {
    api_version: &'a str,
    gitlab_version: &'a str,
    gitlab_rev: &'a str,
    /// Without Redis the counters are in this process's memory and always available.
    redis: bool,
}

pub async fn handler(app: Data<App>, _: Shell) -> HttpResponse {
    let redis = app.core.counters.ping().await.is_ok();
    let options = &app.options;
    HttpResponse::Ok().json(Entity {
        api_version: "v4",
        gitlab_version: &options.gitlab_version,
        gitlab_rev: &options.gitlab_rev,
        redis,
    })
}
