//! A portal that is slow or down, changes its keys, sends too much, or sends keys of another type.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use auth::portal::Expected;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const NOW: i64 = 1_700_000_000;

/// The response of the portal.
#[derive(Clone)]
enum Answer {
    Keys(Vec<Value>),
    Body(Vec<u8>),
    Status(&'static str),
    /// Closes the connection.
    Nothing,
    /// Reads the request and never responds.
    Silence,
    /// A body without an end.
    Endless,
}

/// A portal for one test.
struct Server {
    url: reqwest::Url,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/oauth/discovery/keys", listener.local_addr().unwrap());
        let (answer, asked) = (Arc::new(Mutex::new(answer)), Arc::new(AtomicUsize::new(0)));
        let (answers, count) = (Arc::clone(&answer), Arc::clone(&asked));
        actix_web::rt::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let answer = answers.lock().unwrap().clone();
                actix_web::rt::spawn(async move { drop(reply(stream, answer).await) });
            }
        });
        Self { url: url.parse().unwrap(), answer, asked }
    }

    fn now_answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn request_count(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn portal(&self) -> Arc<Portal> {
        Arc::new(Portal::new(Source::url(self.url.clone()).unwrap(), expected()))
    }
}

async fn reply(mut stream: TcpStream, answer: Answer) -> std::io::Result<()> {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head).await?;
    let (status, body) = match answer {
        Answer::Keys(keys) => ("200 OK", json!({ "keys": keys }).to_string().into_bytes()),
        Answer::Body(body) => ("200 OK", body),
        Answer::Status(status) => (status, Vec::new()),
        Answer::Nothing => return Ok(()),
        Answer::Silence => {
            let _ = stream.read(&mut head).await?;
            return Ok(());
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
            loop {
                stream.write_all(&[b' '; 8192]).await?;
            }
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\nLocation: /elsewhere\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await
}

fn expected() -> Expected {
    Expected { issuer: "portal".to_owned(), audience: "us".to_owned(), algorithms: vec![Algorithm::RS256] }
}

/// A key of the portal with its id.
struct Signer(&'static str, EncodingKey);

impl Signer {
    fn new(id: &'static str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        Self(id, EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap())
    }

    fn jwk(&self) -> Value {
        let mut jwk =
            serde_json::to_value(Jwk::from_encoding_key(&self.1, Algorithm::RS256).unwrap()).unwrap();
        jwk["kid"] = json!(self.0);
        jwk
    }

    /// A token that is valid for two days, which is longer than the tests cover.
    fn token(&self) -> String {
        let header = Header { kid: Some(self.0.to_owned()), ..Header::new(Algorithm::RS256) };
        let claims = json!({ "iss": "portal", "aud": "us", "exp": NOW + 2 * KEYS_USABLE_FOR });
        encode(&header, &claims, &self.1).unwrap()
    }
}

const UNKNOWN: Result<(), VerifyError> = Err(VerifyError::Rejected(Rejection::Signature));
const NO_KEYS: Result<(), VerifyError> = Err(VerifyError::NoKeys);

/// Waits until the condition holds, for work in the background.
async fn until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "the condition does not hold in time");
        tokio::task::yield_now().await;
    }
}

#[actix_web::test]
async fn keys_are_fetched_once_and_again_after_an_hour() {
    let signer = Signer::new("a");
    let server = Server::start(Answer::Keys(vec![signer.jwk()])).await;
    let (portal, token) = (server.portal(), signer.token());
    for now in [NOW, NOW + 1, NOW + KEYS_FRESH_FOR - 1] {
        assert_eq!(portal.verify(&token, now).await, Ok(()));
    }
    assert_eq!(server.request_count(), 1);
    // Verification does not wait for the new keys, even if the portal does not respond.
    server.now_answers(Answer::Silence);
    let started = Instant::now();
    assert_eq!(portal.verify(&token, NOW + KEYS_FRESH_FOR).await, Ok(()));
    assert!(started.elapsed() < Duration::from_secs(3));
    until(|| server.request_count() == 2).await;
}

#[actix_web::test]
async fn old_keys_serve_a_day_while_the_portal_is_down() {
    let signer = Signer::new("a");
    let server = Server::start(Answer::Keys(vec![signer.jwk()])).await;
    let (portal, token) = (server.portal(), signer.token());
    assert_eq!(portal.verify(&token, NOW).await, Ok(()));
    server.now_answers(Answer::Nothing);
    assert_eq!(portal.verify(&token, NOW + KEYS_USABLE_FOR - 1).await, Ok(()));
    assert_eq!(portal.verify(&token, NOW + KEYS_USABLE_FOR).await, NO_KEYS);
    until(|| portal.fetch_lock.try_lock().is_ok_and(|mut failed| failed.take().is_some())).await;
    server.now_answers(Answer::Keys(vec![signer.jwk()]));
    assert_eq!(portal.verify(&token, NOW + KEYS_USABLE_FOR).await, Ok(()));
}

