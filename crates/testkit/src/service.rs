//! A service in this process, on a free port.
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use endpoint::Core;
use reqwest::Method;
use server::Prepared;

use crate::{Answer, Database, Request};

/// A running service and its database.
#[derive(Debug)]
pub struct Service {
    pub core: Arc<Core>,
    /// The database, which several services may share.
    pub database: Arc<Database>,
    url: String,
    client: reqwest::Client,
    handle: ServerHandle,
}

impl Service {
    /// Starts a prepared service.
    pub async fn start(database: impl Into<Arc<Database>>, prepared: Prepared) -> Self {
        let database = database.into();
        let Prepared { core, routes, migrations, .. } = prepared;
        server::prepare_database(&core, migrations).await.expect("the database fits");
        core.lifecycle.start();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("the port is bound"));
        let server =
            server::serve(listener, &core, move |config: &mut actix_web::web::ServiceConfig| routes(config));
        let server = server.expect("the service starts");
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { core, database, url, client, handle }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Request::new(&self.client, method, &format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    /// Runs statements that both databases support.
    pub fn sql(&self, statements: &str) {
        self.database.sql(statements);
    }

    /// The value of a series, named as in the metrics' text format.
    pub async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.get("/-/metrics").await.text;
        text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The service stops in the background.
        drop(self.handle.stop(false));
    }
}
