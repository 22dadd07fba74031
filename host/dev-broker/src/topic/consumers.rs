//! How consumers come and go: subscribing, taking over, attaching a stream, losing it; and what the admin API and tests
//! see of subscriptions.

use std::sync::Arc;

use tokio::time::Instant;
use tonic::Status;

use super::{Letters, State, Stored, Topic, live::Live, stored::stored_key};
use crate::{
    outbox::{OnGone, RecordStream},
    policy::FailurePolicy,
    record::ConsumerId,
    subscription::{Setup, SubscriptionType, feed::Feed},
};

/// Who wants to subscribe.
pub(crate) struct Subscriber {
    pub(crate) subscription: String,
    pub(crate) kind: SubscriptionType,
    pub(crate) name: String,
    pub(crate) filters: Vec<String>,
}

/// Why a consumer may not subscribe.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubscribeError {
    #[error("Not allowed to add the Consumer: {0}, the Exclusive subscription can't be shared with other consumers")]
    Exclusive(String),
    #[error("{0}")]
    Policy(&'static str),
}

/// A consumer that subscribed.
pub(crate) struct Attached {
    pub(crate) id: ConsumerId,
    pub(crate) letters: Option<Letters>,
}

impl Topic {
    /// Registers a consumer, or gives the registration of that name to whoever asks: its stream ends, and what it holds
    /// is sent again. An Exclusive subscription refuses a second name, even when the first has been gone for long.
    pub(crate) fn subscribe(
        &self,
        who: Subscriber,
        fresh: ConsumerId,
        now: Instant,
    ) -> Result<Attached, SubscribeError> {
        let mut state = self.state();
        state.forget_idle(now);
        if let Some(taken_over) = state.take_over(&who, now) {
            return Ok(taken_over);
        }
        let Subscriber { subscription, kind, name, filters } = who;
        if !state.live.contains_key(&subscription) {
            let live = self.open(&mut state, &subscription, kind, now)?;
            state.live.insert(subscription.clone(), live);
        }
        let State { live, stored, .. } = &mut *state;
        if let Some(live) = live.get_mut(&subscription) {
            if live.kind == SubscriptionType::Exclusive && !live.consumers.is_empty() {
                return Err(SubscribeError::Exclusive(name));
            }
            live.add(fresh, name, filters);
        }
        stored.entry(stored_key(&subscription).to_owned()).or_default().kind = Some(kind);
        Ok(Attached { id: fresh, letters: None })
    }

    /// Creates a subscription: after the last acknowledged record if it is known, else after the latest record.
    fn open(
        &self,
        state: &mut State,
        name: &str,
        kind: SubscriptionType,
        now: Instant,
    ) -> Result<Live, SubscribeError> {
        let head = state.log.head();
        let stored = state.stored.entry(stored_key(name).to_owned()).or_default();
        let policy = stored.policy.get_or_insert_with(|| self.rules.policy.clone()).clone();
        policy.validate().map_err(SubscribeError::Policy)?;
        if !self.reliable {
            return Ok(Live::unreliable(kind));
        }
        let asked = stored.window.filter(|_| self.rules.honour_window).map(|window| window as usize);
        let feed = match stored.resume_at {
            Some(position) => Feed::new(position, None),
            None => Feed::new(head, self.rules.live_backlog),
        };
        let setup = Setup {
            kind,
            policy,
            window: asked.unwrap_or(self.rules.window),
            promote_standby: self.rules.promote_standby,
            eviction: self.rules.eviction,
            hand_over: self.rules.hand_over,
        };
        Ok(Live::reliable(setup, feed, now))
    }

    /// A new stream for a consumer. One that was away counts as connected from now on.
    pub(crate) fn attach(
        &self,
        subscription: &str,
        id: ConsumerId,
        on_gone: OnGone,
        now: Instant,
    ) -> Option<(RecordStream, Option<Letters>)> {
        let mut state = self.state();
        let outbox = Arc::clone(&state.live.get(subscription)?.consumer(id)?.outbox);
        let stream = RecordStream::open(outbox, on_gone);
        let letters = state.on_live(subscription, |live, log, out| {
            live.set_active(id, true, now);
            live.dispatch(now, log, out);
        });
        Some((stream, letters.flatten()))
    }

    /// The stream of a consumer is gone: what it holds goes to the next one, unless a later stream has come already.
    pub(crate) fn detach(&self, subscription: &str, id: ConsumerId, now: Instant) -> Option<Letters> {
        let mut state = self.state();
        if state.live.get(subscription)?.consumer(id)?.outbox.is_streaming() {
            return None;
        }
        let letters = state.on_live(subscription, |live, log, out| {
            if live.set_active(id, false, now) {
                live.consumer(id).into_iter().for_each(|consumer| consumer.outbox.clear());
                live.retry_now(id, now, log, out);
            }
        });
        letters.flatten()
    }

    /// Whether a consumer is connected; `None` if it is unknown.
    pub(crate) fn is_active(&self, subscription: &str, id: ConsumerId) -> Option<bool> {
        Some(self.state().live.get(subscription)?.consumer(id)?.active)
    }

    /// Ends the streams of one subscription, or of all, with a status. Returns how many there were.
    pub(crate) fn drop_streams(&self, subscription: Option<&str>, status: &Status) -> usize {
        let state = self.state();
        let chosen = state.live.iter().filter(|(name, _)| subscription.is_none_or(|wanted| wanted == name.as_str()));
        chosen.map(|(_, live)| live.drop_streams(status)).sum()
    }

    /// Removes a subscription that nobody uses. Returns whether it did.
    pub(crate) fn unsubscribe(&self, subscription: &str) -> bool {
        let mut state = self.state();
        let unused = state.live.get(subscription).is_some_and(|live| !live.is_in_use());
        if unused {
            state.live.remove(subscription);
            state.stored.entry(stored_key(subscription).to_owned()).or_default().unsubscribe();
            state.stored.retain(|_, stored| !stored.is_empty());
        }
        unused
    }

    /// The names of the subscriptions, each as often as the released broker lists it.
    pub(crate) fn subscription_names(&self) -> Vec<String> {
        let state = self.state();
        state.stored.iter().flat_map(|(name, stored)| std::iter::repeat_n(name.clone(), stored.keys())).collect()
    }

    /// Runs `with` on what is stored about a subscription, which may be nothing yet.
    pub(crate) fn stored<T>(&self, subscription: &str, with: impl FnOnce(&mut Stored) -> T) -> T {
        let mut state = self.state();
        let result = with(state.stored.entry(stored_key(subscription).to_owned()).or_default());
        state.stored.retain(|_, stored| !stored.is_empty());
        result
    }

    /// Sets the policy that the subscription gets when it is first created.
    pub(crate) fn set_policy(&self, subscription: &str, policy: FailurePolicy) {
        self.stored(subscription, |stored| stored.policy = Some(policy));
    }
}

impl State {
    fn take_over(&mut self, who: &Subscriber, now: Instant) -> Option<Attached> {
        let live = self.live.get(&who.subscription)?;
        let consumer = live.consumers.iter().find(|consumer| consumer.name == who.name)?;
        let id = consumer.id;
        consumer.outbox.revoke();
        consumer.outbox.clear();
        let letters = self.on_live(&who.subscription, |live, log, out| {
            live.set_active(id, true, now);
            live.retry_now(id, now, log, out);
        });
        Some(Attached { id, letters: letters.flatten() })
    }
}
