//! One Danube cluster: where it is, how it is secured, and the way to the broker that owns a topic.

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use danube_client::{BrokerAddress, DanubeClient, RetryManager, SchemaInfo as RegisteredSchema};
use danube_core::proto::{TopicLookupRequest, discovery_client::DiscoveryClient};
use secrecy::{ExposeSecret, SecretString};
use tonic::{
    Request,
    transport::{Certificate, ClientTlsConfig, Identity, Uri},
};

use super::{
    Error,
    anchor::Anchored,
    link::{self, Connector, Link},
};
use crate::capability::tls::{self, TlsVersion};

/// How long one call to the broker may take before it counts as unavailable.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a token that was read from a file is taken for the one that stands there.
const TOKEN_HOLDS: Duration = Duration::from_secs(1);

/// Where the broker is and what it wants to see.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// `http://host:port` or `https://host:port`.
    pub url: String,
    /// Certificates, for `https`.
    pub tls: Option<TlsOptions>,
    /// A JWT, for brokers that authenticate their clients.
    pub token: Option<Token>,
}

/// Which certificates to use towards the broker.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// PEM file of the authority that signed the broker's certificate.
    pub ca_cert: PathBuf,
    /// PEM files of the client's certificate and key, for mTLS.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Where the broker token comes from.
#[derive(Clone)]
pub enum Token {
    /// A fixed value.
    Fixed(SecretString),
    /// A file that is read again every second while there are requests, because something else renews it.
    File(PathBuf),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(_) => f.write_str("Fixed(<redacted>)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// A Danube cluster. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Broker {
    pub(super) client: DanubeClient,
    pub(super) url: String,
    pub(super) tls: Option<TlsOptions>,
    pub(super) anchored: Anchored,
    connector: Connector,
    /// By URL: a broker of the cluster, or the proxy before them.
    links: Arc<Mutex<HashMap<Uri, Link>>>,
}

/// The broker that owns a topic, and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Route {
    address: BrokerAddress,
    pub(super) link: Link,
}

impl Broker {
    /// Prepares a client. Nothing is sent before the first call; only the certificate files are read.
    pub async fn new(options: &BrokerOptions) -> Result<Self, Error> {
        let url = options.url.clone();
        let mut builder = DanubeClient::builder().service_url(&url);
        if let Some(tls) = &options.tls {
            builder = match &tls.client {
                None => builder.with_tls(&tls.ca_cert),
                Some((cert, key)) => builder.with_mtls(&tls.ca_cert, cert, key),
            }
            .map_err(|error| Error::Credentials { what: tls.files(), reason: error.to_string() })?;
        }
        builder = match &options.token {
            None => builder,
            Some(Token::Fixed(token)) => builder.with_token(token.expose_secret()),
            Some(Token::File(path)) => {
                read_token(path)?;
                let file = TokenFile { path: path.clone(), read: Mutex::default() };
                builder.with_token_supplier(move || file.token())
            }
        };
        let client = builder.build().await.map_err(|error| Error::from_client(&url, "connect", error))?;
        let (tls, links) = (options.tls.clone(), Arc::default());
        let connector = link::connector(client_config(tls.as_ref())?);
        Ok(Self { client, url, tls, anchored: Anchored::default(), connector, links })
    }

    /// The service URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The topics that stand behind a name: its partitions, or itself.
    pub(super) async fn partitions(&self, topic: &str) -> Result<Vec<String>, Error> {
        let action = format!("look topic `{topic}` up");
        let route = self.service_route(&action)?;
        let request = self.request(TopicLookupRequest { request_id: 0, topic: topic.to_owned() }, &route).await?;
        let answer = self.call(&action, DiscoveryClient::new(route.link).topic_partitions(request)).await?;
        // For a topic that does not exist, the broker names every topic that starts with the same letters.
        let own = |name: &String| name == topic || partition_number(topic, name).is_some();
        let partitions: Vec<String> = answer.partitions.into_iter().filter(own).collect();
        if partitions.is_empty() {
            let reason = "the topic does not exist".to_owned();
            return Err(Error::NotFound { url: self.url.clone(), action, reason });
        }
        Ok(partitions)
    }

    /// Finds the broker that owns `topic` (one partition, or a topic without partitions).
    pub(super) async fn route(&self, topic: &str) -> Result<Route, Error> {
        let action = format!("look topic `{topic}` up");
        let address = self.timed(&action, self.client.resolve_topic_broker(topic)).await?;
        self.route_to(&action, address)
    }

    /// The broker at the service URL, whatever topics it owns.
    pub(super) fn service_route(&self, action: &str) -> Result<Route, Error> {
        let uri: Uri = self.url.parse().map_err(|error: http::uri::InvalidUri| self.unusable(action, &error))?;
        self.route_to(action, BrokerAddress { connect_url: uri.clone(), broker_url: uri, proxy: false })
    }

