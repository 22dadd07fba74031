//! How long a single record takes from the producer to its acknowledgement, through the host and through a bare consumer.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Context, Figure, Stop, bare::Bare, bed::Bed, guests::Sink, hosted::Hosted, payload::document, publisher::Publisher,
};

const BYTES: usize = 500;
const SAMPLES: usize = 200;
/// The rate is low: there is time to rest between two records.
const REST: Duration = Duration::from_millis(5);
/// How often it is looked whether a record is acknowledged, by a thread that the system wakes: timers of tokio have
/// milliseconds.
const LOOK: Duration = Duration::from_micros(20);
const PATIENCE: Duration = Duration::from_secs(30);
/// Before these, connections and code are cold.
const WARM_UP: usize = 20;

pub(super) async fn measure(context: &Context) -> Result<Vec<Figure>, Stop> {
    let (bed, samples) = (Bed::new(context, 1000).await?, if context.quick { SAMPLES / 10 } else { SAMPLES });
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..context.rounds() {
        context.progress.say(format_args!("latency: round {} of {}", round + 1, context.rounds()));
        let topic = bed.topic().await?;
        let bare = Bare::subscribe(bed.url(), &topic).await?;
        let acknowledged = bare.acknowledged();
        let running = AbortOnDropHandle::new(tokio::spawn(bare.run()));
        theirs.extend(sample(bed.publisher(&topic).await?, samples, acknowledged).await?);
        drop(running);

        let topic = bed.topic().await?;
        let (name, endpoint) = ("bench-latency", None);
        let sink = Sink { name, broker: bed.url(), topic: &topic, endpoint, batch_size: 1, flush_interval_ms: 100 };
        let (host, acknowledged) = Hosted::start(context, &sink).await?;
        ours.extend(sample(bed.publisher(&topic).await?, samples, acknowledged).await?);
        host.stop().await?;
    }
    let [ours_half, theirs_half] = [&mut ours, &mut theirs].map(|all| percentile(all, 0.5));
    let [ours, theirs] = [ours, theirs].map(|mut all| percentile(&mut all, 0.99));
    let what = format!("a single record, published to acknowledged, over a bare consumer ({ours:.0} over {theirs:.0})");
    Ok(vec![
        Figure::below("latency_added_p99_us", ours - theirs, 1000.0, what),
        Figure::plain("latency_added_p50_us", ours_half - theirs_half, "the same of half of the records"),
    ])
}

/// Microseconds for each record.
#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own sleeps, and more exactly than timers of the runtime"
)]
async fn sample(
    publisher: Publisher,
    samples: usize,
    acknowledged: impl Fn() -> usize + Send + 'static,
) -> anyhow::Result<Vec<f64>> {
    let runtime = Handle::current();
    let sampling = tokio::task::spawn_blocking(move || {
        let mut took = Vec::with_capacity(samples);
        for n in 0..samples + WARM_UP {
            let begun = Instant::now();
            runtime.block_on(publisher.send(document(n, BYTES)))?;
            while acknowledged() <= n {
                anyhow::ensure!(begun.elapsed() < PATIENCE, "record {n} is not acknowledged");
                thread::sleep(LOOK);
            }
            took.push(begun.elapsed().as_secs_f64() * 1e6);
            thread::sleep(REST);
        }
        Ok(took.split_off(WARM_UP))
    });
    sampling.await?
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share).ceil() as usize;
    values.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 0.99), 198.0);
        assert_eq!(percentile(&mut values, 0.5), 100.0);
        assert_eq!(percentile(&mut [7.0], 0.99), 7.0);
    }
}
