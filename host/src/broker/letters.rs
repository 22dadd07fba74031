//! Reading a dead-letter topic once round. Danube has no way to look at a record and leave it where it is: what is not
//! answered fills the window and counts as tried. So a letter that is to stay is published again at the end of its topic
//! and acknowledged after that, and a mark that was published first says where the round ends.

use std::{
    collections::{BTreeSet, HashSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

use super::{
    Broker, Content, Delivery, Error, Event, Receipt, Subscription,
    anchor::{self, CURSOR_IS_STORED_AFTER, READER},
    connection::partition_number,
    header,
    publish::{Outgoing, Publisher},
};

/// A broker that has something gives it within a second; one that gives nothing for so long has lost its place. The
/// released one does so when two producers publish at the same moment: its reader finds the second before the first.
const STALLED_AFTER: Duration = Duration::from_secs(5);
/// How many subscriptions are tried for one that is new to the broker. Each round uses one up until the broker restarts.
const MOST_READERS: usize = 2000;
/// A round that got more than this has the broker store its place, so that the next one need not go through them again.
const STORE_BEYOND: usize = 500;
const ACK_TRIES: u32 = 5;

/// A dead letter, read and not yet answered for. Dropped unanswered, it stays where it is.
#[derive(Debug)]
pub struct Letter {
    /// What was published, headers included.
    pub content: Content,
    receipt: Receipt,
}

/// One round through a dead-letter topic.
#[derive(Debug)]
pub struct Letters {
    broker: Broker,
    topic: String,
    /// The number of the next subscription to read on, see [`anchor::options`].
    next_reader: usize,
    consumer_name: String,
    subscription: Subscription,
    /// Ends when another round begins: the name is the same, so that the broker lets the later one take over.
    lock: Subscription,
    publisher: Publisher,
    end_mark: String,
    end: Option<Receipt>,
    /// The offsets that were handed out in this round or need no handing out.
    seen: BTreeSet<u64>,
    /// The records that the letters of this round are about.
    records: HashSet<[Option<String>; 4]>,
    removed: usize,
    last_answer: Instant,
}

impl Letters {
    /// Begins a round. `on_wait` is called if this takes some ten seconds: on a topic that was never read or prepared
    /// by a host, and whose letters can be kept from now on only.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such topic: then there is no dead letter either.
    pub async fn begin(broker: &Broker, topic: &str, on_wait: impl FnOnce()) -> Result<Self, Error> {
        broker.partitions(topic).await?;
        let mut publisher = Publisher::new(broker.clone(), topic.to_owned(), READER.to_owned());
        if let Some(anchoring) = anchor::anchor(&mut publisher).await? {
            on_wait();
            anchoring.settle().await;
        }
        let lock = broker.subscribe(&anchor::exclusive(topic, format!("{READER}-lock"), READER)).await?;
        let round = format!("{:016x}", rand::random::<u64>());
        let (consumer_name, end_mark) = (format!("{READER}-{round}"), format!("end-{round}"));
        let mut next_reader = 0;
        let subscription = new_reader(broker, topic, &consumer_name, &mut next_reader).await?;
        publisher.publish_stubbornly("a mark", &anchor::mark(end_mark.clone())).await?;
        Ok(Self {
            broker: broker.clone(),
            topic: topic.to_owned(),
            next_reader,
            consumer_name,
            subscription,
            lock,
            publisher,
            end_mark,
            end: None,
            seen: BTreeSet::new(),
            records: HashSet::new(),
            removed: 0,
            last_answer: Instant::now(),
        })
    }

    /// The next letter of the round, oldest first; `None` at its end. Of several letters about the same record (a process
    /// was killed between publishing and acknowledging) only the first is given, the others are removed. Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Letter>, Error> {
        while self.end.is_none() {
            let event = tokio::select! {
                biased;
                () = lost(&mut self.lock) => {
                    let reason = format!("another round through `{}` has begun, or the connection broke", self.topic);
                    return Err(Error::Unavailable { url: self.broker.url().to_owned(), reason });
                }
                event = tokio::time::timeout(STALLED_AFTER, self.subscription.recv()) => event,
            };
            match event {
                Ok(Some(Event::Delivery(delivery))) => {
                    if let Some(letter) = self.sort(delivery).await? {
                        return Ok(Some(letter));
                    }
                }
                // A subscription comes back by itself.
                Ok(Some(Event::Lost { .. } | Event::Recovered { .. }) | None) => {}
                Err(_) => {
                    tracing::info!(topic = %self.topic, "the broker gives nothing more; reading on from what it has stored");
                    let Self { broker, topic, consumer_name, next_reader, .. } = self;
                    self.subscription = new_reader(broker, topic, consumer_name, next_reader).await?;
                }
            }
        }
        Ok(None)
    }

    /// Answers what is no letter, or none that is to be seen again.
    async fn sort(&mut self, delivery: Delivery) -> Result<Option<Letter>, Error> {
        let Delivery { content, receipt } = delivery;
        if content.attributes.get(header::MARK) == Some(&self.end_mark) {
            self.end = Some(receipt);
            return Ok(None);
        }
        let letter = Letter { content, receipt };
        let is_mark = letter.content.attributes.contains_key(header::MARK);
        let is_repeated = !self.seen.insert(letter.offset());
        if is_mark || is_repeated || !self.records.insert(letter.identity(&self.topic)) {
            self.answer(&letter.receipt).await?;
            return Ok(None);
        }
        Ok(Some(letter))
    }

    /// Leaves a letter in the topic: publishes it at its end, and acknowledges it where it was.
    pub async fn keep(&mut self, letter: Letter) -> Result<(), Error> {
        let mut attributes = letter.content.attributes.clone();
        attributes.entry(header::TIME.to_owned()).or_insert_with(|| letter.time_text());
        if let [Some(id), None, ..] = &letter.identity(&self.topic) {
            attributes.insert(header::ID.to_owned(), id.clone());
        }
        let outgoing = Outgoing::with(&letter.content, attributes);
        self.publisher.publish_stubbornly("a dead letter", &outgoing).await?;
        self.answer(&letter.receipt).await
    }

    /// Takes a letter out of the topic, for good once the round is finished.
    pub async fn remove(&mut self, letter: Letter) -> Result<(), Error> {
        self.removed += 1;
        self.answer(&letter.receipt).await
    }

    async fn answer(&mut self, receipt: &Receipt) -> Result<(), Error> {
        acknowledge(receipt).await?;
        self.last_answer = Instant::now();
        Ok(())
    }

    /// Whether [`Letters::finish`] takes some ten seconds: letters were removed, or there were many records.
    pub fn takes_time_to_finish(&self) -> bool {
        self.removed > 0 || self.seen.len() > STORE_BEYOND
    }

    /// Ends a round that came to its end: waits until the broker has stored how far it went. Cut short, it loses nothing,
    /// but the next round finds the removed letters again.
    pub async fn finish(self) -> Result<(), Error> {
        let is_stored = self.takes_time_to_finish();
        let Some(end) = self.end else { return Ok(()) };
        if is_stored {
            tokio::time::sleep_until(self.last_answer + CURSOR_IS_STORED_AFTER).await;
        }
        acknowledge(&end).await
    }
}

/// Subscribes under the first name that the broker does not know: an Exclusive one that it knows refuses a new consumer.
async fn new_reader(
    broker: &Broker,
    topic: &str,
    consumer_name: &str,
    next: &mut usize,
) -> Result<Subscription, Error> {
    loop {
        let number = *next;
        // Number 1 is for anchoring.
        *next = if number == 0 { 2 } else { number + 1 };
        match broker.subscribe(&anchor::options(topic, number, consumer_name)).await {
            Err(Error::Denied { .. }) if number < MOST_READERS => {}
            result => return result,
        }
    }
}

/// Ends when the stream does. What comes on it is of no interest.
async fn lost(lock: &mut Subscription) {
    loop {
        match lock.recv().await {
            Some(Event::Delivery(_) | Event::Recovered { .. }) => {}
            Some(Event::Lost { .. }) | None => return,
        }
    }
}

impl Letter {
    /// Where it stands in the dead-letter topic.
    pub fn offset(&self) -> u64 {
        self.receipt.offset()
    }

    /// One of its [`header`]s.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.content.attributes.get(name).map(String::as_str)
    }

    /// The topic that its record came from, without a partition, and the partition.
    pub fn original_topic(&self) -> Option<(&str, Option<u32>)> {
        let full = self.header(header::TOPIC)?;
        let partitioned =
            full.rsplit_once("-part-").and_then(|(topic, _)| Some((topic, partition_number(topic, full)?)));
        Some(partitioned.map_or((full, None), |(topic, partition)| (topic, Some(partition))))
    }

    /// When it was dead-lettered; of the broker's own letters, when they were published.
    pub fn time(&self) -> SystemTime {
        let stamped = self.header(header::TIME).and_then(|time| humantime::parse_rfc3339(time).ok());
        stamped.unwrap_or_else(|| UNIX_EPOCH + Duration::from_micros(self.content.publish_time))
    }

    /// [`Letter::time`] as the header has it.
    pub fn time_text(&self) -> String {
        humantime::format_rfc3339_millis(self.time()).to_string()
    }

    /// What the producer of the record set: the attributes without the headers.
    pub fn attributes(&self) -> impl Iterator<Item = (&String, &String)> {
        self.content.attributes.iter().filter(|(name, _)| !header::ALL.contains(&name.as_str()))
    }

    /// What two letters about the same record have in common: where the record came from and who gave it up; failing that,
    /// where in the topic the letter stood first.
    fn identity(&self, topic: &str) -> [Option<String>; 4] {
        let text = |name| self.header(name).map(str::to_owned);
        match (text(header::TOPIC), text(header::OFFSET)) {
            (Some(original), Some(offset)) => {
                [Some(original), Some(offset), text(header::SUBSCRIPTION), text(header::CONNECTOR)]
            }
            (Some(_) | None, _) => {
                let id = text(header::ID).unwrap_or_else(|| format!("{topic}@{}", self.offset()));
                [Some(id), None, None, None]
            }
        }
    }
}

