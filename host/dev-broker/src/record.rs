//! A record as the broker keeps it: the message that the producer sent, with its offset filled in. The payload is shared
//! with the buffer it was received in, never copied.

use std::sync::{Mutex, MutexGuard, PoisonError};

use danube_core::proto::StreamMessage;

/// A published message.
pub(crate) type Record = StreamMessage;

/// Names a consumer; drawn at random, as the released broker does.
pub(crate) type ConsumerId = u64;

/// The key that a Key-Shared subscription routes by: the record's own, else the name of its producer.
pub(crate) fn routing_key(record: &Record) -> &str {
    record.routing_key.as_deref().unwrap_or(&record.producer_name)
}

/// Locks, also after a panic elsewhere: all state here is consistent between two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
