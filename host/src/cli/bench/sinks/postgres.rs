//! The PostgreSQL sink against tokio-postgres, compiled natively: `COPY`, and upserts.

use std::{pin::pin, time::Duration};

use anyhow::Context as _;
use serde::Deserialize;
use tokio_postgres::{
    Client, NoTls,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};
use url::Url;

use super::{BATCH, RECORDS, Runs, WINDOW, hosted, native};
use crate::cli::{
    Stop,
    bench::{Context, Figure, bare::Bare, bed::Bed},
};

const NAME: &str = "bench-postgres";
const TABLE: &str = "danube_bench";
const COLUMNS: &str = "\"order\", customer, city, item, note";

/// How rows are written.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Append,
    Upsert,
    /// Appended, with the offsets.
    Once,
}

/// What is in a record.
#[derive(Deserialize)]
struct Document<'a> {
    order: &'a str,
    customer: &'a str,
    city: &'a str,
    item: &'a str,
    note: &'a str,
}

/// Rates of both, in turns, for each way of writing.
pub(super) async fn measure(context: &Context, url: &Url) -> Result<Vec<Figure>, Stop> {
    let mut figures = Vec::new();
    for (mode, key, what) in [
        (
            Mode::Append,
            "postgres_append_vs_native",
            "records/s of the PostgreSQL sink, over a native COPY; batches of 1000",
        ),
        (Mode::Upsert, "postgres_upsert_vs_native", "the same for upserts, over native ones"),
        (Mode::Once, "postgres_once_vs_native", "the same with `effectively_once`, over a native COPY without offsets"),
    ] {
        figures.push(turns(context, url, mode).await?.plain(key, what));
    }
    let database = connect(url).await?;
    database.batch_execute(&format!("DROP TABLE {TABLE}, {TABLE}_offsets")).await.context("cannot clear up")?;
    Ok(figures)
}

async fn turns(context: &Context, url: &Url, mode: Mode) -> Result<Runs, Stop> {
    let (bed, database) = (Bed::in_memory(WINDOW).await?, connect(url).await?);
    let records = context.records(RECORDS);
    let mut runs = Runs::default();
    for round in 0..context.rounds() {
        context.progress.say(format_args!("postgres, {mode:?}: round {} of {}", round + 1, context.rounds()));
        create(&database).await?;
        let client = connect(url).await?;
        let theirs = native(&bed, records, |consumer| write(consumer, client, mode)).await?;
        check(&database, records).await?;
        create(&database).await?;
        let ours = hosted(context, &bed, records, NAME, |topic| file(url, bed.url(), topic, mode)).await?;
        check(&database, records).await?;
        runs.add(ours, theirs);
    }
    Ok(runs)
}

async fn connect(url: &Url) -> anyhow::Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(url.as_str(), NoTls).await.context("cannot connect to PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}

async fn create(database: &Client) -> anyhow::Result<()> {
    let statements = format!(
        "SET client_min_messages = warning; DROP TABLE IF EXISTS {TABLE}, {TABLE}_offsets; \
         CREATE TABLE {TABLE} (\"order\" text PRIMARY KEY, customer text, city text, item text, note text)"
    );
    database.batch_execute(&statements).await.context("cannot create the table")
}

/// A rate of rows that are not there is none.
async fn check(database: &Client, records: usize) -> anyhow::Result<()> {
    let row = database.query_one(&format!("SELECT count(*) FROM {TABLE}"), &[]).await?;
    let rows: i64 = row.try_get(0)?;
    anyhow::ensure!(usize::try_from(rows).is_ok_and(|rows| rows == records), "{rows} rows were written, not {records}");
    Ok(())
}

/// The sink as its user would write it without the host: a batch after the other.
async fn write(mut consumer: Bare, database: Client, mode: Mode) -> anyhow::Result<()> {
    let copy = format!("COPY {TABLE} ({COLUMNS}) FROM STDIN BINARY");
    let copy = database.prepare(&copy).await?;
    let upsert = database
        .prepare(&format!(
            "INSERT INTO {TABLE} ({COLUMNS}) \
             SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) ON CONFLICT (\"order\") DO UPDATE SET \
             customer = EXCLUDED.customer, city = EXCLUDED.city, item = EXCLUDED.item, note = EXCLUDED.note"
        ))
        .await?;
    loop {
        let messages = consumer.batch(BATCH, Duration::from_millis(100)).await.context("the consumer has ended")?;
        let documents = messages.iter().map(|message| serde_json::from_slice(&message.payload));
        let documents = documents.collect::<Result<Vec<Document<'_>>, _>>()?;
        match mode {
            Mode::Append | Mode::Once => {
                let mut writer = pin!(BinaryCopyInWriter::new(database.copy_in(&copy).await?, &vec![Type::TEXT; 5]));
                for Document { order, customer, city, item, note } in &documents {
                    let row: [&(dyn ToSql + Sync); 5] = [order, customer, city, item, note];
                    writer.as_mut().write(&row).await?;
                }
                writer.finish().await?;
            }
            Mode::Upsert => {
                let column = |of: fn(&Document<'_>) -> String| documents.iter().map(of).collect::<Vec<_>>();
                let columns = [
                    column(|document| document.order.to_owned()),
                    column(|document| document.customer.to_owned()),
                    column(|document| document.city.to_owned()),
                    column(|document| document.item.to_owned()),
                    column(|document| document.note.to_owned()),
                ];
                let params = columns.each_ref().map(|column| column as &(dyn ToSql + Sync));
                database.execute(&upsert, &params).await?;
            }
        }
        consumer.acknowledge(messages);
    }
}

fn file(url: &Url, broker: &str, topic: &str, mode: Mode) -> String {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (host, port) = (url.host_str().unwrap_or("localhost"), url.port().unwrap_or(5432));
    let given = [host, url.path().trim_start_matches('/'), url.username(), url.password().unwrap_or_default()];
    // TOML's basic strings are JSON's but for what no name or password has.
    let [server, database, user, password] = given.map(|text| serde_json::Value::from(decoded(text)).to_string());
    let own = match mode {
        Mode::Append => String::new(),
        Mode::Upsert => "mode = \"upsert\"\nkey = [\"order\"]".to_owned(),
        Mode::Once => format!("effectively_once = true\noffsets_table = \"{TABLE}_offsets\"\ncreate = true"),
    };
    format!(
        r#"
connector_name = "{NAME}"
danube_service_url = "{broker}"

[component]
path = "postgres.wasm"
settings = "sink"

[capabilities]
sockets = ["tcp://{host}:{port}"]

[sink]
host = {server}
port = {port}
database = {database}
user = {user}
password = {password}
tls = false
table = "{TABLE}"
{own}

[[sink.topic_mappings]]
topic = "{topic}"
subscription = "bench"
subscription_type = "Shared"
batch_size = {BATCH}
flush_interval_ms = 100
"#
    )
}
