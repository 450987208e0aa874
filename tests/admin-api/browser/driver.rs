//! A real browser: headless Chromium, controlled by the `WebDriver` protocol of W3C.
//!
//! The existing crates for it have the MPL, or enable features of `serde_json` that change the services'
//! responses.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

/// The timeout of every step; generous, because the machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const SPACE: &str = " ";

/// Only one browser runs at a time, because each has many processes.
static ONE: Mutex<()> = Mutex::const_new(());

pub struct Browser {
    chromedriver: Child,
    port: u16,
    session: String,
    client: reqwest::Client,
    _profile: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Browser {
    pub async fn start() -> Self {
        Self::start_with(&json!({})).await
    }

    /// Chromium with JavaScript disabled.
    pub async fn without_scripts() -> Self {
        Self::start_with(&json!({ "profile.managed_default_content_settings.javascript": 2 })).await
    }

    async fn start_with(preferences: &Value) -> Self {
        let one = ONE.lock().await;
        let mut chromedriver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed: run `make test`");
        let mut lines = BufReader::new(chromedriver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            line.split_once("successfully on port ")?.1.trim_end_matches('.').trim().parse().ok()
        });
        let port = port.expect("chromedriver prints its port");
        std::thread::spawn(move || lines.for_each(drop));
        let profile = TempDir::new().unwrap();
        let directory = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--window-size=1280,900",
            &directory,
        ];
        let options = json!({ "args": arguments, "prefs": preferences });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options });
        let wanted = json!({ "capabilities": { "alwaysMatch": wanted } });
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE * 3).build().unwrap();
        let mut browser =
            Self { chromedriver, port, session: String::new(), client, _profile: profile, _one: one };
        let started = browser.call("POST", "/session", &wanted).await.expect("Chromium starts");
        browser.session = format!("/session/{}", started["sessionId"].as_str().unwrap());
        browser
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let request = self.client.request(method.parse().unwrap(), url);
        let request = if method == "POST" { request.json(body) } else { request };
        let response = request.send().await.map_err(|error| error.to_string())?;
        let is_good = response.status().is_success();
        let answer: Value = response.json().await.map_err(|error| error.to_string())?;
        if is_good { Ok(answer["value"].clone()) } else { Err(answer["value"]["message"].to_string()) }
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.call("POST", &format!("{}{path}", self.session), &body).await
    }

    pub async fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await.unwrap();
    }

    pub async fn url(&self) -> String {
        let url = self.call("GET", &format!("{}/url", self.session), &Value::Null).await.unwrap();
        url.as_str().unwrap().to_owned()
    }

    async fn find(&self, css: &str) -> Result<String, String> {
        let found = self.post("/element", json!({ "using": "css selector", "value": css })).await?;
        Ok(found[ELEMENT].as_str().unwrap_or_default().to_owned())
    }

    /// Retries until the attempt succeeds or the timeout expires.
    async fn until<T>(&self, what: &str, mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            match attempt().await {
                Ok(value) => return value,
                Err(error) if Instant::now() > end => {
                    let body = self.text("body").await.unwrap_or_default();
                    panic!("{what}: {error}\n{body}")
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    pub async fn text(&self, css: &str) -> Result<String, String> {
        let id = self.find(css).await?;
        let text = self.call("GET", &format!("{}/element/{id}/text", self.session), &Value::Null).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until an element contains this text.
    pub async fn until_text(&self, css: &str, words: &str) {
        self.until(&format!("{words:?} in {css}"), async || match self.text(css).await? {
            text if text.contains(words) => Ok(()),
            text => Err(text),
        })
        .await;
    }

    /// Waits until no element matches.
    pub async fn until_gone(&self, css: &str) {
        self.until(&format!("no {css}"), async || {
            let list = json!({ "using": "css selector", "value": css });
            match self.post("/elements", list).await? {
                Value::Array(found) if found.is_empty() => Ok(()),
                _ => Err("it is there".to_owned()),
            }
        })
        .await;
    }

    pub async fn until_there(&self, css: &str) {
        self.until(&format!("a {css}"), async || self.find(css).await).await;
    }

    pub async fn click(&self, css: &str) {
        self.until(&format!("a click on {css}"), async || {
            let id = self.find(css).await?;
            self.post(&format!("/element/{id}/click"), json!({})).await
        })
        .await;
    }

    pub async fn write(&self, css: &str, text: &str) {
        self.until(&format!("to write into {css}"), async || {
            let id = self.find(css).await?;
            self.post(&format!("/element/{id}/clear"), json!({})).await?;
            self.post(&format!("/element/{id}/value"), json!({ "text": text })).await
        })
        .await;
    }

    pub async fn value(&self, css: &str) -> String {
        let id = self.until(css, async || self.find(css).await).await;
        let path = format!("{}/element/{id}/property/value", self.session);
        self.call("GET", &path, &Value::Null).await.unwrap().as_str().unwrap_or_default().to_owned()
    }

    /// Sends keys to the focused element.
    pub async fn press(&self, keys: &str) {
        let press = |key: char| {
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        };
        let actions: Vec<Value> = keys.chars().flat_map(press).collect();
        self.post(
            "/actions",
            json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }),
        )
        .await
        .unwrap();
    }

    pub async fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] })).await.unwrap()
    }

    /// Runs an asynchronous script, which passes its result to its last argument.
    pub async fn script_later(&self, script: &str) -> Value {
        self.post("/timeouts", json!({ "script": 60_000 })).await.unwrap();
        self.post("/execute/async", json!({ "script": script, "args": [] })).await.unwrap()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await.unwrap()
    }

    /// Cuts the browser's network, or restores it.
    pub async fn set_offline(&self, offline: bool) {
        self.devtools("Network.enable", json!({})).await;
        let conditions =
            json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.devtools("Network.emulateNetworkConditions", conditions).await;
    }

    /// Deletes all cookies, also those that scripts cannot read.
    pub async fn delete_cookies(&self) {
        self.devtools("Network.clearBrowserCookies", json!({})).await;
    }

    /// Sets the width of the window in pixels, and the colour scheme.
    pub async fn look(&self, width: u32, scheme: &str) {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// A screenshot of the whole page.
    pub async fn screenshot(&self) -> Vec<u8> {
        let height = self.script("return document.documentElement.scrollHeight").await;
        let width = self.script("return window.innerWidth").await;
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let taken = self
            .devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true, "clip": clip }))
            .await;
        STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ending the session ends Chromium, and chromedriver responds afterwards.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = write!(
                stream,
                "DELETE {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
                self.session
            );
            let _ = stream.read(&mut [0; 64]);
        }
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
    }
}
