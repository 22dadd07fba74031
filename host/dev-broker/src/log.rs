//! The records of one topic, in order of their offsets, for as long as a subscription may still need them.

use std::{collections::VecDeque, sync::Arc};

use crate::record::Record;

/// Records that may still be asked for. Offsets count from 0 and are never given twice.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The offset of the first record that is kept.
    base: u64,
    records: VecDeque<Arc<Record>>,
}

/// How many records may be dropped at once before it is worth doing.
const TRIM_AT: u64 = 512;

impl Log {
    /// An empty log whose first record gets the offset `base`.
    pub(crate) fn starting_at(base: u64) -> Self {
        Self { base, records: VecDeque::new() }
    }

    /// The offset that the next record gets.
    pub(crate) fn head(&self) -> u64 {
        self.base + self.records.len() as u64
    }

    /// Gives the record its offset and keeps it.
    pub(crate) fn append(&mut self, mut record: Record) -> &Record {
        record.msg_id.get_or_insert_default().topic_offset = self.head();
        self.records.push_back_mut(Arc::new(record))
    }

    /// The record at an offset, unless it was dropped or does not exist yet.
    pub(crate) fn get(&self, offset: u64) -> Option<&Arc<Record>> {
        let index = offset.checked_sub(self.base)?;
        self.records.get(usize::try_from(index).ok()?)
    }

    /// Whether dropping everything before `floor` is worth finding out the true floor.
    pub(crate) fn worth_trimming(&self, floor: u64) -> bool {
        floor >= self.base + TRIM_AT
    }

    /// Drops everything before `floor`.
    pub(crate) fn trim(&mut self, floor: u64) {
        let surplus = floor.min(self.head()).saturating_sub(self.base);
        self.records.drain(..usize::try_from(surplus).unwrap_or(usize::MAX).min(self.records.len()));
        self.base += surplus;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_on_after_trimming() {
        let mut log = Log::starting_at(3);
        for _ in 0..4 {
            log.append(Record::default());
        }
        log.trim(5);
        assert_eq!(log.head(), 7);
        assert!(log.get(4).is_none());
        assert_eq!(log.get(6).and_then(|record| record.msg_id.as_ref()).map(|id| id.topic_offset), Some(6));
        log.trim(100);
        log.append(Record::default());
        assert_eq!(log.head(), 8);
    }
}
