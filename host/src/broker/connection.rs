//! One Danube cluster: where it is, how it is secured, and the way to the broker that owns a topic.

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use danube_core::proto::{
    TopicLookupRequest,
    danube_schema::{GetSchemaRequest, GetSchemaResponse, schema_registry_client::SchemaRegistryClient},
    discovery_client::DiscoveryClient,
    topic_lookup_response::LookupType,
};
use futures::FutureExt;
use http::uri::{InvalidUri, Uri};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
};

use super::{
    Error,
    anchor::Anchored,
    link::{self, Connector, Link},
};
use crate::{
    capability::tls::{self, TlsVersion},
    record::SchemaInfo,
};

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
    url: String,
    service: Route,
    token: Option<Arc<BearerToken>>,
    pub(super) anchored: Anchored,
    links: Links,
}

/// The connections to the brokers of the cluster, or to the proxy before them.
#[derive(Debug, Clone)]
struct Links {
    connector: Connector,
    links: Arc<Mutex<HashMap<Uri, Link>>>,
}

/// What the registry has.
#[derive(Debug, Clone)]
pub struct RegisteredSchema {
    /// Which schema it is.
    pub info: SchemaInfo,
    /// Its text, or its bytes.
    pub definition: Vec<u8>,
}

/// The broker that owns a topic, and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) link: Link,
    /// For a proxy at the other end: which broker it passes calls on to.
    behind_proxy: Option<MetadataValue<Ascii>>,
}

impl Broker {
    /// Prepares a client. Nothing is sent before the first call; only the files of certificates and of the token are read.
    ///
    /// # Errors
    /// [`Error::Credentials`] for a file that is of no use, [`Error::Refused`] for a URL that is none.
    pub fn new(options: &BrokerOptions) -> Result<Self, Error> {
        let BrokerOptions { url, tls, token } = options;
        let token = token.as_ref().map(BearerToken::new).transpose()?.map(Arc::new);
        let connector = link::connector(client_config(tls.as_ref())?);
        let links = Links { connector, links: Arc::default() };
        let service = Route { link: links.get(url, "connect", url)?, behind_proxy: None };
        Ok(Self { url: url.clone(), service, token, anchored: Anchored::default(), links })
    }

    /// The service URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The topics that stand behind a name: its partitions, or itself.
    pub(super) async fn partitions(&self, topic: &str) -> Result<Vec<String>, Error> {
        let action = look_up(topic);
        let route = self.service_route();
        let request = self.request(TopicLookupRequest { request_id: 0, topic: topic.to_owned() }, &route);
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
        let action = look_up(topic);
        let route = self.service_route();
        let request = self.request(TopicLookupRequest { request_id: 0, topic: topic.to_owned() }, &route);
        let answer = self.call(&action, DiscoveryClient::new(route.link).topic_lookup(request)).await?;
        if answer.response_type() == LookupType::Failed {
            let reason = "the topic does not exist, or no broker has it".to_owned();
            return Err(Error::Refused { url: self.url.clone(), action, reason });
        }
        let link = self.links.get(&self.url, &action, &answer.connect_url)?;
        let behind_proxy = answer.proxy.then(|| MetadataValue::try_from(&answer.broker_url)).transpose();
        let behind_proxy = behind_proxy.map_err(|error| unusable(&self.url, &action, &answer.broker_url, &error))?;
        Ok(Route { link, behind_proxy })
    }

    /// The broker at the service URL, whatever topics it owns.
    pub(super) fn service_route(&self) -> Route {
        self.service.clone()
    }

    /// The administrative interface of the cluster, which is a server of its own, for a call about `topic`.
    pub(super) async fn admin_route(&self, admin_url: &str, topic: &str) -> Result<Route, Error> {
        let link = self.links.get(admin_url, "connect", admin_url)?;
        Ok(Route { link, ..self.route(topic).await? })
    }

    /// A request with the headers that the broker (or the proxy before it) wants.
    pub(super) fn request<T>(&self, message: T, route: &Route) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        if let Some(token) = &self.token {
            metadata.insert("authorization", token.current());
        }
        if let Some(broker) = &route.behind_proxy {
            metadata.insert("x-danube-broker-url", broker.clone());
        }
        request
    }

    /// One unary call, bounded in time, its failure sorted.
    pub(super) fn call<T>(
        &self,
        action: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> impl Future<Output = Result<T, Error>> {
        call_at(&self.url, action, call)
    }

    /// Fetches one version of a schema, or the latest one.
    pub async fn schema(&self, id: u64, version: Option<u32>) -> Result<RegisteredSchema, Error> {
        let action = match version {
            Some(version) => format!("get schema {id} version {version}"),
            None => format!("get schema {id}"),
        };
        let route = self.service_route();
        let request = self.request(GetSchemaRequest { schema_id: id, version }, &route);
        let found = self.call(&action, SchemaRegistryClient::new(route.link).get_schema(request)).await?;
        let GetSchemaResponse { schema_id: id, version, subject, schema_type, schema_definition, .. } = found;
        Ok(RegisteredSchema { info: SchemaInfo { id, subject, version, schema_type }, definition: schema_definition })
    }
}

