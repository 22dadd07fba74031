//! What must hold when everything has come to rest.

use danube_dev_broker::SubscriptionStats;

use crate::order::{last_writes, walk};

use super::{
    ledger::{Entry, Ledger, Partition, place},
    schedule::Schedule,
};

impl Ledger {
    /// What is wrong, in words; empty if nothing is.
    pub(super) fn verdict(&self, schedule: &Schedule) -> Vec<String> {
        let mut wrong = self.violations.clone();
        for (partition, entries) in &self.partitions {
            wrong.extend((0..).zip(entries).filter_map(|(offset, entry)| end_of(*partition, offset, entry)));
        }
        if schedule.kind.is_ordered() {
            for ((partition, key), writes) in &self.rows {
                let entries = &self.partitions[partition];
                let owed: Vec<u64> = (0..)
                    .zip(entries)
                    .filter(|(_, it)| it.key == *key || key.is_none())
                    .filter(|(_, it)| it.dead_letters.is_empty())
                    .map(|(offset, _)| offset)
                    .collect();
                let broken = if schedule.guest.careless { last_writes(writes) } else { walk(writes, &owed) };
                let row = key.as_ref().map_or(String::new(), |key| format!(" (key {key})"));
                if let Some(broken) = broken {
                    wrong.push(format!("order of partition {partition:?}{row}: {broken}"));
                    wrong.extend(broken.offsets.iter().map(|offset| self.history(*partition, *offset)));
                }
            }
        }
        wrong
    }

    /// The records for which something is owed.
    pub(super) fn owed(&self) -> Vec<String> {
        let unsettled = |(partition, entries): (&Partition, &Vec<Entry>)| {
            let partition = *partition;
            let unsettled = (0..).zip(entries).filter(|(_, entry)| !entry.is_settled());
            unsettled
                .map(move |(offset, entry)| format!("{} ({:?})", place(partition, offset), entry.fate))
                .collect::<Vec<_>>()
        };
        self.partitions.iter().flat_map(unsettled).collect()
    }
}

/// Every record is written, unless it is bad: then it is a dead letter.
fn end_of(partition: Partition, offset: u64, entry: &Entry) -> Option<String> {
    let place = place(partition, offset);
    match (entry.fate.is_bad(), entry.writes, entry.dead_letters.first()) {
        (false, 1.., None) | (true, 0, Some(_)) => None,
        (false, writes, Some(why)) => {
            Some(format!("{place} is good ({:?}), was written {writes} times and dead-lettered: {why}", entry.fate))
        }
        (false, 0, None) => Some(format!("{place} is lost ({:?})", entry.fate)),
        (true, _, None) => Some(format!("{place} is bad ({:?}) and not dead-lettered", entry.fate)),
        (true, _, Some(_)) => Some(format!("{place} is bad ({:?}) and was written", entry.fate)),
    }
}

/// What must hold of the broker's subscriptions.
pub(super) fn of_subscription(name: &str, stats: &SubscriptionStats) -> Option<String> {
    let SubscriptionStats { pending, awaiting, waiting_to_retry, exhausted, blocked, lost, dropped, .. } = stats;
    let at_rest = *pending == 0 && awaiting + waiting_to_retry + exhausted + blocked == 0 && lost + dropped == 0;
    (!at_rest).then(|| {
        format!(
            "the broker's subscription on {name} is not at rest: {pending} pending, {awaiting} awaiting, {waiting_to_retry} \
             waiting to be sent again, {exhausted} exhausted, {blocked} blocked, {lost} lost, cursor {:?}, {} sends, \
             {} redeliveries, {} ack timeouts, {} late acks",
            stats.cursor, stats.sends, stats.redeliveries, stats.ack_timeouts, stats.late_acks
        )
    })
}
