//! `POST /api/v4/internal/kubernetes/usage_metrics`
use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::agents::usage::{Report, SETS, TOTALS};
use endpoint::DeferredParams;

use crate::error::KasError;
use crate::params::{Params, Problems, integer};
use crate::{App, Kas};

/// Names that counters had before they stood together; each adds to the counter.
const DEPRECATED: &[(&str, &str)] =
    &[("gitops_sync_count", "gitops_sync"), ("k8s_api_proxy_request_count", "k8s_api_proxy_request")];

/// Adds to what kas counts. All of a report counts, or nothing: kas sends one that failed again with the next.
pub async fn handler(
    app: Data<App>,
    _: Kas,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    app.record(report(&Params::read(sent).await?)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn report(params: &Params) -> Result<Report, KasError> {
    let mut problems = Problems::default();
    let mut totals: Vec<(&'static str, i64)> = Vec::new();
    for (name, counter) in DEPRECATED {
        totals.extend(params.field(name).integer(&mut problems).map(|n| (*counter, n)));
    }
    let (counters, sets) = (params.field("counters"), params.field("unique_counters"));
    counters.object(&mut problems);
    for name in TOTALS.iter().filter(|name| counters.has(name)) {
        totals.extend(counters.get(name).integer(&mut problems).map(|n| (*name, n)));
    }
    sets.object(&mut problems);
    let mut seen: Vec<(&'static str, BTreeSet<i64>)> = Vec::new();
    for name in SETS.iter().filter(|name| sets.has(name)) {
        seen.extend(sets.get(name).set(&mut problems, integer).map(|ids| (*name, ids)));
    }
    problems.none()?;
    let mut report = Report::default();
    for (name, n) in totals {
        if n < 0 {
            let reason = format!("{name} count must be greater than or equal to zero");
            return Err(KasError::BadRequest(reason));
        }
        report.add(name, n);
    }
    for (name, ids) in seen {
        report.see(name, ids);
    }
    Ok(report)
}
