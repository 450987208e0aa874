//! Unix sockets and TLS.
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::binary::{Binary, Setup};
use super::support::{eventually, token};
use reqwest::{Certificate, Client, Identity};
use tempfile::TempDir;
use testkit::Database;

fn get(socket: &Path, path: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: unix\r\nGitlab-Shell-Api-Request: {}\r\nConnection: close\r\n\r\n",
        token()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[actix_web::test]
async fn socket_is_created_served_and_replaced() {
    let (database, directory) = (Database::sqlite(), TempDir::new().unwrap());
    let socket = directory.path().join("shell.socket");
    let listen = format!("unix:{}", socket.display());
    // A socket without a listener is left over from a process that was killed.
    drop(UnixListener::bind(&socket).unwrap());
    for (arguments, mode) in
        [(&["--listen", &listen][..], 0o660), (&["--listen", &listen, "--socket-mode", "0600"], 0o600)]
    {
        let binary = Setup::new(&database).start(arguments, &[]);
        assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, mode);
        let answer = get(&socket, "/api/v4/internal/discover?key_id=11");
        assert!(
            answer.starts_with("HTTP/1.1 200 ")
                && answer.ends_with(r#"{"id":2,"name":"alice the user","username":"alice"}"#),
            "{answer}"
        );
        let line = binary.access();
        assert_eq!((&line["status"], line.get("remote_ip")), (&200.into(), None));
        assert!(get(&socket, "/-/readiness").starts_with("HTTP/1.1 200 "));
        assert_eq!(binary.clone().await.0, 200);
        // A second process may not take over the socket.
        let second =
            Setup::new(&database).failure(&["--listen", &listen, "--monitoring-listen", "127.0.0.1:0"]);
        assert!(second.0 == Some(1) && second.1.contains("cannot listen at unix:"), "{second:?}");
        assert!(get(&socket, "/-/health").ends_with("GitLab OK"));
    }
}

#[test]
fn other_file_at_the_path_is_not_replaced() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("precious");
    std::fs::write(&file, "text").unwrap();
    let (code, errors) = Setup::bare().failure(&[
        "--listen",
        &format!("unix:{}", file.display()),
        "--monitoring-listen",
        "127.0.0.1:0",
    ]);
    assert!(code == Some(1) && errors.contains("cannot listen at unix:"), "{errors}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "text");
}

/// A certificate authority, and certificates that it has signed.
pub struct Authority(TempDir);

impl Authority {
    pub fn new() -> Self {
        let authority = Self(TempDir::new().unwrap());
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj \
             /CN=authority -keyout ca.key -out ca.pem",
        );
        authority
    }

    fn openssl(&self, arguments: &str) {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Creates `name.pem` and `name.key`, for 127.0.0.1 and for clients.
    pub fn sign(&self, name: &str) {
        std::fs::write(
            self.path("extensions"),
            "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
        )
        .unwrap();
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} \
             -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile extensions -out {name}.pem"
        ));
    }

    /// A client that trusts this authority, optionally with a client certificate.
    fn client(&self, shows: Option<(&Self, &str)>) -> Client {
        let ca = Certificate::from_pem(&self.read("ca.pem")).unwrap();
        let mut builder = Client::builder().no_proxy().tls_certs_only([ca]);
        if let Some((authority, name)) = shows {
            let both =
                [authority.read(&format!("{name}.pem")), authority.read(&format!("{name}.key"))].concat();
            builder = builder.identity(Identity::from_pem(&both).unwrap());
        }
        builder.build().unwrap()
    }
}

async fn health(client: &Client, binary: &Binary) -> Option<u16> {
    let url = binary.process.url.replace("http://", "https://");
    Some(client.get(format!("{url}/-/health")).send().await.ok()?.status().as_u16())
}

#[actix_web::test]
async fn tls_is_served_and_its_certificate_changed() {
    let (database, one, other) = (Database::sqlite(), Authority::new(), Authority::new());
    one.sign("server");
    other.sign("server");
    let (cert, key) = (one.path("server.pem"), one.path("server.key"));
    let arguments = ["--tls-cert-file", cert.to_str().unwrap(), "--tls-key-file", key.to_str().unwrap()];
    let binary = Setup::new(&database).start(&arguments, &[]);
    assert_eq!(health(&one.client(None), &binary).await, Some(200));
    assert_eq!(health(&other.client(None), &binary).await, None);
    // The monitoring port is internal and has no TLS.
    assert_eq!(binary.process.monitor("/-/readiness").await.status, 200);
    std::fs::copy(other.path("server.key"), &key).unwrap();
    binary.process.signal("HUP");
    binary.process.log_line(|line| {
        line["message"].as_str().is_some_and(|message| message.starts_with("kept the old certificate"))
    });
    assert_eq!(health(&one.client(None), &binary).await, Some(200));
    std::fs::copy(other.path("server.pem"), &cert).unwrap();
    binary.process.signal("HUP");
    eventually("the new certificate is shown", async || {
        health(&other.client(None), &binary).await == Some(200)
    })
    .await;
}

#[actix_web::test]
async fn client_certificates_can_be_required() {
    let (database, one, other) = (Database::sqlite(), Authority::new(), Authority::new());
    one.sign("server");
    one.sign("client");
    other.sign("client");
    let (cert, key, ca) = (one.path("server.pem"), one.path("server.key"), one.path("ca.pem"));
    let arguments = [
        "--tls-cert-file",
        cert.to_str().unwrap(),
        "--tls-key-file",
        key.to_str().unwrap(),
        "--tls-client-ca-file",
        ca.to_str().unwrap(),
    ];
    let binary = Setup::new(&database).start(&arguments, &[]);
    assert_eq!(health(&one.client(Some((&one, "client"))), &binary).await, Some(200));
    assert_eq!(health(&one.client(None), &binary).await, None);
    assert_eq!(health(&one.client(Some((&other, "client"))), &binary).await, None);
}
