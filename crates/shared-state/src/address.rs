//! The address of a server: fixed, or known to sentinels.
use std::sync::Arc;

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisConnectionInfo, TlsCertificates,
};
use secrecy::ExposeSecret;

use crate::error::Cause;
use crate::open::Connection;
use crate::sentinel::{Sentinel, Sentinels};
use crate::stores::{SentinelLogin, Server, TlsFiles};
use crate::trace::ServerAddress;

#[derive(Clone)]
pub(crate) enum Address {
    /// The host name is resolved for each connection.
    Server(Arc<Client>),
    Sentinels(Arc<Sentinels>),
}

/// Why a server cannot be used. Does not contain the URL, which may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the Redis URL is not usable: it must start with redis://, rediss:// or unix://")]
    Url,
    #[error("the Redis URL is not usable: the server's certificate is always verified")]
    Unverified,
    #[error("the Redis URL is not usable: with sentinels, its host is the name of the primary")]
    NoName,
    #[error("the PEM files for Redis are not usable")]
    Tls,
}

impl Address {
    pub fn new(server: &Server, login: &SentinelLogin, tls: &TlsFiles) -> Result<Self, AddressError> {
        let info = server.url.expose_secret().into_connection_info().map_err(|_| AddressError::Url)?;
        let info = with_tls(with_resp3(info), tls)?;
        if server.sentinels.is_empty() {
            let client = Client::open(info).map_err(|_| AddressError::Url)?;
            return Ok(Self::Server(Arc::new(client)));
        }
        let (ConnectionAddr::Tcp(name, _) | ConnectionAddr::TcpTls { host: name, .. }) = info.addr() else {
            return Err(AddressError::NoName);
        };
        let name = name.clone();
        let sentinels: Result<Vec<Sentinel>, AddressError> = server
            .sentinels
            .iter()
            .map(|address| {
                let (host, port) = (address.host.clone(), address.port);
                let addr = if login.is_tls {
                    ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
                } else {
                    ConnectionAddr::Tcp(host, port)
                };
                let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
                if let Some(username) = &login.username {
                    settings = settings.set_username(username);
                }
                if let Some(password) = &login.password {
                    settings = settings.set_password(password.expose_secret());
                }
                let info = addr.into_connection_info().map_err(|_| AddressError::Url)?;
                let info = with_tls(info.set_redis_settings(settings), tls)?;
                let client = Client::open(info).map_err(|_| AddressError::Url)?;
                Ok(Sentinel { address: address.clone(), client })
            })
            .collect();
        Ok(Self::Sentinels(Arc::new(Sentinels::new(name, sentinels?, info))))
    }

    /// The server, for traces.
    pub fn server(&self) -> ServerAddress {
        match self {
            Self::Server(client) => ServerAddress::new(client.get_connection_info().addr()),
            Self::Sentinels(sentinels) => ServerAddress::primary(sentinels.name()),
        }
    }

    /// The number of times that the primary has moved.
    pub fn generation(&self) -> u64 {
        match self {
            Self::Server(_) => 0,
            Self::Sentinels(sentinels) => sentinels.generation(),
        }
    }

    /// Opens a connection to the server, or to the primary that the sentinels name.
    pub async fn open(&self) -> Result<Connection, Cause> {
        match self {
            Self::Server(client) => Ok(Connection::open(client, 0).await?),
            Self::Sentinels(sentinels) => sentinels.open().await,
        }
    }
}

/// Only RESP3 reports closed connections to the client. The name of the library is not sent, because that needs a
/// right of its own.
fn with_resp3(info: ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone();
    info.set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name())
}

fn with_tls(info: ConnectionInfo, tls: &TlsFiles) -> Result<ConnectionInfo, AddressError> {
    match info.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => Err(AddressError::Unverified),
        ConnectionAddr::TcpTls { .. } => {
            let identity = tls.identity.as_ref();
            let client_tls = identity.map(|(certificate, key)| ClientTlsConfig {
                client_cert: certificate.clone(),
                client_key: key.expose_secret().as_bytes().to_vec(),
            });
            let certificates = TlsCertificates { client_tls, root_cert: tls.authorities.clone() };
            let client = Client::build_with_tls(info, certificates).map_err(|_| AddressError::Tls)?;
            Ok(client.get_connection_info().clone())
        }
        _ => Ok(info),
    }
}
