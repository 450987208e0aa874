//! Requests and responses.
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// The response of a service.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.expect("the body comes") }
    }

    /// Status and JSON body, for one assertion. A body that is not JSON is a string.
    pub fn json(&self) -> (u16, Value) {
        (self.status, serde_json::from_str(&self.text).unwrap_or_else(|_| Value::String(self.text.clone())))
    }

    /// Asserts status 429 and its headers, for a limit of one request in 1,000 s in `--rate-limits-file`.
    ///
    /// # Panics
    /// Panics if the status or a header differs.
    pub fn assert_throttled(&self, burst: u64) {
        assert_eq!(self.status, 429, "{}", self.text);
        let header =
            |name| self.header(name).unwrap_or_else(|| panic!("{name}: {:?}", self.headers)).to_owned();
        let number = |name| header(name).parse::<u64>().expect("a number");
        assert_eq!(header("ratelimit-name"), "internal_api_request");
        assert_eq!(
            ["ratelimit-limit", "ratelimit-observed", "ratelimit-remaining"].map(number),
            [burst, burst + 1, 0]
        );
        // The bounds hold on slow machines, too.
        assert!((1..=1000).contains(&number("retry-after")), "{:?}", self.headers);
        assert!((1..=1000 * burst).contains(&number("ratelimit-reset")), "{:?}", self.headers);
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A builder for a request.
#[derive(Debug)]
pub struct Request {
    builder: reqwest::RequestBuilder,
}

impl Request {
    pub(crate) fn new(client: &reqwest::Client, method: Method, url: &str) -> Self {
        Self { builder: client.request(method, url) }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header's name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
        self.builder = self.builder.header(name, value);
        self
    }

    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.builder = self.builder.json(body);
        self
    }

    /// A form body that is already encoded.
    #[must_use]
    pub fn form(self, body: &str) -> Self {
        self.body("application/x-www-form-urlencoded", body.to_owned())
    }

    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.builder = self.builder.header("Content-Type", content_type).body(body);
        self
    }

    /// # Panics
    /// Panics if there is no response.
    pub async fn send(self) -> Answer {
        Answer::read(self.builder.send().await.expect("the service answers")).await
    }

    /// The response; `None` if the connection fails.
    pub async fn try_send(self) -> Option<Answer> {
        let response = self.builder.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Some(Answer { status, headers, text: response.text().await.ok()? })
    }

    /// Sends the request. Returns status and JSON body.
    pub async fn answer(self) -> (u16, Value) {
        self.send().await.json()
    }
}
