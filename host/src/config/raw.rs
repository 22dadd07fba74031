//! A connector's file as written: one struct for each table, strings with their references, nothing judged but its type.
//! Read, it keeps where each value stands; written, it is what `--print-config` shows.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_spanned::Spanned;

pub(super) type Text = Spanned<String>;
pub(super) type Integer = Spanned<i64>;
/// A number with a unit, as in `"30s"`.
pub(super) type Quantity = Spanned<Amount>;

/// All of a file but the connector's own table.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) connector_name: Option<Text>,
    pub(super) danube_service_url: Option<Text>,
    pub(super) instances: Option<Integer>,
    pub(super) component: Component,
    pub(super) broker: Broker,
    pub(super) capabilities: Capabilities,
    pub(super) limits: Limits,
    pub(super) retry: Retry,
    pub(super) processing: Processing,
    pub(super) dead_letter: Option<DeadLetter>,
    /// The native SDK's, for sources.
    #[serde(skip_serializing)]
    pub(super) schemas: Option<Spanned<Vec<IgnoredAny>>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct Component {
    pub(super) path: Option<Text>,
    pub(super) sha256: Option<Text>,
    pub(super) settings: Option<Text>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct Broker {
    pub(super) ack_timeout: Option<Quantity>,
    pub(super) admin_url: Option<Text>,
    pub(super) token: Option<Text>,
    pub(super) token_file: Option<Text>,
    pub(super) tls: Option<Spanned<Tls>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct Tls {
    pub(super) ca_cert: Option<Text>,
    pub(super) client_cert: Option<Text>,
    pub(super) client_key: Option<Text>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct Capabilities {
    pub(super) mode: Option<Text>,
    pub(super) topics: Vec<Text>,
    pub(super) http: Vec<Spanned<HttpGrant>>,
    pub(super) sockets: Vec<Spanned<SocketGrant>>,
    pub(super) dirs: Vec<Spanned<Dir>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) http_headers: Vec<Spanned<HttpHeader>>,
    pub(super) env: BTreeMap<String, Text>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct Dir {
    pub(super) host: Option<Text>,
    pub(super) guest: Option<Text>,
    pub(super) mode: Option<Text>,
    pub(super) quota: Option<Quantity>,
}

pub(super) type HttpGrant = UrlOr<HttpTable>;
pub(super) type SocketGrant = UrlOr<SocketTable>;

/// A URL, or a table that narrows one.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum UrlOr<T> {
    Url(String),
    Table(Box<T>),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct HttpTable {
    pub(super) url: Option<Text>,
    pub(super) methods: Option<Vec<Text>>,
    pub(super) path: Option<Text>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) addresses: Vec<Text>,
    pub(super) ca_cert: Option<Text>,
    pub(super) client_cert: Option<Text>,
    pub(super) client_key: Option<Text>,
    pub(super) min_tls: Option<Text>,
}

/// A header that the host adds, or with `sign` a signature.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct HttpHeader {
    pub(super) url: Option<Text>,
    pub(super) header: Option<Text>,
    pub(super) value: Option<Text>,
    pub(super) sign: Option<Text>,
    pub(super) service: Option<Text>,
    pub(super) region: Option<Text>,
    pub(super) access_key_id: Option<Text>,
    pub(super) secret_access_key: Option<Text>,
    pub(super) session_token: Option<Text>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct SocketTable {
    pub(super) url: Option<Text>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) addresses: Vec<Text>,
    pub(super) ca_cert: Option<Text>,
    pub(super) client_cert: Option<Text>,
    pub(super) client_key: Option<Text>,
    pub(super) min_tls: Option<Text>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct Limits {
    pub(super) memory: Option<Quantity>,
    pub(super) call_timeout: Option<Quantity>,
    pub(super) start_timeout: Option<Quantity>,
    pub(super) http_timeout: Option<Quantity>,
    pub(super) http_connect_timeout: Option<Quantity>,
    pub(super) http_first_byte_timeout: Option<Quantity>,
    pub(super) http_request_body: Option<Quantity>,
    pub(super) http_response_body: Option<Quantity>,
    pub(super) http_headers: Option<Integer>,
    pub(super) http_header_bytes: Option<Quantity>,
    pub(super) http_concurrency: Option<Integer>,
    pub(super) http_batch: Option<Integer>,
    pub(super) http_connections: Option<Integer>,
    pub(super) bytes_out_per_second: Option<Quantity>,
    pub(super) open_connections: Option<Integer>,
    pub(super) log_lines_per_second: Option<Integer>,
    pub(super) core_instances: Option<Integer>,
    pub(super) memories: Option<Integer>,
    pub(super) tables: Option<Integer>,
    pub(super) resources: Option<Integer>,
    pub(super) hostcall_fuel: Option<Quantity>,
    pub(super) component_size: Option<Quantity>,
    pub(super) compile_timeout: Option<Quantity>,
    pub(super) compile_memory: Option<Quantity>,
    pub(super) max_lanes: Option<Integer>,
    pub(super) max_batch_size: Option<Integer>,
    pub(super) max_batch_bytes: Option<Quantity>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct Retry {
    pub(super) max_retries: Option<Integer>,
    pub(super) retry_backoff_ms: Option<Integer>,
    pub(super) max_backoff_ms: Option<Integer>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct Processing {
    pub(super) batch_size: Option<Integer>,
    pub(super) batch_bytes: Option<Quantity>,
    pub(super) batch_timeout_ms: Option<Integer>,
    pub(super) on_reject: Option<Text>,
    pub(super) on_mismatch: Option<Text>,
    pub(super) max_rejects: Option<Integer>,
    pub(super) reject_window: Option<Quantity>,
    pub(super) log_level: Option<Text>,
    pub(super) health_check_interval_ms: Option<Integer>,
    pub(super) health_check_failure_threshold: Option<Integer>,
    pub(super) metrics_port: Option<Integer>,
    pub(super) drain_timeout: Option<Quantity>,
    /// The native SDK's, for sources.
    #[serde(skip_serializing)]
    pub(super) poll_interval_ms: Option<Integer>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct DeadLetter {
    pub(super) topic: Option<Text>,
}

/// The host's keys in an entry of the connector's `topic_mappings`; all others are the connector's.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct TopicMapping {
    pub(super) topic: Option<Text>,
    pub(super) subscription: Option<Text>,
    pub(super) subscription_type: Option<Text>,
    pub(super) consumer_name: Option<Text>,
    pub(super) key_filters: Option<Spanned<Vec<Text>>>,
    pub(super) expected_schema_subject: Option<Text>,
    pub(super) batch_size: Option<Integer>,
    pub(super) batch_bytes: Option<Quantity>,
    pub(super) flush_interval_ms: Option<Integer>,
    pub(super) payload_format: Option<Text>,
}

/// With a unit, or mistakenly without.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Amount {
    Text(String),
    Bare(String),
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumber)
    }
}

struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string with a unit")
    }

    fn visit_str<E>(self, text: &str) -> Result<Amount, E> {
        Ok(Amount::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Amount, E> {
        Ok(Amount::Bare(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Amount, E> {
        Ok(Amount::Bare(number.to_string()))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for UrlOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UrlOrTable(PhantomData))
    }
}

/// Unlike serde's untagged enums this keeps the place and the words of a mistake within the table.
struct UrlOrTable<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for UrlOrTable<T> {
    type Value = UrlOr<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a URL or a table with a `url`")
    }

    fn visit_str<E>(self, url: &str) -> Result<UrlOr<T>, E> {
        Ok(UrlOr::Url(url.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<UrlOr<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|table| UrlOr::Table(Box::new(table)))
    }
}
