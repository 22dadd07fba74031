//! Records per second of the sinks that need a server of their own, each next to a plain native client that does the same
//! work, in turns, on servers that the command line names.

mod clickhouse;
mod postgres;

use tokio_util::task::AbortOnDropHandle;

use super::{
    Context, Figure, Stop,
    bare::Bare,
    bed::{Bed, Drained},
    hosted::Hosted,
    runs::Runs,
};

/// Records that the broker hands out unanswered.
const WINDOW: usize = 2000;
/// Records in a batch.
const BATCH: usize = 1000;
/// Records of a run.
const RECORDS: usize = 100_000;
/// Bytes of a record.
const BYTES: usize = 500;

/// The servers to write to. A sink whose server is not named is not measured.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Servers {
    /// Measure the ClickHouse sink on this server's HTTP interface, as in http://user:password@127.0.0.1:8123/. It gets a
    /// table `danube_bench`.
    #[arg(long, value_name = "URL")]
    clickhouse: Option<url::Url>,
    /// Measure the PostgreSQL sink on this database, as in postgres://user:password@127.0.0.1/db. It gets a table
    /// `danube_bench`.
    #[arg(long, value_name = "URL")]
    postgres: Option<url::Url>,
}

/// All sinks whose servers are named.
pub(super) async fn measure(context: &Context, servers: &Servers) -> Result<Vec<Figure>, Stop> {
    let Servers { clickhouse, postgres } = servers;
    let mut figures = Vec::new();
    match clickhouse {
        Some(url) => figures.push(clickhouse::measure(context, url).await?),
        None => eprintln!("not measured: the ClickHouse sink; name a server with --clickhouse URL"),
    }
    match postgres {
        Some(url) => figures.extend(postgres::measure(context, url).await?),
        None => eprintln!("not measured: the PostgreSQL sink; name a database with --postgres URL"),
    }
    Ok(figures)
}

/// One run of a native client, which writes what a consumer gets until it is dropped.
async fn native<F>(bed: &Bed, records: usize, client: impl FnOnce(Bare) -> F) -> Result<Drained, Stop>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let start = async |topic: &str| {
        let consumer = Bare::subscribe(bed.url(), topic).await?;
        let acknowledged = consumer.acknowledged();
        let client = client(consumer);
        let client = tokio::spawn(async move {
            if let Err(error) = client.await {
                // What follows is that nothing more is acknowledged, which does not say why.
                eprintln!("the native client has failed: {error:#}");
            }
        });
        Ok((AbortOnDropHandle::new(client), acknowledged))
    };
    Ok(bed.measure(records, BYTES, start).await?.1)
}

/// One run of a sink with the file that it has for a topic.
async fn hosted(
    context: &Context,
    bed: &Bed,
    records: usize,
    name: &str,
    file: impl FnOnce(&str) -> String,
) -> Result<Drained, Stop> {
    let start = async |topic: &str| Hosted::run(context, context.guests.parse(name, &file(topic))?, topic).await;
    let (host, ours) = bed.measure(records, BYTES, start).await?;
    host.stop().await?;
    Ok(ours)
}
