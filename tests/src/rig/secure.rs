//! Certificates for brokers and other servers that want TLS.

use std::path::PathBuf;

use danube_client::DanubeClientBuilder;
use danube_dev_broker::{DevBrokerConfig, TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// An authority of the test's own, with its files.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
    mutual: bool,
    token: Option<String>,
}

impl Authority {
    /// Certifies brokers only.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        let authority = Self { issuer, folder, mutual: false, token: None };
        let (cert, key) = authority.issue();
        std::fs::write(authority.path("client.pem"), cert).unwrap();
        std::fs::write(authority.path("client.key"), key).unwrap();
        authority
    }

    /// Brokers ask clients for a certificate too.
    #[must_use]
    pub fn mutual(self) -> Self {
        Self { mutual: true, ..self }
    }

    /// Brokers ask clients for this token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    /// `ca.pem`, `client.pem` or `client.key`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for loopback and its key, both PEM.
    fn issue(&self) -> (String, String) {
        self.issue_for(&["127.0.0.1", "localhost"])
    }

    /// A certificate for servers of these names and its key, both PEM.
    pub fn issue_for(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    pub(super) fn secure(&self, config: DevBrokerConfig) -> DevBrokerConfig {
        let (cert_pem, key_pem) = self.issue();
        let client_ca_pem = self.mutual.then(|| self.issuer.pem());
        let tls = Some(TlsConfig { cert_pem, key_pem, client_ca_pem });
        DevBrokerConfig { tls, require_token: self.token.clone(), ..config }
    }

    /// The producers of the rig are let in by whatever their broker asks for.
    pub(super) fn client(&self, builder: DanubeClientBuilder) -> DanubeClientBuilder {
        let builder = builder.with_mtls(self.path("ca.pem"), self.path("client.pem"), self.path("client.key")).unwrap();
        match &self.token {
            Some(token) => builder.with_token(token),
            None => builder,
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
