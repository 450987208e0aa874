//! Which backend the load balancer has chosen for a request: a service of ours, or GitLab.
use std::str::FromStr;
use std::time::Instant;

use clap::ValueEnum;
use reqwest::{Client, Response};

use super::{Credential, Options, Report, Service, causes};

/// The header in which the load balancer names its backend.
const HEADER: &str = "x-internal-api-backend";
const GITLAB: &str = "gitlab";
/// A path of kas that no service has. Without a token, GitLab answers 401.
const OTHER_PATH: &str = "/api/v4/job/allowed_agents";

/// Whose requests the load balancer routes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumer {
    Service(Service),
    /// The callers of the paths that no service has.
    Other,
}

impl Consumer {
    pub fn name(self) -> &'static str {
        match self {
            Self::Service(service) => service.name(),
            Self::Other => "other",
        }
    }
}

/// The backend of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    Gitlab,
    Other(String),
}

impl Backend {
    /// `None` if the response did not pass the internal listener of the load balancer.
    pub fn from_response(response: &Response) -> Option<Self> {
        let name = response.headers().get(HEADER)?.to_str().ok()?;
        Some(if name == GITLAB { Self::Gitlab } else { Self::Other(name.to_owned()) })
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Gitlab => GITLAB,
            Self::Other(name) => name,
        }
    }
}

/// Who must serve a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    pub consumer: Consumer,
    is_gitlab: bool,
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "expected CONSUMER=ours or CONSUMER=gitlab";
        let (consumer, backend) = text.split_once('=').ok_or(FORM)?;
        let consumer = if consumer == "other" {
            Consumer::Other
        } else {
            let unknown = |_| "the consumer must be shell, kas, scim, admin, billing or other";
            Consumer::Service(Service::from_str(consumer, false).map_err(unknown)?)
        };
        let is_gitlab = match backend {
            "ours" => false,
            GITLAB => true,
            _ => return Err(FORM.to_owned()),
        };
        Ok(Self { consumer, is_gitlab })
    }
}

impl Expectation {
    /// Why this backend is not the expected one.
    pub fn problem(self, backend: Option<&Backend>) -> Option<String> {
        let Some(backend) = backend else {
            let problem =
                "no X-Internal-Api-Backend: the base URL is not the internal listener of the load balancer";
            return Some(problem.to_owned());
        };
        let expected = match (self.is_gitlab, self.consumer) {
            (true, _) => GITLAB,
            (false, Consumer::Service(service)) => service.name(),
            // Without GitLab, the load balancer itself answers.
            (false, Consumer::Other) if *backend != Backend::Gitlab => return None,
            (false, Consumer::Other) => "no backend",
        };
        (backend.name() != expected).then(|| format!("served by {}, expected {expected}", backend.name()))
    }
}

/// The problems of an answer of GitLab to the request that checks a service.
pub fn judge_gitlab(status: u16, service: Service, credential: &Credential) -> Vec<String> {
    let is_expected = match (service, credential.value.is_some()) {
        (Service::Billing, true) => matches!(status, 200 | 404),
        (_, true) => status == 200,
        (_, false) => status == 401,
    };
    if is_expected {
        return Vec::new();
    }
    let source = &credential.source;
    vec![match status {
        401 if matches!(service, Service::Shell | Service::Kas) => {
            format!("401: the secret in {source} is not the one that GitLab uses")
        }
        401 => format!("401: GitLab does not know the token in {source}"),
        403 => format!("403: the token in {source} needs the scope api and an administrator"),
        502..=504 => format!("{status}: GitLab is unavailable at GITLAB_ADDRESS"),
        _ => format!("{status} from GitLab"),
    }]
}

/// Asks for a path that only GitLab has.
pub async fn ask_other(client: &Client, options: &Options) -> Report {
    let url = format!("{}{OTHER_PATH}", options.base_url.trim_end_matches('/'));
    let started = Instant::now();
    let response = client.get(&url).send().await;
    let duration = started.elapsed();
    let (backend, is_reached, mut problems) = match response {
        Ok(response) => {
            let (backend, status) = (Backend::from_response(&response), response.status().as_u16());
            let expected = if backend == Some(Backend::Gitlab) { 401 } else { 404 };
            let problem = (status != expected).then(|| format!("{status}, expected {expected}"));
            (backend, true, problem.into_iter().collect::<Vec<_>>())
        }
        Err(error) => {
            let problem = format!("{} cannot be reached: {}", options.base_url, causes(&error));
            (None, false, vec![problem])
        }
    };
    if let Some(expectation) = options.expectation(Consumer::Other).filter(|_| is_reached) {
        problems.extend(expectation.problem(backend.as_ref()));
    }
    Report {
        consumer: Consumer::Other,
        is_reached,
        duration,
        backend,
        is_ready: None,
        checks: Vec::new(),
        parts: Vec::new(),
        problems,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(expectation: &str, backend: Option<&str>) -> Option<String> {
        let backend = backend.map(|name| match name {
            GITLAB => Backend::Gitlab,
            _ => Backend::Other(name.to_owned()),
        });
        expectation.parse::<Expectation>().unwrap().problem(backend.as_ref())
    }

    #[test]
    fn backend_is_compared_with_the_expected_one() {
        assert_eq!(problem("kas=ours", Some("kas-api")), None);
        assert_eq!(problem("kas=gitlab", Some("gitlab")), None);
        assert_eq!(problem("other=gitlab", Some("gitlab")), None);
        assert_eq!(problem("other=ours", Some("none")), None);
        let wrong = |expectation, backend| problem(expectation, Some(backend)).unwrap();
        assert_eq!(wrong("kas=ours", "gitlab"), "served by gitlab, expected kas-api");
        assert_eq!(wrong("kas=gitlab", "kas-api"), "served by kas-api, expected gitlab");
        assert_eq!(wrong("other=gitlab", "none"), "served by none, expected gitlab");
        assert_eq!(wrong("other=ours", "gitlab"), "served by gitlab, expected no backend");
        assert!(problem("kas=ours", None).unwrap().starts_with("no X-Internal-Api-Backend"));
        for invalid in ["kas", "kas=", "kas=theirs", "pages=ours", "=ours"] {
            assert!(invalid.parse::<Expectation>().is_err(), "{invalid}");
        }
    }
}
