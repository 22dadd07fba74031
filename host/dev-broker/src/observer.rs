//! Watching a broker as it works, for tests that must know what came before what.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use danube_core::proto::StreamMessage;

/// What a broker shows to whom it concerns.
#[derive(Debug, Clone, Copy)]
pub enum Observed<'a> {
    /// A reliable topic takes a record: of a producer, or a dead letter of the broker's own. It has its offset, and nobody
    /// has got it yet.
    Published {
        /// The topic, or a partition (`/namespace/topic-part-0`).
        topic: &'a str,
        /// The record as it is kept.
        record: &'a StreamMessage,
    },
    /// A consumer acknowledges a record. It may yet be delayed, lost, or found too late; one that is refused is not seen.
    Acknowledging {
        /// The topic, or a partition.
        topic: &'a str,
        /// The subscription.
        subscription: &'a str,
        /// The offset in the topic or partition.
        offset: u64,
    },
}

type Watch = dyn Fn(Observed<'_>) + Send + Sync;

/// Whoever watches, if anybody does.
#[derive(Default)]
pub(crate) struct Observer(RwLock<Option<Arc<Watch>>>);

impl Observer {
    pub(crate) fn set(&self, watch: Arc<Watch>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(watch);
    }

    pub(crate) fn see(&self, what: Observed<'_>) {
        if let Some(watch) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            watch(what);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