#[actix_web::test]
async fn a_new_key_is_looked_for_once_a_minute() {
    let [old, new, newest] = ["old", "new", "newest"].map(Signer::new);
    let server = Server::start(Answer::Keys(vec![old.jwk()])).await;
    let portal = server.portal();
    assert_eq!(portal.verify(&old.token(), NOW).await, Ok(()));
    server.now_answers(Answer::Keys(vec![new.jwk()]));
    assert_eq!(portal.verify(&new.token(), NOW + 1).await, Ok(()));
    assert_eq!(server.request_count(), 2);
    // The old key was withdrawn, and using it does not cause a request each time.
    for _ in 0..5 {
        assert_eq!(portal.verify(&old.token(), NOW + 2).await, UNKNOWN);
    }
    server.now_answers(Answer::Keys(vec![new.jwk(), newest.jwk()]));
    assert_eq!(portal.verify(&newest.token(), NOW + 60).await, UNKNOWN);
    assert_eq!(server.request_count(), 2);
    assert_eq!(portal.verify(&newest.token(), NOW + 61).await, Ok(()));
    assert_eq!((portal.verify(&new.token(), NOW + 61).await, server.request_count()), (Ok(()), 3));
}

#[actix_web::test]
async fn new_key_is_fetched_once_for_concurrent_requests() {
    let [old, new, newest] = ["old", "new", "newest"].map(Signer::new);
    let server = Server::start(Answer::Keys(vec![old.jwk()])).await;
    let portal = server.portal();
    assert_eq!(portal.verify(&old.token(), NOW).await, Ok(()));
    server.now_answers(Answer::Keys(vec![new.jwk()]));
    let token = new.token();
    let (first, second) = tokio::join!(portal.verify(&token, NOW + 1), portal.verify(&token, NOW + 1));
    assert_eq!([first, second], [Ok(()); 2]);
    assert_eq!(server.request_count(), 2);
    // The first caller is cancelled before the portal responds.
    server.now_answers(Answer::Keys(vec![newest.jwk()]));
    let token = newest.token();
    let mut asking = Box::pin(portal.verify(&token, NOW + 61));
    let poll_once = std::future::poll_fn(|context| Poll::Ready(asking.as_mut().poll(context).is_pending()));
    assert!(poll_once.await);
    drop(asking);
    assert_eq!(portal.verify(&token, NOW + 61).await, Ok(()));
    assert_eq!(server.request_count(), 3);
}

#[actix_web::test]
async fn tokens_are_refused_without_keys() {
    let signer = Signer::new("a");
    let token = signer.token();
    let of_another_kind = [
        json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0" }),
        json!({ "kty": "EC", "kid": "a", "crv": "P-384", "x": "AA", "y": "AA" }),
        json!({ "kty": "RSA", "kid": "a", "use": "enc", "n": signer.jwk()["n"], "e": "AQAB" }),
        json!({ "kty": "RSA", "kid": "a", "alg": "RS512", "n": signer.jwk()["n"], "e": "AQAB" }),
        json!({ "kid": "a" }),
        json!(7),
    ];
    let mut large = json!({ "keys": [signer.jwk()] }).to_string().into_bytes();
    large.resize(10 * 1024 * 1024, b' ');
    for answer in [
        Answer::Keys(of_another_kind.to_vec()),
        Answer::Keys(Vec::new()),
        Answer::Body(b"<html>".to_vec()),
        Answer::Body(large),
        Answer::Endless,
        Answer::Status("500 Internal Server Error"),
        Answer::Status("302 Found"),
        Answer::Nothing,
    ] {
        let server = Server::start(answer).await;
        let portal = server.portal();
        assert_eq!(portal.verify(&token, NOW).await, NO_KEYS);
        assert_eq!(server.request_count(), 1);
        // Another call in the same second causes no further request.
        assert_eq!(portal.verify(&token, NOW).await, NO_KEYS);
        assert_eq!(server.request_count(), 1);
    }
}

#[actix_web::test]
async fn silent_portal_is_requested_once_for_concurrent_requests() {
    let server = Server::start(Answer::Silence).await;
    let (portal, token) = (server.portal(), Signer::new("a").token());
    let started = Instant::now();
    let (first, second, third) =
        tokio::join!(portal.verify(&token, NOW), portal.verify(&token, NOW), portal.verify(&token, NOW));
    assert_eq!([first, second, third], [NO_KEYS; 3]);
    assert_eq!(server.request_count(), 1);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[actix_web::test]
async fn other_algorithms_are_refused_without_a_request() {
    let server = Server::start(Answer::Nothing).await;
    let key = EncodingKey::from_secret(b"x");
    let token = encode(&Header::new(Algorithm::HS256), &json!({}), &key).unwrap();
    for token in [token.as_str(), "", "a.b.c"] {
        let malformed = Err(VerifyError::Rejected(Rejection::Malformed));
        assert_eq!(server.portal().verify(token, NOW).await, malformed);
    }
    assert_eq!(server.request_count(), 0);
}

#[actix_web::test]
async fn key_file_is_read_like_the_response_of_the_portal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    let [old, new] = ["old", "new"].map(Signer::new);
    std::fs::write(&path, json!({ "keys": [old.jwk()] }).to_string()).unwrap();
    let portal = Arc::new(Portal::new(Source::File(path.clone()), expected()));
    assert_eq!(portal.verify(&old.token(), NOW).await, Ok(()));
    std::fs::write(&path, json!({ "keys": [new.jwk()] }).to_string()).unwrap();
    assert_eq!(portal.verify(&new.token(), NOW).await, Ok(()));
}