    fn route_to(&self, action: &str, address: BrokerAddress) -> Result<Route, Error> {
        let links = &mut *self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let url = &address.connect_url;
        let link = match links.get(url) {
            Some(link) => link.clone(),
            None => {
                let link = Link::new(self.connector.clone(), url)
                    .ok_or_else(|| self.unusable(action, &format!("`{url}` has no scheme or no host")))?;
                links.insert(url.clone(), link.clone());
                link
            }
        };
        Ok(Route { address, link })
    }

    fn unusable(&self, action: &str, reason: &dyn fmt::Display) -> Error {
        Error::Refused { url: self.url.clone(), action: action.to_owned(), reason: reason.to_string() }
    }

    /// A request with the headers that the broker (or the proxy before it) wants.
    pub(super) async fn request<T>(&self, message: T, route: &Route) -> Result<Request<T>, Error> {
        let mut request = Request::new(message);
        RetryManager::insert_auth_token(&self.client, &mut request, &route.address.connect_url)
            .await
            .map_err(|error| Error::from_client(&self.url, "authenticate", error))?;
        RetryManager::insert_proxy_header(&mut request, &route.address.broker_url, route.address.proxy);
        Ok(request)
    }

    /// One unary call, bounded in time, its failure sorted.
    pub(super) async fn call<T>(
        &self,
        action: &str,
        call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(CALL_TIMEOUT, call).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(Error::from_status(&self.url, action, &status)),
            Err(_) => Err(self.timed_out(action)),
        }
    }

    /// One call of danube-client, bounded in time, its failure sorted.
    pub(super) async fn timed<T>(
        &self,
        action: &str,
        call: impl Future<Output = danube_client::errors::Result<T>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(CALL_TIMEOUT, call).await {
            Ok(result) => result.map_err(|error| Error::from_client(&self.url, action, error)),
            Err(_) => Err(self.timed_out(action)),
        }
    }

    fn timed_out(&self, action: &str) -> Error {
        let reason = format!("no answer within {CALL_TIMEOUT:?} to the call to {action}");
        Error::Unavailable { url: self.url.clone(), reason }
    }

    /// Fetches one version of a schema, or the latest one.
    pub async fn schema(&self, id: u64, version: Option<u32>) -> Result<RegisteredSchema, Error> {
        let action = match version {
            Some(version) => format!("get schema {id} version {version}"),
            None => format!("get schema {id}"),
        };
        self.timed(&action, self.client.schema().get_schema_version(id, version)).await
    }
}

/// For connections that danube-client does not make.
fn client_config(options: Option<&TlsOptions>) -> Result<rustls::ClientConfig, Error> {
    let unusable = |error: std::io::Error| {
        let what = options.map(TlsOptions::files).unwrap_or_default();
        Error::Credentials { what, reason: error.to_string() }
    };
    let read = match options {
        None => Ok(tls::TlsOptions::default()),
        Some(TlsOptions { ca_cert, client }) => {
            let identity = client.as_ref().map(|(cert, key)| (&**cert, &**key));
            tls::TlsOptions::read(Some(ca_cert), identity, TlsVersion::default())
        }
    };
    read.and_then(|options| options.client(&[])).map_err(unusable)
}

/// Danube names partition N of `/ns/topic` `/ns/topic-part-N`.
pub(super) fn partition_number(topic: &str, partition: &str) -> Option<u32> {
    partition.strip_prefix(topic)?.strip_prefix("-part-")?.parse().ok()
}

impl TlsOptions {
    /// The same for a connection that danube-client does not make.
    pub(super) fn client_config(&self) -> Result<ClientTlsConfig, Error> {
        let read = |path: &PathBuf| {
            std::fs::read(path)
                .map_err(|error| Error::Credentials { what: path.display().to_string(), reason: error.to_string() })
        };
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(&self.ca_cert)?));
        Ok(match &self.client {
            None => config,
            Some((cert, key)) => config.identity(Identity::from_pem(read(cert)?, read(key)?)),
        })
    }

    fn files(&self) -> String {
        match &self.client {
            None => format!("the CA certificate {}", self.ca_cert.display()),
            Some((cert, key)) => {
                format!("one of {}, {}, {}", self.ca_cert.display(), cert.display(), key.display())
            }
        }
    }
}

/// A token that something else renews. It goes with every acknowledgement, so that it is not read for each of them.
struct TokenFile {
    path: PathBuf,
    read: Mutex<Option<(Instant, String)>>,
}

impl TokenFile {
    fn token(&self) -> String {
        let read = &mut *self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Some((since, token)) if since.elapsed() < TOKEN_HOLDS => token.clone(),
            _ => {
                // The broker refuses a request without a token, and says so.
                let token = read_token(&self.path).inspect_err(|error| tracing::warn!(%error)).unwrap_or_default();
                *read = Some((Instant::now(), token.clone()));
                token
            }
        }
    }
}

fn read_token(path: &PathBuf) -> Result<String, Error> {
    std::fs::read_to_string(path).map(|token| token.trim().to_owned()).map_err(|error| Error::Credentials {
        what: format!("the token file {}", path.display()),
        reason: error.to_string(),
    })
}
