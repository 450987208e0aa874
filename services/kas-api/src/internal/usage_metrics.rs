//! `POST /api/v4/internal/kubernetes/usage_metrics`
use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::agents::usage::{COUNTERS, Report, UNIQUE_SETS};
use domain::json::Json;

use crate::error::KasError;
use crate::params::{Params, Problems};
use crate::{App, Kas};
use endpoint::DeferredParams;

/// Deprecated parameters, and the counters to which they add.
const DEPRECATED: &[(&str, &str)] =
    &[("gitops_sync_count", "gitops_sync"), ("k8s_api_proxy_request_count", "k8s_api_proxy_request")];

/// Adds a report to the counters, as a whole or not at all: after an error kas sends it again with the next one.
pub async fn handler(
    app: Data<App>,
    Kas(log): Kas,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let report = read(&Params::read(sent).await?)?;
    log.set("counters", report.counters.keys().copied().collect::<Vec<_>>());
    log.set("unique_ids", report.sets.values().map(BTreeSet::len).sum::<usize>());
    app.record(report).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn read(params: &Params) -> Result<Report, KasError> {
    let mut problems = Problems::default();
    let mut increments: Vec<(&'static str, i64)> = Vec::new();
    for (name, counter) in DEPRECATED {
        increments.extend(params.field(name).integer(&mut problems).map(|n| (*counter, n)));
    }
    let (counters, sets) = (params.field("counters"), params.field("unique_counters"));
    counters.object(&mut problems);
    for name in COUNTERS {
        increments.extend(counters.get(name).integer(&mut problems).map(|n| (*name, n)));
    }
    sets.object(&mut problems);
    let mut ids: Vec<(&'static str, BTreeSet<i64>)> = Vec::new();
    for name in UNIQUE_SETS {
        ids.extend(sets.get(name).set(&mut problems, Json::to_integer).map(|ids| (*name, ids)));
    }
    problems.check()?;
    let mut report = Report::default();
    for (name, n) in increments {
        if n < 0 {
            let reason = format!("{name} count must be greater than or equal to zero");
            return Err(KasError::BadRequest(reason));
        }
        report.increment(name, n);
    }
    for (name, ids) in ids {
        report.add_ids(name, ids);
    }
    Ok(report)
}
