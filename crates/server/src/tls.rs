//! TLS certificates of this service and of its clients.
mod expiry;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use telemetry::metrics::Metrics;

use crate::config::{ConfigError, Options};

/// The TLS configuration. Its files can change while the service runs.
#[derive(Debug)]
pub(crate) struct Tls {
    pub config: ServerConfig,
    certificate: Arc<Certificate>,
    clients: Option<Arc<Clients>>,
}

impl Tls {
    /// Records when the certificates expire; of several, the first one to do so.
    pub(crate) fn record_expiry(&self, metrics: &Metrics) {
        let own = self.certificate.current.load();
        let own = own.cert.iter().filter_map(|certificate| expiry::not_after(certificate)).min();
        let clients = self.clients.as_ref().and_then(|clients| **clients.expires_at.load());
        for (name, expires_at) in [("server", own), ("client_ca", clients)] {
            if let Some(expires_at) = expires_at {
                #[expect(clippy::cast_precision_loss, reason = "a timestamp in seconds is exact")]
                metrics.certificate_expiry(name, expires_at as f64);
            }
        }
    }

    /// Reloads the files. A file that cannot be read keeps the old certificate.
    pub(crate) fn reload(&self) {
        let mut result = self.certificate.reload();
        if let Some(clients) = &self.clients {
            result = result.and(clients.reload());
        }
        if let Err(error) = result {
            tracing::error!(error = &error as &dyn std::error::Error, "kept the old certificate");
        }
    }
}

/// Builds the TLS configuration from the options, or `None` if TLS is not configured.
pub(crate) fn configure(options: &Options) -> Result<Option<Tls>, ConfigError> {
    let (Some(cert_file), Some(key_file)) = (&options.tls_cert_file, &options.tls_key_file) else {
        return Ok(None);
    };
    let certificate = Arc::new(Certificate {
        cert_file: cert_file.clone(),
        key_file: key_file.clone(),
        current: ArcSwap::from_pointee(read(cert_file, key_file)?),
    });
    let clients = match &options.tls_client_ca_file {
        None => None,
        Some(path) => Some(Arc::new(Clients {
            ca_file: path.clone(),
            current: ArcSwap::from_pointee(verifier(path)?),
            expires_at: ArcSwap::from_pointee(first_expiry(path)?),
        })),
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(ConfigError::new)?;
    let builder = match &clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(Arc::<Clients>::clone(clients)),
    };
    let config = builder.with_cert_resolver(Arc::<Certificate>::clone(&certificate));
    Ok(Some(Tls { config, certificate, clients }))
}

/// This service's own certificate.
#[derive(Debug)]
struct Certificate {
    cert_file: PathBuf,
    key_file: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    fn reload(&self) -> Result<(), ConfigError> {
        self.current.store(Arc::new(read(&self.cert_file, &self.key_file)?));
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// The certificate authorities for client certificates.
#[derive(Debug)]
struct Clients {
    ca_file: PathBuf,
    current: ArcSwap<Arc<dyn ClientCertVerifier>>,
    /// When the first of the authorities expires.
    expires_at: ArcSwap<Option<i64>>,
}

impl Clients {
    fn reload(&self) -> Result<(), ConfigError> {
        self.current.store(Arc::new(verifier(&self.ca_file)?));
        self.expires_at.store(Arc::new(first_expiry(&self.ca_file)?));
        Ok(())
    }
}

impl ClientCertVerifier for Clients {
    /// Returns no hints, because the authorities can change at runtime.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.current.load().verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.current.load().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.current.load().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current.load().supported_verify_schemes()
    }
}

fn verifier(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| ConfigError(format!("{}: {error}", path.display())))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    built.map(|built| built as _).map_err(|error| ConfigError(format!("{}: {error}", path.display())))
}

fn first_expiry(path: &Path) -> Result<Option<i64>, ConfigError> {
    Ok(certificates(path)?.iter().filter_map(|certificate| expiry::not_after(certificate)).min())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let invalid = |error| ConfigError(format!("{}: {error}", path.display()));
    CertificateDer::pem_file_iter(path).map_err(invalid)?.collect::<Result<_, _>>().map_err(invalid)
}

fn read(cert_file: &Path, key_file: &Path) -> Result<CertifiedKey, ConfigError> {
    let invalid =
        |error: rustls_pki_types::pem::Error| ConfigError(format!("{}: {error}", key_file.display()));
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(invalid)?;
    CertifiedKey::from_der(certificates(cert_file)?, key, &aws_lc_rs::default_provider())
        .map_err(|error| ConfigError(format!("{}: {error}", cert_file.display())))
}
