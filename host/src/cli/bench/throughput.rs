//! Records per second through the host, and through what a person would write without it, from the same broker in turns.

use super::{
    Context, Figure, Stop, bare::Bare, bed::Bed, endpoint::Endpoint, guests::Sink, hosted::Hosted, median, native,
};

const BYTES: usize = 500;

/// The null sink against a bare consumer.
pub(super) async fn null(context: &Context) -> Result<Vec<Figure>, Stop> {
    let large = null_at(context, 1000, 40_000).await?;
    let small = null_at(context, 10, 10_000).await?;
    Ok(vec![
        large.figure("e2e_vs_bare", 0.9, "records/s of a null sink, over a bare consumer; window 1000"),
        small.figure("e2e_vs_bare_window_10", 0.9, "the same with the broker's own window of 10"),
    ])
}

async fn null_at(context: &Context, window: usize, records: usize) -> Result<Rates, Stop> {
    let (bed, records) = (Bed::new(window).await?, context.records(records));
    let mut rates = Rates::default();
    for _ in 0..context.rounds() {
        let topic = bed.backlog(records, BYTES).await?;
        let bare = tokio::spawn(Bare::subscribe(bed.broker.url(), &topic).await?.run());
        let theirs = bed.drained(records).await?;
        bare.abort();

        let topic = bed.backlog(records, BYTES).await?;
        let sink = Sink {
            name: "bench-null",
            broker: bed.broker.url(),
            topic: &topic,
            endpoint: None,
            batch_size: window.min(500),
            flush_interval_ms: 100,
        };
        let host = Hosted::start(context, &[sink]).await?;
        rates.add(bed.drained(records).await?, theirs);
        host.stop().await?;
    }
    Ok(rates)
}

/// The HTTP sink against one that is compiled natively.
pub(super) async fn http(context: &Context) -> Result<Vec<Figure>, Stop> {
    const BATCH: usize = 100;
    let (bed, endpoint, records) = (Bed::new(1000).await?, Endpoint::start().await?, context.records(40_000));
    let mut rates = Rates::default();
    for _ in 0..context.rounds() {
        let topic = bed.backlog(records, BYTES).await?;
        let consumer = Bare::subscribe(bed.broker.url(), &topic).await?;
        let native = tokio::spawn(native::run(consumer, endpoint.url().to_owned(), BATCH));
        let theirs = bed.drained(records).await?;
        native.abort();

        let topic = bed.backlog(records, BYTES).await?;
        let sink = Sink {
            name: "bench-http",
            broker: bed.broker.url(),
            topic: &topic,
            endpoint: Some(endpoint.url()),
            batch_size: BATCH,
            flush_interval_ms: 100,
        };
        let host = Hosted::start(context, &[sink]).await?;
        rates.add(bed.drained(records).await?, theirs);
        host.stop().await?;
    }
    Ok(vec![rates.figure("http_vs_native", 0.95, "records/s of the HTTP sink, over a native one; batches of 100")])
}

/// Pairs of rates, in records per second. The median of their ratios counts.
#[derive(Debug, Default)]
struct Rates {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Rates {
    fn add(&mut self, ours: f64, theirs: f64) {
        self.ours.push(ours);
        self.theirs.push(theirs);
    }

    fn figure(self, key: &'static str, target: f64, what: &str) -> Figure {
        let ratios = self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs).collect();
        let what = format!("{what} ({:.0} over {:.0})", median(self.ours.clone()), median(self.theirs.clone()));
        Figure::at_least(key, median(ratios), target, what)
    }
}
