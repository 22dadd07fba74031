//! Very many connectors that have nothing to do: what one of them costs by being there.

use std::time::Duration;

use tempfile::TempDir;

use super::{
    Context, Figure, Stop,
    bed::Bed,
    child::{Child, warm_cache},
    guests::{Guests, Sink},
};

const LANES: usize = 1000;
const LANES_IF_QUICK: usize = 20;
/// What comes with a start has come to rest by then.
const SETTLE: Duration = Duration::from_secs(5);
const WATCH: Duration = Duration::from_secs(20);

pub(super) async fn measure(context: &Context) -> Result<Vec<Figure>, Stop> {
    let lanes = if context.quick { LANES_IF_QUICK } else { LANES };
    let bed = Bed::in_memory(1000).await?;
    context.progress.say(format_args!("lanes: {lanes} connectors start in a process of their own"));
    let (_, folder) = many(&bed, lanes).await?;
    let cache = warm_cache().await?;
    let host = Child::start(folder.path(), cache.path()).await?;
    let ready = host.ready();
    context.progress.say(format_args!("lanes: {lanes} connectors idle"));
    let watch = if context.quick { WATCH / 20 } else { WATCH };
    tokio::time::sleep(watch.min(SETTLE)).await;
    let begun = host.processor_time()?;
    tokio::time::sleep(watch).await;
    let busy = (host.processor_time()? - begun).as_secs_f64() / watch.as_secs_f64();
    let resident = host.resident()? as f64 / f64::from(1 << 20);
    host.stop().await?;
    let what = |what: &str| format!("{what} of a host with {lanes} idle connectors");
    Ok(vec![
        Figure::below("lanes_1000_rss_mb", resident, 400.0, what("MB resident")),
        Figure::below("lanes_1000_cpu_percent", busy * 100.0, 2.0, what("percent of one processor")),
        Figure::below("lanes_1000_ready_s", ready.as_secs_f64(), 3.0, what("seconds to the readiness")),
    ])
}

/// Topics, and a folder of null sinks with one of them each.
pub(super) async fn many(bed: &Bed, lanes: usize) -> Result<(Vec<String>, TempDir), Stop> {
    let folder = Guests::folder_of_its_own()?;
    let mut topics = Vec::with_capacity(lanes);
    for lane in 0..lanes {
        let topic = bed.topic().await?;
        let name = format!("bench-{lane}");
        let (batch_size, flush_interval_ms) = (100, 100);
        let sink =
            Sink { name: &name, broker: bed.url(), topic: &topic, endpoint: None, batch_size, flush_interval_ms };
        std::fs::write(folder.path().join(&name).with_extension("toml"), sink.text())?;
        topics.push(topic);
    }
    Ok((topics, folder))
}
