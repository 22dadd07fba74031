//! What a record costs among very many connectors, what a byte costs in very large records, and what is left in memory of
//! very many records. The host is a process of its own, and what counts is its processor time.

use std::path::Path;

use super::{
    Context, Figure, Stop,
    bed::{Bed, until},
    child::{Child, warm_cache},
    lanes::many,
    median,
    publisher::Publisher,
};

const CONNECTORS: usize = 1000;
const CONNECTORS_IF_QUICK: usize = 20;
/// As many records come to one connector at a time, which is a batch.
const BURST: usize = 100;
const BURSTS: usize = 1000;
const BYTES: usize = 500;
const KILOBYTE: usize = 1 << 10;
const MEGABYTE: usize = 1 << 20;
/// Records on their way at once, in bytes.
const UNDER_WAY: usize = 64 << 20;

/// One connector against many with the same records.
pub(super) async fn connectors(context: &Context) -> Result<Vec<Figure>, Stop> {
    let connectors = if context.quick { CONNECTORS_IF_QUICK } else { CONNECTORS };
    let (bed, cache) = (Bed::in_memory(1000).await?, warm_cache().await?);
    let mut ratios = Vec::new();
    context.progress.say(format_args!("growth: hosts with 1 and {connectors} connectors start"));
    let mut one = Hosted::start(&bed, cache.path(), 1).await?;
    let mut all = Hosted::start(&bed, cache.path(), connectors).await?;
    let bursts = if context.quick { CONNECTORS_IF_QUICK } else { BURSTS };
    // The first time, memory and connections grow.
    all.cost(&bed, connectors, BURST, BYTES).await?;
    one.cost(&bed, bursts, BURST, BYTES).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..context.rounds() {
        context.progress.say(format_args!("growth: round {} of {}", round + 1, context.rounds()));
        let (of_one, of_all) =
            (one.cost(&bed, bursts, BURST, BYTES).await?, all.cost(&bed, bursts, BURST, BYTES).await?);
        ratios.push(of_all / of_one);
        ours.push(of_all);
        theirs.push(of_one);
    }
    one.child.stop().await?;
    all.child.stop().await?;
    let what = format!(
        "cost of a record with {connectors} connectors, over one ({:.1} over {:.1} us)",
        median(ours),
        median(theirs)
    );
    Ok(vec![Figure::at_most("growth_connectors", median(ratios), 1.2, what)])
}

/// Records of a kilobyte against records of a megabyte.
pub(super) async fn payload(context: &Context) -> Result<Vec<Figure>, Stop> {
    let (bed, cache) = (Bed::in_memory(1000).await?, warm_cache().await?);
    let mut host = Hosted::start(&bed, cache.path(), 1).await?;
    let (small, large) = (context.records(20_000), context.records(200));
    host.cost(&bed, 1, large, MEGABYTE).await?;
    let (mut ratios, mut of_small, mut of_large) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..context.rounds() {
        context.progress.say(format_args!("payload: round {} of {}", round + 1, context.rounds()));
        let per_byte = host.cost(&bed, 1, small, KILOBYTE).await? / KILOBYTE as f64;
        let per_large_byte = host.cost(&bed, 1, large, MEGABYTE).await? / MEGABYTE as f64;
        ratios.push(per_large_byte / per_byte);
        of_small.push(per_byte * 1e3);
        of_large.push(per_large_byte * 1e3);
    }
    host.child.stop().await?;
    let what = format!(
        "cost of a byte in records of 1 MB, over one in records of 1 KB ({:.2} over {:.2} ns)",
        median(of_large),
        median(of_small)
    );
    Ok(vec![Figure::at_most("growth_payload", median(ratios), 1.2, what)])
}

/// Memory after every million of records.
pub(super) async fn memory(context: &Context) -> Result<Vec<Figure>, Stop> {
    const STEPS: usize = 10;
    let step = if context.quick { 1_000 } else { 1_000_000 };
    let (bed, cache) = (Bed::in_memory(1000).await?, warm_cache().await?);
    let mut host = Hosted::start(&bed, cache.path(), 1).await?;
    let mut grown = Vec::new();
    for done in 0..STEPS {
        context.progress.say(format_args!("memory: {} of {} records", done * step, STEPS * step));
        host.cost(&bed, 1, step, 150).await?;
        grown.push(host.child.resident()? as f64 / f64::from(1 << 20));
    }
    host.child.stop().await?;
    // Memory that is taken once is taken in the first steps.
    let settled = &grown[STEPS / 5..];
    let what = format!(
        "MB more for each million of {} records ({:.1} MB at the end)",
        STEPS * step,
        grown.last().copied().unwrap_or(f64::NAN)
    );
    Ok(vec![Figure::plain("rss_growth_mb_per_million", slope(settled) * 1e6 / step as f64, what)])
}

/// A host in a process of its own, with null sinks.
struct Hosted {
    child: Child,
    /// For each connector.
    publishers: Vec<Publisher>,
    /// The connector whose turn it is.
    next: usize,
}

impl Hosted {
    async fn start(bed: &Bed, cache: &Path, connectors: usize) -> Result<Self, Stop> {
        let (topics, folder) = many(bed, connectors).await?;
        let mut publishers = Vec::with_capacity(topics.len());
        for topic in &topics {
            publishers.push(bed.publisher(topic).await?);
        }
        let child = Child::start(folder.path(), cache).await?;
        Ok(Self { child, publishers, next: 0 })
    }

    /// Publishes so many bursts, to one connector after the other. Microseconds of processor time for each record.
    async fn cost(&mut self, bed: &Bed, bursts: usize, records: usize, bytes: usize) -> Result<f64, Stop> {
        let ahead = (UNDER_WAY / bytes).min(5000);
        let acknowledged = bed.acknowledged()?;
        let (before, begun) = (acknowledged(), self.child.processor_time()?);
        let since = move || acknowledged() - before;
        for burst in 0..bursts {
            let publisher = &self.publishers[self.next % self.publishers.len()];
            self.next += 1;
            let published = burst * records;
            bed.feed(publisher, records, bytes, &|| since().saturating_sub(published), ahead).await?;
        }
        until(bursts * records, &since).await?;
        let took = self.child.processor_time()? - begun;
        Ok(took.as_secs_f64() * 1e6 / (bursts * records) as f64)
    }
}

/// How much each value is above the one before, by least squares.
fn slope(values: &[f64]) -> f64 {
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let places = || (0..values.len()).map(|n| n as f64 - middle);
    let above: f64 = places().zip(values).map(|(place, value)| place * (value - mean)).sum();
    above / places().map(|place| place * place).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line_through_the_values() {
        assert!((slope(&[3.0, 5.0, 7.0, 9.0]) - 2.0).abs() < 1e-9);
        assert!(slope(&[4.0, 4.0, 4.0]).abs() < 1e-9);
        assert!((slope(&[1.0, 2.0, 1.0, 2.0, 1.0])).abs() < 1e-9);
    }
}
