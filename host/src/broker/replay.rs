//! Giving dead letters back: the record as it was published, to the topic that it came from.

use std::collections::{HashMap, hash_map::Entry};

use super::{
    Broker, Error, Letter,
    anchor::READER,
    connection::partition_number,
    header,
    publish::{Outgoing, Publisher},
};

/// Publishes dead letters as the records that they were.
#[derive(Debug)]
pub struct Replay {
    broker: Broker,
    /// By topic, without a partition.
    targets: HashMap<String, Target>,
}

/// A topic as producers see it.
#[derive(Debug)]
struct Target {
    /// By the number of the partition; one without a number where there are none.
    partitions: Vec<(Option<u32>, Publisher)>,
    next: usize,
}

impl Replay {
    /// Prepares; nothing is sent yet.
    pub fn new(broker: Broker) -> Self {
        Self { broker, targets: HashMap::new() }
    }

    /// Looks whether there is such a topic.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none. It is not created: nobody would read it.
    pub async fn find(&mut self, topic: &str) -> Result<(), Error> {
        self.target(topic).await.map(drop)
    }

    /// Publishes a letter's record to a topic and waits until the broker has stored it: the payload, the attributes
    /// without the headers, the schema reference and the routing key. Of a topic with partitions it goes where its
    /// routing key leads, without one to the partition that it came from. `dead_letters` is the topic of the letter.
    pub async fn publish(&mut self, letter: &Letter, topic: &str, dead_letters: &str) -> Result<(), Error> {
        let mut attributes: HashMap<_, _> =
            letter.attributes().map(|(name, value)| (name.clone(), value.clone())).collect();
        attributes.insert(header::REPLAYED_FROM.to_owned(), format!("{dead_letters}@{}", letter.offset()));
        let outgoing = Outgoing::with(&letter.content, attributes);
        let came_from = letter.original_topic().filter(|(original, _)| *original == topic);
        let partition = came_from.and_then(|(_, partition)| partition);
        let target = self.target(topic).await?;
        target.choose(outgoing.routing_key.as_deref(), partition).publish_stubbornly("a record", &outgoing).await
    }

    async fn target(&mut self, topic: &str) -> Result<&mut Target, Error> {
        match self.targets.entry(topic.to_owned()) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let names = self.broker.partitions(topic).await?;
                let publisher = |name: String| {
                    let number = partition_number(topic, &name);
                    (number, Publisher::new(self.broker.clone(), name, READER.to_owned()))
                };
                let mut partitions: Vec<_> = names.into_iter().map(publisher).collect();
                partitions.sort_by_key(|(number, _)| *number);
                Ok(entry.insert(Target { partitions, next: 0 }))
            }
        }
    }
}

impl Target {
    fn choose(&mut self, key: Option<&str>, came_from: Option<u32>) -> &mut Publisher {
        let count = self.partitions.len();
        let same = || self.partitions.iter().position(|(number, _)| number.is_some() && *number == came_from);
        let index = match key {
            Some(key) => by_key(key, count),
            None => same().unwrap_or_else(|| {
                self.next += 1;
                self.next % count
            }),
        };
        &mut self.partitions[index].1
    }
}

/// danube-client's choice of a partition for a routing key: 64-bit FNV-1a, modulo.
fn by_key(key: &str, partitions: usize) -> usize {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    usize::try_from(hash % partitions.max(1) as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hashed_as_by_the_published_algorithm() {
        // From the test vectors of FNV-1a, 64 bits: "" and "a" and "foobar".
        for (key, hash) in
            [("", 0xcbf2_9ce4_8422_2325_u64), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            for partitions in [1, 3, 64, 1_000_003] {
                assert_eq!(by_key(key, partitions) as u64, hash % partitions as u64);
            }
        }
    }
}
