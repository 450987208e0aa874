//! An HTTP client with cookies, which does not follow redirects.
use std::collections::BTreeMap;

use reqwest::redirect::Policy;
use testkit::Answer;

use super::Admin;
use super::support::A;

pub struct Visitor {
    client: reqwest::Client,
    url: String,
    /// The cookie of the session, as `name=value`.
    pub cookie: Option<String>,
    /// The other cookies, by name.
    others: BTreeMap<String, String>,
}

impl Visitor {
    pub fn new(admin: &Admin) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { client, url: admin.service.url().to_owned(), cookie: None, others: BTreeMap::new() }
    }

    /// Sends further requests to another process, with the same cookies.
    pub fn go_to(&mut self, url: String) {
        self.url = url;
    }

    /// Sends a request, whose `body` is a form, and stores the cookies of the response.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        header: Option<(&str, &str)>,
        body: &str,
    ) -> Answer {
        let answer = self.ask(method, path, header, body).await;
        for cookie in answer.headers.get_all("Set-Cookie") {
            self.keep(cookie.to_str().unwrap());
        }
        answer
    }

    fn keep(&mut self, cookie: &str) {
        let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
        if name == "admin_session" {
            self.cookie = (!value.is_empty()).then(|| format!("{name}={value}"));
        } else if value.is_empty() {
            self.others.remove(name);
        } else {
            self.others.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Deletes all cookies.
    pub fn forget(&mut self) {
        self.cookie = None;
        self.others.clear();
    }

    async fn ask(&self, method: &str, path: &str, header: Option<(&str, &str)>, body: &str) -> Answer {
        let mut request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let others = self.others.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies: Vec<String> = self.cookie.iter().cloned().chain(others).collect();
        if !cookies.is_empty() {
            request = request.header("Cookie", cookies.join("; "));
        }
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request =
                request.header("Content-Type", "application/x-www-form-urlencoded").body(body.to_owned());
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // The templates escape slashes.
        let text = response.text().await.unwrap().replace("&#x2f;", "/");
        Answer { status, headers, text }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None, "").await
    }

    /// Sends a GET and keeps the old cookies.
    pub async fn get_keeping(&self, path: &str) -> Answer {
        self.ask("GET", path, None, "").await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.send("POST", path, None, &body.join("&")).await
    }

    /// Signs in as the administrator, and returns the `Set-Cookie` header.
    pub async fn sign_in(&mut self) -> String {
        let answer = self.post("/admin/session", &[("token", A)]).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.header("Set-Cookie").unwrap().to_owned()
    }

    /// The CSRF token in the forms of a page.
    pub async fn csrf(&mut self, path: &str) -> String {
        let page = self.get(path).await.text;
        let (_, rest) = page.split_once("name=\"authenticity_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}
