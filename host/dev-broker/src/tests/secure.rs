//! Tokens, TLS and client certificates, with danube-client on the other side.

use std::{fs, path::PathBuf};

use danube_client::{DanubeClient, DanubeClientBuilder};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::{producer, quick, soon, start, text};
use crate::{DevBroker, DevBrokerConfig, TlsConfig};

/// An authority, and files as danube-client wants them.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    /// A certificate and its key, both PEM.
    fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A broker with a certificate of this authority.
    async fn broker(&self, mutual: bool, token: Option<&str>) -> DevBroker {
        let (cert_pem, key_pem) = self.issue();
        let client_ca_pem = mutual.then(|| self.issuer.pem());
        let tls = Some(TlsConfig { cert_pem, key_pem, client_ca_pem });
        start(DevBrokerConfig { tls, admin_tls: true, require_token: token.map(str::to_owned), ..quick() }).await
    }
}

fn client(broker: &DevBroker) -> DanubeClientBuilder {
    DanubeClient::builder().service_url(broker.url())
}

/// Whether a producer can be created.
async fn produces(builder: DanubeClientBuilder) -> Result<(), String> {
    let client = builder.build().await.unwrap();
    let mut producer = client.new_producer().with_topic("/default/t").with_name("p").build().unwrap();
    soon(producer.create()).await.map(|_| ()).map_err(|error| format!("{error:?}"))
}

#[tokio::test]
async fn tls_needs_the_right_authority() {
    let authority = Authority::new();
    let broker = authority.broker(false, None).await;
    assert!(broker.url().starts_with("https://127.0.0.1:") && broker.admin_url().starts_with("https://"));
    produces(client(&broker).with_tls(authority.ca()).unwrap()).await.unwrap();
    let stranger = Authority::new();
    assert!(produces(client(&broker).with_tls(stranger.ca()).unwrap()).await.is_err());
}

#[tokio::test]
async fn mutual_tls_needs_a_client_certificate() {
    let authority = Authority::new();
    let broker = authority.broker(true, None).await;
    let (cert, key) = authority.issue();
    let (cert, key) = (authority.file("client.pem", &cert), authority.file("client-key.pem", &key));
    produces(client(&broker).with_mtls(authority.ca(), cert, key).unwrap()).await.unwrap();
    assert!(produces(client(&broker).with_tls(authority.ca()).unwrap()).await.is_err());
}

#[tokio::test]
async fn every_call_needs_the_token() {
    let authority = Authority::new();
    let broker = authority.broker(false, Some("secret")).await;
    let tls = || client(&broker).with_tls(authority.ca()).unwrap();
    produces(tls().with_token("secret")).await.unwrap();
    produces(tls().with_token_supplier(|| "secret".to_owned())).await.unwrap();
    let missing = produces(tls()).await.unwrap_err();
    assert!(missing.contains("Unauthenticated") && missing.contains("Authentication credentials are missing"));
    let wrong = produces(tls().with_token("wrong")).await.unwrap_err();
    assert!(wrong.contains("Unauthenticated") && wrong.contains("Invalid token"));
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_at_the_start() {
    let tls = Some(TlsConfig { cert_pem: "x".to_owned(), key_pem: "y".to_owned(), client_ca_pem: None });
    let refused = DevBroker::start(DevBrokerConfig { tls, ..quick() }).await;
    assert!(matches!(refused, Err(crate::Error::Tls(_))));
}

#[tokio::test]
async fn without_tls_a_secured_broker_does_not_answer() {
    let authority = Authority::new();
    let broker = authority.broker(false, None).await;
    let plain = DanubeClient::builder().service_url(broker.url().replace("https", "http"));
    assert!(text(produces(plain).await).contains("ransport"));
    let secured = client(&broker).with_tls(authority.ca()).unwrap().build().await.unwrap();
    producer(&secured, "/default/t", None).await;
}
