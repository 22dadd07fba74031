//! Where a subscription stands in the log of its topic, and what it skips there.

use std::sync::Arc;

use crate::{log::Log, record::Record};

/// A reading position.
#[derive(Debug)]
pub(crate) struct Feed {
    next: u64,
    /// For a subscription without a stored cursor: how far it may fall behind before records are skipped.
    backlog: Option<u64>,
    /// How many of the next records to skip.
    skip: u64,
    skipped: u64,
}

impl Feed {
    /// Reads from `next` on.
    pub(crate) fn new(next: u64, backlog: Option<u64>) -> Self {
        Self { next, backlog, skip: 0, skipped: 0 }
    }

    /// The next record and its offset.
    pub(crate) fn poll(&mut self, log: &Log) -> Option<(u64, Arc<Record>)> {
        self.fall_behind(log.head());
        let record = log.get(self.next)?;
        let offset = self.next;
        self.next += 1;
        Some((offset, Arc::clone(record)))
    }

    fn fall_behind(&mut self, head: u64) {
        let behind = head.saturating_sub(self.next);
        let lagged = self.backlog.map_or(0, |backlog| behind.saturating_sub(backlog));
        let ordered = self.skip.min(behind - lagged);
        self.skip -= ordered;
        self.skipped += lagged + ordered;
        self.next += lagged + ordered;
    }

    /// Skips the next `count` records, those that are not published yet included.
    pub(crate) fn skip(&mut self, count: u64) {
        self.skip += count;
    }

    /// The offset that is read next.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// How many records were skipped so far.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }
}
