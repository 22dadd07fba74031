//! The local HTTP endpoint of `dev`: it takes whatever is sent, and keeps the records that it finds in it.

use std::{
    collections::HashMap,
    io::Read,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{net::TcpListener, task::JoinHandle};

/// What has arrived so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Arrived {
    /// How often each record arrived, by its JSON text.
    pub(super) records: HashMap<String, usize>,
    /// Requests that arrived.
    pub(super) requests: usize,
    /// The records of the first request, in order.
    pub(super) first: Vec<String>,
}

/// A running endpoint; it ends when it is dropped.
pub(super) struct Receiver {
    pub(super) addr: SocketAddr,
    arrived: Arc<Mutex<Arrived>>,
    server: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn start(addr: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(addr).await.map_err(|error| {
            anyhow::anyhow!(
                "cannot listen on {addr} for what the connector sends: {error} (choose another with --receiver)"
            )
        })?;
        let addr = listener.local_addr()?;
        let arrived = Arc::<Mutex<Arrived>>::default();
        let app = Router::new().fallback(take).with_state(arrived.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(error = %error, "the receiver stopped");
            }
        });
        Ok(Self { addr, arrived, server })
    }

    /// Begins anew.
    pub(super) fn forget(&self) {
        *self.arrived.lock().unwrap_or_else(PoisonError::into_inner) = Arrived::default();
    }

    pub(super) fn arrived(&self) -> Arrived {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(arrived): State<Arc<Mutex<Arrived>>>, headers: HeaderMap, body: Bytes) {
    let records = records_in(&unzipped(&headers, &body));
    let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
    arrived.requests += 1;
    if arrived.first.is_empty() {
        arrived.first.clone_from(&records);
    }
    for record in records {
        *arrived.records.entry(record).or_default() += 1;
    }
}

fn unzipped(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let zipped = headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
    if zipped && flate2::read::GzDecoder::new(body).read_to_end(&mut plain).is_ok() {
        return plain;
    }
    body.to_vec()
}

/// The records of a body: the elements of a JSON array, else one JSON document a line, else one text.
fn records_in(body: &[u8]) -> Vec<String> {
    if let Ok(array) = serde_json::from_slice::<Vec<&RawValue>>(body) {
        return array.into_iter().map(|record| content(record.get())).collect();
    }
    let documents = serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>();
    match documents.collect::<Result<Vec<_>, _>>() {
        Ok(documents) if !documents.is_empty() => documents.into_iter().map(|record| content(record.get())).collect(),
        _ => vec![serde_json::Value::from(String::from_utf8_lossy(body)).to_string()],
    }
}

/// The payload of a record that comes in Danube's metadata envelope; the record itself where there is none.
fn content(record: &str) -> String {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[expect(dead_code, reason = "only its presence says that this is an envelope")]
        topic: String,
        #[expect(dead_code, reason = "only its presence says that this is an envelope")]
        offset: u64,
        #[serde(borrow)]
        payload: &'a RawValue,
    }
    match serde_json::from_str::<Envelope<'_>>(record) {
        Ok(envelope) => envelope.payload.get().to_owned(),
        Err(_) => record.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_in_every_shape_of_body() {
        let two = vec![r#"{"a":1.10}"#.to_owned(), "\"x\"".to_owned()];
        assert_eq!(records_in(br#"[{"a":1.10},"x"]"#), two);
        assert_eq!(records_in(b"{\"a\":1.10}\n\"x\"\n"), two);
        assert_eq!(records_in(br#"{"topic":"/d/t","offset":3,"payload":{"a":1.10}}"#), two[..1]);
        assert_eq!(records_in(b"plain text"), [r#""plain text""#]);
    }
}