async fn acknowledge(receipt: &Receipt) -> Result<(), Error> {
    let mut tries = 1;
    loop {
        match receipt.ack().await {
            Err(error) if tries < ACK_TRIES && error.is_retryable() => {
                tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow(tries)).await;
            }
            result => return result,
        }
        tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Answers, delivery::microseconds};

    fn letter(headers: &[(&str, &str)], publish_time: u64) -> Letter {
        let Delivery { mut content, receipt } = Answers::recorded().delivery(0, "x");
        content.attributes = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        content.publish_time = microseconds(publish_time);
        Letter { content, receipt }
    }

    #[test]
    fn the_partition_is_not_a_part_of_the_original_topic() {
        for (full, expected) in [
            ("/default/orders", ("/default/orders", None)),
            ("/default/orders-part-12", ("/default/orders", Some(12))),
            ("/default/a-part-of-it", ("/default/a-part-of-it", None)),
            ("/default/a-part-1-part-0", ("/default/a-part-1", Some(0))),
        ] {
            assert_eq!(letter(&[(header::TOPIC, full)], 0).original_topic(), Some(expected));
        }
        assert_eq!(letter(&[], 0).original_topic(), None);
    }

    #[test]
    fn the_time_is_that_of_the_header_or_else_of_publishing() {
        let stamped = letter(&[(header::TIME, "2026-01-02T03:04:05.678Z")], 1);
        assert_eq!(stamped.time_text(), "2026-01-02T03:04:05.678Z");
        for published in [1_700_000_000_123, 1_700_000_000_123_456] {
            assert_eq!(letter(&[], published).time_text(), "2023-11-14T22:13:20.123Z");
        }
    }

    #[test]
    fn what_the_producer_set_is_what_is_no_header() {
        let letter = letter(&[(header::STAGE, "decode"), ("x-mine", "1"), (header::POISON_POLICY, "x")], 0);
        assert_eq!(letter.attributes().collect::<Vec<_>>(), [(&"x-mine".to_owned(), &"1".to_owned())]);
    }
}
