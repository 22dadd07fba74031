//! One topic: its log, producers and subscriptions behind one lock. Whatever a call causes (records for consumers, dead
//! letters) is done before it returns, except publishing to other topics: that is handed back to the caller.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use danube_core::proto::DispatchStrategy;
use tokio::time::Instant;

mod consumers;
mod live;
mod stored;

pub(crate) use self::{
    consumers::Subscriber,
    live::{Consumer, Live, Rules},
    stored::{Stored, stored_key},
};

use crate::{
    log::Log,
    observer::{Observed, Observer},
    record::{ConsumerId, Record, lock},
    schema::TopicSchema,
    subscription::{DeadLetter, Effect, Nack},
};

/// A topic, or one partition of a topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) reliable: bool,
    rules: Rules,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) log: Log,
    /// Producer ids and names.
    pub(super) producers: HashMap<u64, String>,
    pub(super) live: HashMap<String, Live>,
    /// What is remembered about subscriptions beyond their life.
    pub(super) stored: BTreeMap<String, Stored>,
    pub(super) schema: TopicSchema,
    pub(super) published: u64,
    pub(super) acks: u64,
    /// Kept to be used again.
    effects: Vec<Effect>,
}

/// Dead letters of one subscription that are still to be published.
pub(crate) struct Letters {
    pub(crate) subscription: String,
    pub(crate) letters: Vec<DeadLetter>,
}

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error("the producer with id {id} is not attached to topic name: {topic}")]
    NotAttached { id: u64, topic: String },
    #[error("{0}")]
    Schema(String),
}

/// Why an answer of a consumer is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("Topic {0} not found in registry")]
    NoTopic(String),
    #[error("Subscription not found")]
    NoSubscription,
}

