//! Schemas of Danube's registry, fetched once. A registry id names a subject, not a version, so both are the key.
//! An unreachable registry is never taken for a missing schema: the caller waits and asks again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;

use crate::{
    broker::{self, Broker},
    codec::{Codec, Undecodable},
    record::SchemaInfo,
};

#[cfg(test)]
mod tests;

/// How much is remembered, and for how long.
#[derive(Debug, Clone, Copy)]
struct Memory {
    /// How many versions of schemas.
    capacity: usize,
    /// How long a schema that the registry does not have is taken to be missing: it may be registered late.
    missing_for: Duration,
    /// How long the answer to "which version is the latest" holds.
    latest_for: Duration,
}

const MEMORY: Memory =
    Memory { capacity: 1024, missing_for: Duration::from_secs(10), latest_for: Duration::from_secs(30) };

/// A schema, ready for decoding.
#[derive(Debug)]
pub struct Schema {
    /// What records say about it.
    pub info: Arc<SchemaInfo>,
    /// How its payloads are decoded, or why they can't be.
    pub codec: Result<Codec, Undecodable>,
}

/// Which schema a record was published with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SchemaKey {
    /// The registry's id of the subject.
    pub id: u64,
    /// The version; the latest one if the producer did not say.
    pub version: Option<u32>,
}

/// What looking a schema up can end in, when the registry did answer.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// Here it is.
    Found(Arc<Schema>),
    /// The registry does not have it.
    Missing,
}

#[derive(Debug, Clone)]
struct Entry {
    lookup: Lookup,
    expires: Option<Instant>,
}

/// The schemas that a connector has met. Bounded; lanes that miss the same schema at once ask the registry once.
#[derive(Debug)]
pub struct SchemaCache {
    broker: Broker,
    memory: Memory,
    entries: Cache<SchemaKey, Entry>,
}

impl SchemaCache {
    /// An empty cache before the registry of `broker`.
    pub fn new(broker: Broker) -> Self {
        Self::with_memory(broker, MEMORY)
    }

    fn with_memory(broker: Broker, memory: Memory) -> Self {
        Self { broker, memory, entries: Cache::new(memory.capacity) }
    }

    /// The schema behind a key. An error means that the registry did not answer: ask again later.
    pub async fn get(&self, key: SchemaKey) -> Result<Lookup, broker::Error> {
        if let Some(entry) = self.entries.get(&key) {
            if entry.expires.is_none_or(|expires| Instant::now() < expires) {
                return Ok(entry.lookup);
            }
            self.entries.remove(&key);
        }
        // On the heap, because it is large and a lane rarely gets here.
        let entry = Box::pin(self.entries.get_or_insert_async(&key, self.fetch(key))).await?;
        Ok(entry.lookup)
    }

    async fn fetch(&self, key: SchemaKey) -> Result<Entry, broker::Error> {
        match self.broker.schema(key.id, key.version).await {
            Ok(found) => {
                let codec = Codec::new(&found.info.schema_type, &found.definition);
                let info = Arc::new(found.info);
                let expires = key.version.is_none().then(|| Instant::now() + self.memory.latest_for);
                Ok(Entry { lookup: Lookup::Found(Arc::new(Schema { info, codec })), expires })
            }
            Err(broker::Error::NotFound { .. }) => {
                Ok(Entry { lookup: Lookup::Missing, expires: Some(Instant::now() + self.memory.missing_for) })
            }
            Err(error) => Err(error),
        }
    }
}
