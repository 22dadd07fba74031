//! The records of a Key-Shared subscription that wait for their key: taken up, not sent, in order of their offsets.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crate::record::{Record, routing_key};

/// Which keys have a record outstanding, and what waits behind them.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    waiting: BTreeMap<u64, Arc<Record>>,
    by_key: HashMap<String, BTreeSet<u64>>,
    /// Keys with a record outstanding.
    locked: HashSet<String>,
    /// The first waiting record of every key that is not locked.
    heads: BTreeSet<u64>,
}

impl Blocked {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a new record of this key must wait.
    pub(crate) fn must_wait(&self, key: &str) -> bool {
        self.locked.contains(key) || self.by_key.contains_key(key)
    }

    /// Takes in a record that must wait.
    pub(crate) fn push(&mut self, offset: u64, record: Arc<Record>) {
        let key = routing_key(&record).to_owned();
        self.waiting.insert(offset, record);
        let queue = self.by_key.entry(key.clone()).or_default();
        queue.insert(offset);
        if !self.locked.contains(&key) && queue.first() == Some(&offset) {
            self.heads.insert(offset);
        }
    }

    /// The first record from `offset` on whose key is free. It stays until it is taken.
    pub(crate) fn next_free(&self, offset: u64) -> Option<(u64, &Arc<Record>)> {
        let offset = self.heads.range(offset..).next()?;
        self.waiting.get_key_value(offset).map(|(offset, record)| (*offset, record))
    }

    /// Takes out a record; others of its key stay.
    pub(crate) fn take(&mut self, offset: u64) {
        let Some(record) = self.waiting.remove(&offset) else { return };
        self.heads.remove(&offset);
        let key = routing_key(&record);
        let Some(queue) = self.by_key.get_mut(key) else { return };
        queue.remove(&offset);
        match queue.first().copied() {
            None => {
                self.by_key.remove(key);
            }
            Some(head) if !self.locked.contains(key) => {
                self.heads.insert(head);
            }
            Some(_) => {}
        }
    }

    /// A record of this key is outstanding now.
    pub(crate) fn lock(&mut self, key: &str) {
        if let Some(head) = self.by_key.get(key).and_then(BTreeSet::first) {
            self.heads.remove(head);
        }
        self.locked.insert(key.to_owned());
    }

    /// No record of this key is outstanding any more.
    pub(crate) fn unlock(&mut self, key: &str) {
        self.locked.remove(key);
        if let Some(head) = self.by_key.get(key).and_then(BTreeSet::first) {
            self.heads.insert(*head);
        }
    }

    /// Throws away what waits behind a key. Returns how many records that were.
    pub(crate) fn drain(&mut self, key: &str) -> usize {
        let queue = self.by_key.remove(key).unwrap_or_default();
        for offset in &queue {
            self.waiting.remove(offset);
            self.heads.remove(offset);
        }
        queue.len()
    }
}
