//! What grants say about TLS.

use std::collections::BTreeMap;

use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
    version::TLS12,
};

use super::{super::Response, *};
use crate::capability::tls::{TlsIdentity, TlsOptions, TlsVersion};

struct Made {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    pem: String,
}

fn made(name: &str) -> Made {
    let made = rcgen::generate_simple_self_signed(vec![name.into()]).unwrap();
    Made {
        certificate: made.cert.der().clone(),
        key: made.signing_key.serialize_der().try_into().unwrap(),
        pem: format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem()),
    }
}

fn trusting(authority: &Made) -> TlsOptions {
    TlsOptions { authorities: vec![authority.certificate.clone()], ..TlsOptions::default() }
}

fn roots(authority: &Made) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    Arc::new(roots)
}

/// A server of `own`; it asks for a certificate that `client` has signed, if there is one.
async fn serve(own: &Made, client: Option<&Made>, versions: &[&'static rustls::SupportedProtocolVersion]) -> Server {
    let provider = || Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    let config = match client {
        None => config.with_no_client_auth(),
        Some(client) => config.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(roots(client), provider()).build().unwrap(),
        ),
    };
    let config = config.with_single_cert(vec![own.certificate.clone()], own.key.clone_key()).unwrap();
    Server::start_with(config, Router::new().fallback(|| async { "reached" })).await
}

fn grants(server: &Server, paths: &[&str]) -> Vec<Grant> {
    let grant = |path| Grant::parse(&format!("https://localhost:{}{path}", server.address.port())).unwrap();
    paths.iter().map(grant).collect()
}

fn url(server: &Server, path: &str) -> String {
    format!("https://localhost:{}{path}", server.address.port())
}

async fn outcome(server: &Server, tls: TlsOptions, extra: &[&Made]) -> Result<Response, Error> {
    let options = GateOptions {
        tls: BTreeMap::from([(0, tls)]),
        extra_roots: extra.iter().map(|made| made.certificate.clone()).collect(),
        ..GateOptions::new("orders", "orders.toml", grants(server, &[""]))
    };
    session(options).send(get_request(&url(server, "/"))).await
}

#[tokio::test]
async fn the_authorities_of_a_grant_take_the_place_of_all_others() {
    let (own, other) = (made("localhost"), made("localhost"));
    let server = serve(&own, None, rustls::ALL_VERSIONS).await;
    assert_eq!(outcome(&server, trusting(&own), &[]).await.unwrap().body, b"reached");
    assert_eq!(outcome(&server, TlsOptions::default(), &[&own]).await.unwrap().body, b"reached");
    for (tls, extra) in [(trusting(&other), vec![]), (trusting(&other), vec![&own]), (TlsOptions::default(), vec![])] {
        let refused = outcome(&server, tls, &extra).await;
        assert!(matches!(refused, Err(Error::Tls(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn an_old_version_is_refused_where_a_newer_one_is_asked_for() {
    let own = made("localhost");
    let server = serve(&own, None, &[&TLS12]).await;
    assert!(outcome(&server, trusting(&own), &[]).await.is_ok());
    let refused = outcome(&server, TlsOptions { min: TlsVersion::V1_3, ..trusting(&own) }, &[]).await;
    assert!(matches!(refused, Err(Error::Tls(_))), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_asks_gets_the_grant_s_certificate() {
    let (own, client, stranger) = (made("localhost"), made("client"), made("client"));
    let server = serve(&own, Some(&client), rustls::ALL_VERSIONS).await;
    let identity = |made: &Made| {
        let identity = TlsIdentity { chain: vec![made.certificate.clone()], key: Arc::new(made.key.clone_key()) };
        TlsOptions { identity: Some(identity), ..trusting(&own) }
    };
    assert_eq!(outcome(&server, identity(&client), &[]).await.unwrap().body, b"reached");
    assert!(outcome(&server, identity(&stranger), &[]).await.is_err());
    assert!(outcome(&server, trusting(&own), &[]).await.is_err());
}

#[tokio::test]
async fn a_connection_serves_only_requests_of_the_same_settings() {
    let own = made("localhost");
    let server = serve(&own, None, rustls::ALL_VERSIONS).await;
    let strict = TlsOptions { min: TlsVersion::V1_3, ..trusting(&own) };
    let options = GateOptions {
        tls: BTreeMap::from([(0, trusting(&own)), (1, strict), (2, trusting(&own))]),
        ..GateOptions::new("orders", "orders.toml", grants(&server, &["/a/", "/b/", "/c/", "/d/"]))
    };
    let session = session(options);
    for (path, connections) in [("/a/", 1), ("/a/", 1), ("/b/", 2), ("/a/", 2), ("/b/", 2), ("/c/", 2)] {
        session.send(get_request(&url(&server, path))).await.unwrap();
        assert_eq!(server.connections(), connections, "{path}");
    }
    // Nothing trusts the server under the last grant, though connections to it are open.
    let refused = session.send(get_request(&url(&server, "/d/"))).await;
    assert!(matches!(refused, Err(Error::Tls(_))), "{refused:?}");
}

#[test]
fn pem_files_are_read_and_named_when_they_are_of_no_use() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (own, other) = (made("client"), made("client"));
    let (pem, other_pem, empty) =
        (file("own.pem", &own.pem), file("other.pem", &other.pem), file("empty.pem", "none\n"));
    let read = TlsOptions::read(Some(&other_pem), Some((&pem, &pem)), TlsVersion::V1_3).unwrap();
    let identity = TlsIdentity { chain: vec![own.certificate], key: Arc::new(own.key) };
    assert_eq!(read, TlsOptions { identity: Some(identity), min: TlsVersion::V1_3, ..trusting(&other) });
    assert!(!format!("{read:?}").contains(&format!("{:?}", other.key.secret_der())));

    let missing = folder.path().join("missing.pem");
    let min = TlsVersion::V1_2;
    for (authorities, identity, named) in [
        (Some(missing.as_path()), None, "missing.pem"),
        (Some(empty.as_path()), None, "empty.pem"),
        (None, Some((empty.as_path(), pem.as_path())), "empty.pem"),
        (None, Some((pem.as_path(), empty.as_path())), "empty.pem"),
    ] {
        let error = TlsOptions::read(authorities, identity, min).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
    let mixed = TlsOptions::read(None, Some((&pem, &other_pem)), min).unwrap();
    let options = GateOptions {
        tls: BTreeMap::from([(0, mixed)]),
        ..GateOptions::new("orders", "orders.toml", vec![Grant::parse("https://x.example").unwrap()])
    };
    assert!(
        Gate::new(options).unwrap_err().to_string().contains("`client_cert` and `client_key` are of no use together")
    );
}
