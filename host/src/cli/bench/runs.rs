//! Pairs of runs, ours and theirs in turns, and what they come to.

use super::{Figure, bed::Drained, median};

/// Pairs of runs. The median of their ratios counts.
#[derive(Debug, Default)]
pub(super) struct Runs {
    ours: Vec<Drained>,
    theirs: Vec<Drained>,
}

impl Runs {
    pub(super) fn add(&mut self, ours: Drained, theirs: Drained) {
        self.ours.push(ours);
        self.theirs.push(theirs);
    }

    pub(super) fn figure(&self, key: &'static str, target: f64, what: &str) -> Figure {
        Figure::at_least(key, self.ratio(), target, self.with_rates(what))
    }

    /// One without a target.
    pub(super) fn plain(&self, key: &'static str, what: &str) -> Figure {
        Figure::plain(key, self.ratio(), self.with_rates(what))
    }

    fn ratio(&self) -> f64 {
        median(self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours.rate / theirs.rate).collect())
    }

    fn with_rates(&self, what: &str) -> String {
        let of = |runs: &[Drained]| median(runs.iter().map(|run| run.rate).collect());
        format!("{what} ({:.0} over {:.0})", of(&self.ours), of(&self.theirs))
    }

    /// Where the processor time goes.
    pub(super) fn costs(&self) -> [Figure; 4] {
        let of = |runs: &[Drained], what: fn(&Drained) -> f64| median(runs.iter().map(what).collect());
        let processor = |run: &Drained| run.processor;
        [
            Figure::plain(
                "host_cpu_us_per_record",
                of(&self.ours, processor),
                "processor time of the host for each record; window 1000",
            ),
            Figure::plain("bare_cpu_us_per_record", of(&self.theirs, processor), "the same of the bare consumer"),
            Figure::plain(
                "broker_cpu_us_per_record",
                of(&self.theirs, |run| run.broker),
                "the same of the broker in memory, for the bare consumer",
            ),
            Figure::plain(
                "broker_records_per_s",
                of(&self.theirs, |run| run.rate),
                "what the broker in memory gives a bare consumer",
            ),
        ]
    }
}