impl Links {
    /// The connection to a server that the one at `url` named.
    fn get(&self, url: &str, action: &str, named: &str) -> Result<Link, Error> {
        let uri: Uri = named.parse().map_err(|error: InvalidUri| unusable(url, action, named, &error))?;
        let links = &mut *self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = links.get(&uri) {
            return Ok(link.clone());
        }
        let link = Link::new(self.connector.clone(), &uri)
            .ok_or_else(|| unusable(url, action, named, &"it has no scheme or no host"))?;
        links.insert(uri, link.clone());
        Ok(link)
    }
}

/// One unary call to `url`, bounded in time, its failure sorted. Not an async function: that would have room for `call`
/// twice, and there is one of these for every acknowledgement.
pub(super) fn call_at<T>(
    url: &str,
    action: &str,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> impl Future<Output = Result<T, Error>> {
    tokio::time::timeout(CALL_TIMEOUT, call).map(move |outcome| match outcome {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(Error::from_status(url, action, &status)),
        Err(_) => {
            let reason = format!("no answer within {CALL_TIMEOUT:?} to the call to {action}");
            Err(Error::Unavailable { url: url.to_owned(), reason })
        }
    })
}

fn look_up(topic: &str) -> String {
    format!("look topic `{topic}` up")
}

fn unusable(url: &str, action: &str, given: &str, reason: &dyn fmt::Display) -> Error {
    let reason = format!("`{given}` is of no use as a broker's URL: {reason}");
    Error::Refused { url: url.to_owned(), action: action.to_owned(), reason }
}

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
    fn files(&self) -> String {
        match &self.client {
            None => format!("the CA certificate {}", self.ca_cert.display()),
            Some((cert, key)) => {
                format!("one of {}, {}, {}", self.ca_cert.display(), cert.display(), key.display())
            }
        }
    }
}

/// What goes with every request, acknowledgements too, so that a file is not read for each of them.
#[derive(Debug)]
enum BearerToken {
    Fixed(MetadataValue<Ascii>),
    /// When the file was read, and what it held.
    File(PathBuf, Mutex<(Instant, MetadataValue<Ascii>)>),
}

impl BearerToken {
    fn new(token: &Token) -> Result<Self, Error> {
        Ok(match token {
            Token::Fixed(token) => Self::Fixed(bearer(token, "the broker token")?),
            Token::File(path) => Self::File(path.clone(), Mutex::new((Instant::now(), read_token(path)?))),
        })
    }

    /// Of a file that can't be read, what stood there last.
    fn current(&self) -> MetadataValue<Ascii> {
        let (path, read) = match self {
            Self::Fixed(value) => return value.clone(),
            Self::File(path, read) => (path, read),
        };
        let (since, value) = &mut *read.lock().unwrap_or_else(PoisonError::into_inner);
        if since.elapsed() >= TOKEN_HOLDS {
            *since = Instant::now();
            match read_token(path) {
                Ok(read) => *value = read,
                Err(error) => tracing::warn!(%error, "the token that was read last goes on being used"),
            }
        }
        value.clone()
    }
}

fn read_token(path: &PathBuf) -> Result<MetadataValue<Ascii>, Error> {
    let what = format!("the token file {}", path.display());
    match std::fs::read_to_string(path) {
        Ok(token) => bearer(&token.trim().into(), &what),
        Err(error) => Err(Error::Credentials { what, reason: error.to_string() }),
    }
}

fn bearer(token: &SecretString, what: &str) -> Result<MetadataValue<Ascii>, Error> {
    let mut value = MetadataValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
        let reason = "it has characters that an HTTP header cannot carry".to_owned();
        Error::Credentials { what: what.to_owned(), reason }
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_file_is_read_once_a_second_and_what_it_said_last_goes_on_being_used() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "one\n").unwrap();
        let token = BearerToken::new(&Token::File(file.path().to_owned())).unwrap();
        std::fs::write(&file, "two\n").unwrap();
        assert_eq!(token.current(), "Bearer one");
        tokio::time::advance(TOKEN_HOLDS).await;
        assert_eq!(token.current(), "Bearer two");

        file.close().unwrap();
        tokio::time::advance(TOKEN_HOLDS).await;
        assert_eq!(token.current(), "Bearer two");
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused() {
        let error = BearerToken::new(&Token::Fixed("a\nb".into())).unwrap_err();
        let expected = "cannot use the broker token: it has characters that an HTTP header cannot carry";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_url_that_is_none_is_refused() {
        let options = BrokerOptions { url: "broker".to_owned(), tls: None, token: None };
        let error = Broker::new(&options).unwrap_err();
        let expected = "the broker at broker refused to connect: `broker` is of no use as a broker's URL: it has no scheme or no host";
        assert_eq!(error.to_string(), expected);
    }
}
