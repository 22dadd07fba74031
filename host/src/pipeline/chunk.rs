//! Records that go to the guest together, with what is owed for each and what they have been through.

use std::collections::HashSet;

use tokio::time::{Duration, Instant};

use super::{
    backoff::Backoff,
    collect::Collected,
    edge::{LanePolicy, Owed, Rejected, Settlement, Stage},
};
use crate::{
    broker::Receipt,
    record::{Batch, Order, OrderGroup, Record, Verdict},
};

/// A batch, or what is left of one.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(super) batch: Batch,
    /// One for each record, in the same order.
    pub(super) owed: Vec<Owed>,
    /// When the broker stops waiting for its oldest record.
    pub(super) give_up: Instant,
    /// Not to be tried before this.
    pub(super) due: Instant,
    /// Why it was not settled the last time.
    pub(super) trouble: Option<Trouble>,
    /// When the call began since which it has not been settled.
    pub(super) failing_since: Option<Instant>,
    /// When the last call began.
    pub(super) tried: Instant,
    /// How often it broke the guest.
    pub(super) breaks: u32,
    /// When it first did.
    pub(super) broken_since: Option<Instant>,
    /// It stands alone and breaks the guest, but nothing shows yet that the guest would survive anything else.
    pub(super) suspect: bool,
    /// Calls in a row that settled nothing. The guest counts every call, see [`Batch::attempt`].
    pub(super) stalled: u32,
    pub(super) backoff: Backoff,
}

/// What a call left unsettled, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) reason: String,
    /// The least pause that the guest asked for.
    pub(super) after: Option<Duration>,
    /// It is of the target or the guest, and other records would fare no better.
    pub(super) general: bool,
}

