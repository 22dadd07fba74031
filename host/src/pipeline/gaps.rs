//! Offsets that the broker passed over. The host can't get those records back, but it must not hide that they are gone.

use std::{collections::HashMap, sync::Arc};

use crate::broker::Receipt;

/// Watches the offsets of one lane, where the lane gets every record of the topic (Exclusive and Failover); elsewhere
/// a missing offset only says that another consumer got it.
#[derive(Debug)]
pub(crate) struct Gaps {
    topic: Arc<str>,
    watch: bool,
    next: HashMap<Option<u32>, u64>,
}

impl Gaps {
    pub(crate) fn new(topic: Arc<str>, watch: bool) -> Self {
        Self { topic, watch, next: HashMap::new() }
    }

    /// How many offsets were passed over right before this one.
    pub(crate) fn check(&mut self, receipt: &Receipt) -> u64 {
        if !self.watch {
            return 0;
        }
        let next = self.next.entry(receipt.partition()).or_insert(receipt.offset());
        let missing = receipt.offset().saturating_sub(*next);
        if missing > 0 {
            tracing::warn!(
                topic = %self.topic, partition = receipt.partition(), first = *next, last = receipt.offset() - 1,
                "the broker passed over {missing} offsets: these records were not delivered"
            );
        }
        *next = (*next).max(receipt.offset() + 1);
        missing
    }
}
