//! Every endpoint of every service refuses every wrong credential, in its own words and without effect.
//!
//! The requests come from the endpoint tables, so that a new endpoint is tested without a change here.
mod attempts;
mod expected;
mod installation;
mod places;
mod tokens;

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use reqwest::redirect::Policy;
use serde_json::Value;
use server::Prepared;
use testkit::{Answer, Service};

use self::attempts::{Attempt, Target, attempts, parameters};
use self::expected::{Refusal, is_page, without_credential};
use self::installation::{Credential, Installation, Kind, prepare_kas_api};
use self::places::Place;

/// Sends an attempt, and follows no redirect.
async fn send(client: &reqwest::Client, service: &Service, target: &Target, attempt: &Attempt) -> Answer {
    let (query, body) = parameters();
    let url = format!("{}{}", service.url(), target.filled_path());
    let mut request = client.request(target.method.parse().unwrap(), url).query(&query);
    if !attempt.parts.iter().any(|(place, _)| matches!(place, Place::Form(_))) {
        request = request.json(&body);
    }
    for (place, value) in &attempt.parts {
        request = place.add(request, value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, text: answer.text().await.unwrap() }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

/// Whether an answer is this refusal: its status, its whole body, and its headers.
fn is(answer: &Answer, refusal: &Refusal) -> bool {
    let body = if answer.text.is_empty() { Value::Null } else { answer.json().1 };
    answer.status == refusal.status
        && body == refusal.body
        && refusal.content_type.is_none_or(|wanted| answer.header("content-type") == Some(wanted))
        && refusal
            .header
            .is_none_or(|(name, start)| answer.header(name).is_some_and(|value| value.starts_with(start)))
}

/// Whether a right credential was refused. A page answers 403 to a form that none of its sessions has sent.
fn is_refusal(answer: &Answer, target: &Target) -> bool {
    let is_forbidden = answer.status == 403 && !is_page(target);
    answer.status == 401 || is_forbidden || is(answer, &without_credential(target))
}

/// Sends the wrong credentials to some endpoints. Returns a line for each answer that is not the
/// expected one.
async fn failures(service: &Service, targets: &[Target], credentials: &[Credential]) -> Vec<String> {
    let (client, mut failures) = (client(), Vec::new());
    for target in targets {
        for attempt in attempts(target, credentials) {
            let Some(expected) = &attempt.expected else { continue };
            let answer = send(&client, service, target, &attempt).await;
            if !is(&answer, expected) {
                let (what, text) = (&attempt.name, &answer.text);
                failures.push(format!("{target} with {what}: {} {text}, not {expected:?}", answer.status));
            }
        }
    }
    failures
}

/// Sends the right credentials to some endpoints. Returns a line for each answer that refuses one.
async fn refusals(service: &Service, targets: &[Target], credentials: &[Credential]) -> Vec<String> {
    let (client, mut refusals) = (client(), Vec::new());
    for target in targets {
        let right = attempts(target, credentials).into_iter().filter(|attempt| attempt.expected.is_none());
        for attempt in right {
            let answer = send(&client, service, target, &attempt).await;
            if is_refusal(&answer, target) {
                let (what, text) = (&attempt.name, &answer.text);
                refusals.push(format!("{target} with {what}: {} {text}", answer.status));
            }
        }
    }
    refusals
}

/// Fails with the number of lines, and the first of them.
fn assert_none(what: &str, lines: &[String]) {
    let first: Vec<&str> = lines.iter().take(20).map(String::as_str).collect();
    assert!(lines.is_empty(), "{} {what}:\n{}", lines.len(), first.join("\n"));
}

#[testkit::test]
async fn no_wrong_credential_opens_an_endpoint(database: Database) {
    let installation = Installation::start(database).await;
    let credentials = installation.credentials().await;
    let before = installation.database.contents();
    let tried = installation.services.iter().map(|(info, service)| {
        let (targets, credentials) = (Target::all(info), &credentials);
        async move { failures(service, &targets, credentials).await }
    });
    let failures = futures_util::future::join_all(tried).await.concat();
    assert_none("wrong answers", &failures);
    for (table, rows) in installation.database.contents() {
        assert_eq!(before.get(&table), Some(&rows), "{table} has changed");
    }
}

/// Without this, the test above could pass because its credentials are valid nowhere.
#[testkit::test]
async fn each_right_credential_opens_its_endpoints(database: Database) {
    let installation = Installation::start(database).await;
    let credentials = installation.credentials().await;
    for (info, service) in &installation.services {
        let refusals = refusals(service, &Target::all(info), &credentials).await;
        assert_none("right credentials are refused", &refusals);
    }
    let scim = installation.service("scim-api");
    let other = credentials.iter().find(|credential| credential.kind == Kind::OtherGroup).unwrap();
    let request = scim.request("GET", "/api/scim/v2/groups/another_group/Users");
    let answer = request.header("Authorization", &format!("Bearer {}", other.value)).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// The first test finds an endpoint whose handler asks for no identity.
#[testkit::test]
async fn an_endpoint_without_identity_is_found(database: Database) {
    const OPEN: Target =
        Target { consumer: "kas", method: "GET", path: "/api/v4/internal/kubernetes/forgotten" };
    let installation = Installation::start(database).await;
    let credentials = installation.credentials().await;
    let prepared = prepare_kas_api(&installation);
    let routes = Arc::clone(&prepared.routes);
    let with_an_open_one = move |config: &mut ServiceConfig| {
        config.route(OPEN.path, web::get().to(HttpResponse::NoContent));
        routes(config);
    };
    let prepared = Prepared { routes: Arc::new(with_an_open_one), ..prepared };
    let service = Service::start(Arc::clone(&installation.database), prepared).await;
    let failures = failures(&service, &[OPEN], &credentials).await;
    let wrong = attempts(&OPEN, &credentials).iter().filter(|attempt| attempt.expected.is_some()).count();
    assert!(wrong > 500, "{wrong}");
    assert_eq!(failures.len(), wrong);
}
