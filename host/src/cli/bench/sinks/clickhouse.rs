//! The ClickHouse sink next to reqwest: both insert the same rows into the same table, compressed, a batch at a time.

use std::{io::Write, time::Duration};

use anyhow::Context as _;
use danube_core::message::StreamMessage;
use flate2::{Compression, write::GzEncoder};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{BATCH, RECORDS, Runs, WINDOW, hosted, native};
use crate::cli::{
    Stop,
    bench::{Context, Figure, bare::Bare, bed::Bed},
};

const NAME: &str = "bench-clickhouse";
const TABLE: &str = "danube_bench";
const CREATE: &str = "CREATE TABLE danube_bench (`order` String, customer String, city String, item String, note String) \
                      ENGINE = MergeTree ORDER BY tuple()";

/// A row, as a person would write it.
#[derive(Deserialize, Serialize)]
struct Row<'a> {
    order: &'a str,
    customer: &'a str,
    city: &'a str,
    item: &'a str,
    note: &'a str,
}

#[expect(clippy::disallowed_types, reason = "it is what the host is held against")]
#[derive(Clone)]
struct Client {
    client: reqwest::Client,
    url: Url,
    username: String,
    password: String,
}

impl Client {
    #[expect(clippy::disallowed_types, reason = "it is what the host is held against")]
    fn new(url: &Url) -> anyhow::Result<Self> {
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let username = if url.username().is_empty() { "default".to_owned() } else { decoded(url.username()) };
        let password = url.password().map(decoded).unwrap_or_default();
        let mut url = url.clone();
        // Only a URL without a host has none, and such a one is not reached either.
        let _ = (url.set_username(""), url.set_password(None));
        Ok(Self { client: reqwest::Client::builder().build()?, url, username, password })
    }

    async fn query(&self, query: &str) -> anyhow::Result<String> {
        let request = self.client.post(self.url.clone()).body(query.to_owned());
        let request = request.header("x-clickhouse-user", &self.username).header("x-clickhouse-key", &self.password);
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        anyhow::ensure!(status.is_success(), "{query}: {text}");
        Ok(text.trim().to_owned())
    }

    /// Inserts batches and acknowledges them, until it is dropped.
    async fn run(self, mut consumer: Bare) -> anyhow::Result<()> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("query", &format!("INSERT INTO {TABLE} FORMAT JSONEachRow"));
        loop {
            let messages = consumer.batch(BATCH, Duration::from_millis(100)).await.context("the consumer has ended")?;
            let request = self.client.post(url.clone()).header("content-encoding", "gzip");
            let request = request.header("x-clickhouse-user", &self.username);
            let request = request.header("x-clickhouse-key", &self.password);
            request.body(rows(&messages)?).send().await?.error_for_status()?;
            consumer.acknowledge(messages);
        }
    }
}

fn rows(messages: &[StreamMessage]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for message in messages {
        let row: Row<'_> = serde_json::from_slice(&message.payload)?;
        serde_json::to_writer(&mut encoder, &row)?;
        encoder.write_all(b"\n")?;
    }
    Ok(encoder.finish()?)
}

/// Rates of both, in turns.
pub(super) async fn measure(context: &Context, url: &Url) -> Result<Figure, Stop> {
    let (bed, client) = (Bed::in_memory(WINDOW).await?, Client::new(url)?);
    let records = context.records(RECORDS);
    let mut runs = Runs::default();
    for round in 0..context.rounds() {
        context.progress.say(format_args!("clickhouse: round {} of {}", round + 1, context.rounds()));
        client.query(&format!("DROP TABLE IF EXISTS {TABLE}")).await?;
        client.query(CREATE).await?;
        let theirs = native(&bed, records, |consumer| client.clone().run(consumer)).await?;
        let ours = hosted(context, &bed, records, NAME, |topic| file(&client, bed.url(), topic)).await?;
        runs.add(ours, theirs);
        let written = client.query(&format!("SELECT count() FROM {TABLE}")).await?;
        if written != (2 * records).to_string() {
            return Err(anyhow::anyhow!("{written} rows were written, not {}", 2 * records).into());
        }
    }
    client.query(&format!("DROP TABLE {TABLE}")).await?;
    Ok(runs.plain("clickhouse_vs_native", "records/s of the ClickHouse sink, over a native one; batches of 1000"))
}

fn file(client: &Client, broker: &str, topic: &str) -> String {
    let Client { client: _, url, username, password } = client;
    let origin = url.origin().ascii_serialization();
    // TOML's basic strings are JSON's but for what no name or password has.
    let [url, username, password] =
        [url.as_str(), username, password].map(|text| serde_json::Value::from(text).to_string());
    format!(
        r#"
connector_name = "{NAME}"
danube_service_url = "{broker}"

[component]
path = "clickhouse.wasm"
settings = "sink"

[capabilities]
http = ["{origin}"]

[sink]
url = {url}
username = {username}
password = {password}

[[sink.topic_mappings]]
topic = "{topic}"
subscription = "bench"
subscription_type = "Shared"
batch_size = {BATCH}
flush_interval_ms = 100
table = "{TABLE}"
"#
    )
}