impl Topic {
    /// An empty topic whose first record gets the offset `base`.
    pub(crate) fn new(name: String, strategy: DispatchStrategy, base: u64, schema: TopicSchema, rules: Rules) -> Self {
        let state = State { log: Log::starting_at(base), schema, ..State::default() };
        Self { name, reliable: strategy == DispatchStrategy::Reliable, rules, state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The producer of that name: the one that is there, or else a new one with the id `fresh`.
    pub(crate) fn producer(&self, name: &str, fresh: u64) -> u64 {
        let mut state = self.state();
        let known = state.producers.iter().find(|(_, known)| *known == name).map(|(id, _)| *id);
        known.unwrap_or_else(|| {
            state.producers.insert(fresh, name.to_owned());
            fresh
        })
    }

    /// Whether the producer is attached to this topic.
    pub(crate) fn has_producer(&self, id: u64) -> bool {
        self.state().producers.contains_key(&id)
    }

    /// Runs `with` on the schema settings of the topic.
    pub(crate) fn schema<T>(&self, with: impl FnOnce(&mut TopicSchema) -> T) -> T {
        with(&mut self.state().schema)
    }

    /// Takes a message, keeps it where the topic is reliable, and hands it out.
    pub(crate) fn publish(
        &self,
        record: Record,
        observer: &Observer,
        now: Instant,
    ) -> Result<Vec<Letters>, PublishError> {
        let mut state = self.state();
        let id = record.msg_id.as_ref().map_or(0, |msg_id| msg_id.producer_id);
        if !state.producers.contains_key(&id) {
            return Err(PublishError::NotAttached { id, topic: self.name.clone() });
        }
        state.published += 1;
        if !self.reliable {
            state.offer(&Arc::new(record), now);
            return Ok(vec![]);
        }
        observer.see(Observed::Published { topic: &self.name, record: state.log.append(record) });
        let letters = state.each_live(|live, log, out| live.dispatch(now, log, out));
        if state.live.is_empty() {
            state.trim();
        }
        Ok(letters)
    }

    /// An acknowledgement.
    pub(crate) fn ack(&self, subscription: &str, offset: u64, now: Instant) -> Result<Option<Letters>, AnswerError> {
        let mut state = self.state();
        state.acks += 1;
        let mut stored = None;
        let letters = state.on_live(subscription, |live, log, out| {
            let before = live.cursor();
            live.ack(offset, now, log, out);
            stored = live.store_cursor(before, now);
        });
        if stored.is_some() {
            state.stored.entry(stored_key(subscription).to_owned()).or_default().resume_at = stored;
        }
        state.trim_behind(subscription);
        letters.ok_or(AnswerError::NoSubscription)
    }

    /// A negative acknowledgement.
    pub(crate) fn nack(
        &self,
        subscription: &str,
        offset: u64,
        nack: Nack,
        now: Instant,
    ) -> Result<Option<Letters>, AnswerError> {
        let letters = self.state().on_live(subscription, |live, log, out| live.nack(offset, nack, now, log, out));
        letters.ok_or(AnswerError::NoSubscription)
    }

    /// Time has passed.
    pub(crate) fn tick(&self, now: Instant) -> Vec<Letters> {
        let mut state = self.state();
        state.forget_idle(now);
        state.each_live(|live, log, out| live.tick(now, log, out))
    }

    /// A dead letter of a subscription was published, or could not be.
    pub(crate) fn dead_lettered(
        &self,
        subscription: &str,
        offset: u64,
        published: bool,
        now: Instant,
    ) -> Option<Letters> {
        let mut state = self.state();
        state.on_live(subscription, |live, log, out| live.dead_lettered(offset, published, now, log, out)).flatten()
    }

    /// Skips the next `count` records of a subscription. Returns whether there is such a subscription.
    pub(crate) fn skip(&self, subscription: &str, count: u64) -> bool {
        self.state().on_live(subscription, |live, _, _| live.skip(count)).is_some()
    }

    /// Ends everything that is connected, as when the broker stops. What is stored stays.
    pub(crate) fn restart(&self) {
        let mut state = self.state();
        state.producers.clear();
        state.schema.restart();
        for (name, live) in std::mem::take(&mut state.live) {
            live.end_streams();
            let key = stored_key(&name);
            if let Some(position) = live.resume_at() {
                let stored = state.stored.entry(key.to_owned()).or_default();
                if key == name || stored.resume_at.is_none() {
                    stored.resume_at = Some(position);
                }
            }
        }
    }

    /// Ends all streams for good and tells the offset that a topic of this name must go on from.
    pub(crate) fn close(&self) -> u64 {
        let mut state = self.state();
        state.live.drain().for_each(|(_, live)| live.end_streams());
        state.stored.clear();
        state.log.head()
    }
}

impl State {
    /// Runs an event of one subscription and carries out what it caused. `None` if there is no such subscription.
    pub(super) fn on_live(
        &mut self,
        name: &str,
        event: impl FnOnce(&mut Live, &Log, &mut Vec<Effect>),
    ) -> Option<Option<Letters>> {
        let live = self.live.get_mut(name)?;
        event(live, &self.log, &mut self.effects);
        let letters = live.carry_out(&mut self.effects);
        Some((!letters.is_empty()).then(|| Letters { subscription: name.to_owned(), letters }))
    }

    fn each_live(&mut self, mut event: impl FnMut(&mut Live, &Log, &mut Vec<Effect>)) -> Vec<Letters> {
        let mut all = vec![];
        for (name, live) in &mut self.live {
            event(live, &self.log, &mut self.effects);
            let letters = live.carry_out(&mut self.effects);
            if !letters.is_empty() {
                all.push(Letters { subscription: name.clone(), letters });
            }
        }
        all
    }

    fn offer(&mut self, record: &Arc<Record>, now: Instant) {
        self.live.values_mut().for_each(|live| live.offer(record, now));
    }

    /// Drops what no subscription needs, if the one that just moved may have freed enough.
    fn trim_behind(&mut self, subscription: &str) {
        let moved = self.live.get(subscription).and_then(Live::resume_at);
        if moved.is_some_and(|floor| self.log.worth_trimming(floor)) {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let live = self.live.values().filter_map(Live::resume_at);
        // A subscription of another name may come to share a stored cursor.
        let floor = live.chain(self.stored.values().filter_map(|stored| stored.resume_at)).min();
        self.log.trim(floor.unwrap_or(u64::MAX));
    }

    fn forget_idle(&mut self, now: Instant) {
        let idle: Vec<String> =
            self.live.iter().filter(|(_, live)| live.is_forgotten(now)).map(|(name, _)| name.clone()).collect();
        for name in idle {
            self.live.remove(&name);
            self.stored.entry(stored_key(&name).to_owned()).or_default().unsubscribe();
        }
        self.stored.retain(|_, stored| !stored.is_empty());
    }
}

/// Where a consumer is registered.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerKey {
    pub(crate) topic: String,
    pub(crate) subscription: String,
    pub(crate) id: ConsumerId,
}