impl Chunk {
    pub(super) fn new(collected: Collected, policy: &LanePolicy) -> Self {
        let Collected { records, owed, since } = collected;
        let batch = Batch { topic: policy.topic.clone(), attempt: 1, order: policy.order, records };
        Self {
            batch,
            owed,
            give_up: since + policy.budget,
            due: since,
            trouble: None,
            failing_since: None,
            tried: since,
            breaks: 0,
            broken_since: None,
            suspect: false,
            stalled: 0,
            backoff: Backoff::new(policy.retry_backoff, policy.max_backoff),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.batch.records.len()
    }

    /// Whether it, or what it was a part of, ever broke the guest.
    pub(super) fn has_broken(&self) -> bool {
        self.broken_since.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batch.records.is_empty()
    }

    /// Takes out what the verdicts settle and leaves what wants another try. Behind a record that does, nothing of its
    /// order group is settled, whatever became of it: it goes again, so that the last write comes in the right order.
    pub(super) fn sort(&mut self, verdicts: Vec<Verdict>) -> (Vec<Settlement>, Option<Trouble>) {
        debug_assert_eq!(verdicts.len(), self.len(), "a verdict for each record");
        if verdicts.iter().all(|verdict| *verdict == Verdict::Written) {
            self.batch.records.clear();
            let written = self.owed.drain(..).map(|owed| owed.receipt).collect();
            return (vec![Settlement::Written(written)], None);
        }
        let again = again(self.batch.order, &self.batch.records, &verdicts);
        let attempts = self.batch.attempt;
        let (mut written, mut rejected) = (Vec::with_capacity(self.len()), Vec::new());
        let mut trouble: Option<Trouble> = None;
        let records = std::mem::take(&mut self.batch.records).into_iter().zip(std::mem::take(&mut self.owed));
        for (((record, owed), verdict), again) in records.zip(verdicts).zip(again) {
            match verdict {
                Verdict::Written if !again => written.push(owed.receipt),
                Verdict::Reject { reason } if !again => {
                    rejected.push(rejection(record, owed, Stage::Process, reason, attempts));
                }
                Verdict::Retry { reason, after } => {
                    let first = trouble.get_or_insert(Trouble { reason, after, general: false });
                    first.after = first.after.max(after);
                    self.push(record, owed);
                }
                Verdict::Written | Verdict::Reject { .. } => self.push(record, owed),
            }
        }
        let written = (!written.is_empty()).then_some(Settlement::Written(written));
        (written.into_iter().chain(rejected).collect(), trouble)
    }

    /// Gives all of it up.
    pub(super) fn reject(&mut self, stage: Stage, reason: &str) -> Vec<Settlement> {
        let attempts = self.batch.attempt;
        let records = std::mem::take(&mut self.batch.records).into_iter().zip(std::mem::take(&mut self.owed));
        records.map(|(record, owed)| rejection(record, owed, stage, reason.to_owned(), attempts)).collect()
    }

    /// Gives those records back to the broker that it would send again, and gives up the others.
    pub(super) fn give_back(&mut self, trouble: &Trouble, sends_again: impl Fn(&Receipt) -> bool) -> Vec<Settlement> {
        let attempts = self.batch.attempt;
        let Trouble { reason, after, .. } = trouble;
        let records = std::mem::take(&mut self.batch.records).into_iter().zip(std::mem::take(&mut self.owed));
        let settle = |(record, owed): (Record, Owed)| match sends_again(&owed.receipt) {
            true => Settlement::GivenBack {
                receipt: owed.receipt,
                after: after.unwrap_or_default(),
                reason: reason.clone(),
            },
            false => {
                let reason = format!("the component asked for another try again and again: {reason}");
                rejection(record, owed, Stage::Process, reason, attempts)
            }
        };
        records.map(settle).collect()
    }

    /// Counts a call after which it is still there; `before` is how many records it had. Breaking the guest is counted
    /// apart.
    pub(super) fn count(&mut self, before: usize) {
        if self.len() < before {
            self.stalled = 0;
            self.backoff.reset();
        } else {
            self.stalled += u32::from(!self.has_broken());
        }
    }

    /// Keeps the first half and gives the second one. A half that breaks the guest once more is taken apart again; a
    /// record that stands alone has the right to another try, like a whole batch.
    pub(super) fn split_off(&mut self) -> Self {
        let middle = self.len() / 2;
        let records = self.batch.records.split_off(middle);
        let mut tail = Self {
            batch: Batch { topic: self.batch.topic.clone(), records, ..self.batch },
            owed: self.owed.split_off(middle),
            trouble: self.trouble.clone(),
            backoff: self.backoff.clone(),
            ..*self
        };
        for half in [self, &mut tail] {
            half.breaks = u32::from(half.len() > 1);
        }
        tail
    }

    /// The guest survived it.
    pub(super) fn survived(&mut self) {
        (self.breaks, self.broken_since) = (0, None);
    }

    /// Moves the records that belong behind those of `self` from `other` to it.
    pub(super) fn pull_followers(&mut self, other: &mut Self) {
        let order = self.batch.order;
        let groups: HashSet<OrderGroup<'_>> =
            self.batch.records.iter().filter_map(|record| order.group(record)).collect();
        let follows: Vec<bool> = other
            .batch
            .records
            .iter()
            .map(|record| order.group(record).is_some_and(|group| groups.contains(&group)))
            .collect();
        if !follows.contains(&true) {
            return;
        }
        let records = std::mem::take(&mut other.batch.records).into_iter().zip(std::mem::take(&mut other.owed));
        for ((record, owed), follows) in records.zip(follows) {
            if follows { self.push(record, owed) } else { other.push(record, owed) }
        }
    }

    /// Keeps the records that it says.
    pub(super) fn retain(&mut self, keep: impl Fn(&Receipt) -> bool) {
        let keep: Vec<bool> = self.owed.iter().map(|owed| keep(&owed.receipt)).collect();
        let mut kept = keep.iter();
        self.owed.retain(|_| kept.next().is_some_and(|keep| *keep));
        let mut kept = keep.iter();
        self.batch.records.retain(|_| kept.next().is_some_and(|keep| *keep));
    }

    /// Drops the records behind the last one that it says.
    pub(super) fn truncate_behind_last(&mut self, is_one: impl Fn(&Receipt) -> bool) {
        let keep = self.owed.iter().rposition(|owed| is_one(&owed.receipt)).map_or(0, |last| last + 1);
        self.owed.truncate(keep);
        self.batch.records.truncate(keep);
    }

    fn push(&mut self, record: Record, owed: Owed) {
        self.batch.records.push(record);
        self.owed.push(owed);
    }
}

/// Which records go again.
fn again(order: Order, records: &[Record], verdicts: &[Verdict]) -> Vec<bool> {
    let mut halted = HashSet::new();
    let goes_again = |(record, verdict): (_, &Verdict)| {
        let retry = matches!(verdict, Verdict::Retry { .. });
        match order.group(record) {
            None => retry,
            Some(group) if retry => {
                halted.insert(group);
                true
            }
            Some(group) => !halted.is_empty() && halted.contains(&group),
        }
    };
    records.iter().zip(verdicts).map(goes_again).collect()
}

fn rejection(record: Record, owed: Owed, stage: Stage, reason: String, attempts: u32) -> Settlement {
    Settlement::Rejected(Box::new(Rejected::from_record(record, owed, stage, reason, attempts)))
}
