//! Records per second through the host, and through what a person would write without it, from the same broker in turns.

use tokio_util::task::AbortOnDropHandle;

use super::{
    Context, Figure, Stop,
    bare::Bare,
    bed::{Bed, Drained},
    endpoint::Endpoint,
    guests::Sink,
    hosted::Hosted,
    native,
    runs::Runs,
};

const BYTES: usize = 500;
/// Of the HTTP sink.
const BATCH: usize = 100;
/// The same with a broker that runs elsewhere: by its default no more records are on their way at once, and who waits for more
/// waits for the flush interval.
const BATCH_ELSEWHERE: usize = 10;

/// The null sink against a bare consumer.
pub(super) async fn null(context: &Context) -> Result<Vec<Figure>, Stop> {
    let large = null_at(context, 1000, 40_000).await?;
    let mut figures = vec![large.figure("e2e_vs_bare", 0.9, "records/s of a null sink, over a bare consumer")];
    if context.broker.is_none() {
        let small = null_at(context, 10, 10_000).await?;
        figures.push(small.figure("e2e_vs_bare_window_10", 0.9, "the same with the broker's own window of 10"));
        figures.extend(large.costs());
    }
    Ok(figures)
}

async fn null_at(context: &Context, window: usize, records: usize) -> Result<Runs, Stop> {
    let (bed, records) = (Bed::new(context, window).await?, context.records(records));
    let mut runs = Runs::default();
    for round in 0..context.rounds() {
        context.progress.say(format_args!("e2e, window {window}: round {} of {}", round + 1, context.rounds()));
        let theirs = bed.measure(records, BYTES, async |topic| {
            let bare = Bare::subscribe(bed.url(), topic).await?;
            let acknowledged = bare.acknowledged();
            Ok((AbortOnDropHandle::new(tokio::spawn(bare.run())), acknowledged))
        });
        let (_, theirs) = theirs.await?;
        runs.add(null_once(context, &bed, window, records).await?, theirs);
    }
    Ok(runs)
}

/// One run of the null sink.
pub(super) async fn null_once(context: &Context, bed: &Bed, window: usize, records: usize) -> Result<Drained, Stop> {
    let start = async |topic: &str| {
        let (name, batch_size) = ("bench-null", window.min(500));
        let sink = Sink { name, broker: bed.url(), topic, endpoint: None, batch_size, flush_interval_ms: 100 };
        Hosted::start(context, &sink).await
    };
    let (host, ours) = bed.measure(records, BYTES, start).await?;
    host.stop().await?;
    Ok(ours)
}

/// The HTTP sink against one that is compiled natively.
pub(super) async fn http(context: &Context) -> Result<Vec<Figure>, Stop> {
    let (bed, endpoint, records) = (Bed::new(context, 1000).await?, Endpoint::start().await?, context.records(40_000));
    let batch = http_batch(context);
    let mut runs = Runs::default();
    for round in 0..context.rounds() {
        context.progress.say(format_args!("http: round {} of {}", round + 1, context.rounds()));
        let theirs = bed.measure(records, BYTES, async |topic| {
            let consumer = Bare::subscribe(bed.url(), topic).await?;
            let acknowledged = consumer.acknowledged();
            let native = tokio::spawn(native::run(consumer, endpoint.url().to_owned(), batch));
            Ok((AbortOnDropHandle::new(native), acknowledged))
        });
        let (_, theirs) = theirs.await?;
        runs.add(http_once(context, &bed, &endpoint, records).await?, theirs);
    }
    let what = format!("records/s of the HTTP sink, over a native one; batches of {batch}");
    Ok(vec![runs.figure("http_vs_native", 0.95, &what)])
}

fn http_batch(context: &Context) -> usize {
    if context.broker.is_some() { BATCH_ELSEWHERE } else { BATCH }
}

/// One run of the HTTP sink.
pub(super) async fn http_once(
    context: &Context,
    bed: &Bed,
    endpoint: &Endpoint,
    records: usize,
) -> Result<Drained, Stop> {
    let start = async |topic: &str| {
        let (name, endpoint, batch_size) = ("bench-http", Some(endpoint.url()), http_batch(context));
        let sink = Sink { name, broker: bed.url(), topic, endpoint, batch_size, flush_interval_ms: 100 };
        Hosted::start(context, &sink).await
    };
    let (host, ours) = bed.measure(records, BYTES, start).await?;
    host.stop().await?;
    Ok(ours)
}
