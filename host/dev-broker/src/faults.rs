//! Faults that a test switches on: refused calls, lost and delayed acknowledgements, broken streams and connections,
//! skipped records.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tonic::Status;

use crate::{broker::Broker, record::lock};

/// The calls that can be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// `Discovery`: lookups of topics and partitions.
    Lookup,
    /// `CreateProducer`.
    CreateProducer,
    /// `SendMessage`.
    SendMessage,
    /// `Subscribe`.
    Subscribe,
    /// `ReceiveMessages`.
    ReceiveMessages,
    /// `Ack`.
    Ack,
    /// `Nack`.
    Nack,
    /// `HealthCheck`.
    HealthCheck,
    /// Every call of the schema registry.
    Registry,
    /// Every call of the topic admin API.
    Admin,
}

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// That many times.
    Next(u64),
    /// Until [`Faults::clear`].
    UntilCleared,
}

/// The faults that are armed.
#[derive(Debug, Default)]
pub(crate) struct Armed {
    /// Lets calls pass without a lock while nothing is armed.
    any: AtomicBool,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    refusals: HashMap<Call, (Status, Times)>,
    ack_delay: Duration,
    acks_to_lose: u64,
}

/// What becomes of an acknowledgement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AckFate {
    pub(crate) delay: Duration,
    pub(crate) lost: bool,
}

impl Armed {
    /// Refuses the call if it is to be refused.
    pub(crate) fn check(&self, call: Call) -> Result<(), Status> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut plan = lock(&self.plan);
        let Some((status, times)) = plan.refusals.get_mut(&call) else { return Ok(()) };
        let status = status.clone();
        if let Times::Next(left) = times {
            *left = left.saturating_sub(1);
            if *left == 0 {
                plan.refusals.remove(&call);
            }
        }
        Err(status)
    }

    /// What becomes of the next acknowledgement.
    pub(crate) fn ack_fate(&self) -> AckFate {
        if !self.any.load(Ordering::Acquire) {
            return AckFate { delay: Duration::ZERO, lost: false };
        }
        let mut plan = lock(&self.plan);
        let lost = plan.acks_to_lose > 0;
        plan.acks_to_lose -= u64::from(lost);
        AckFate { delay: plan.ack_delay, lost }
    }

    fn arm(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut lock(&self.plan));
        self.any.store(true, Ordering::Release);
    }

    fn clear(&self) {
        let mut plan = lock(&self.plan);
        *plan = Plan::default();
        self.any.store(false, Ordering::Release);
    }
}

/// Switches faults on. Cheap to clone.
#[derive(Clone)]
pub struct Faults {
    pub(crate) broker: Arc<Broker>,
}

impl Faults {
    /// Answers a kind of call with a status instead of doing it. Replaces an earlier refusal of the same kind.
    pub fn refuse(&self, call: Call, status: Status, times: Times) {
        self.broker.faults.arm(|plan| match times {
            Times::Next(0) => {
                plan.refusals.remove(&call);
            }
            Times::Next(_) | Times::UntilCleared => {
                plan.refusals.insert(call, (status, times));
            }
        });
    }

    /// Lets every acknowledgement wait that long before it is looked at (and then perhaps found too late).
    pub fn delay_acks(&self, delay: Duration) {
        self.broker.faults.arm(|plan| plan.ack_delay = delay);
    }

    /// Answers the next `count` acknowledgements with success and does nothing.
    pub fn lose_acks(&self, count: u64) {
        self.broker.faults.arm(|plan| plan.acks_to_lose += count);
    }

    /// Takes back refusals, ack delays and acks still to be lost. What has happened stays.
    pub fn clear(&self) {
        self.broker.faults.clear();
    }

    /// Ends the streams of a topic with `UNAVAILABLE`: of one subscription, or of all. A name that has partitions means
    /// all of them; a single one is named `/namespace/topic-part-0`. Returns how many streams there were.
    pub fn drop_streams(&self, topic: &str, subscription: Option<&str>) -> usize {
        let status = Status::unavailable("the stream was dropped on request of a test");
        let topics = self.broker.topics_of(topic);
        topics.iter().map(|topic| topic.drop_streams(subscription, &status)).sum()
    }

    /// Closes all client and admin connections at once. Returns how many there were.
    pub fn close_connections(&self) -> usize {
        self.broker.connections.close_all()
    }

    /// Makes a subscription skip its next `count` records for ever, as the released broker does when one falls behind:
    /// they are neither sent nor acknowledged. Returns whether there is such a subscription on the topic, or on any of
    /// its partitions, each of which then skips `count`.
    pub fn lag_skip(&self, topic: &str, subscription: &str, count: u64) -> bool {
        let topics = self.broker.topics_of(topic);
        topics.iter().filter(|topic| topic.skip(subscription, count)).count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: Status, times: Times) -> Armed {
        let armed = Armed::default();
        armed.arm(|plan| {
            plan.refusals.insert(Call::Ack, (status, times));
        });
        armed
    }

    #[test]
    fn a_refusal_strikes_as_often_as_asked() {
        let armed = refusal(Status::aborted("x"), Times::Next(2));
        assert!(armed.check(Call::Nack).is_ok());
        assert_eq!([armed.check(Call::Ack).is_err(), armed.check(Call::Ack).is_err()], [true, true]);
        assert!(armed.check(Call::Ack).is_ok());
    }

    #[test]
    fn a_refusal_until_cleared_goes_on_until_it_is_cleared() {
        let armed = refusal(Status::aborted("x"), Times::UntilCleared);
        assert!((0..10).all(|_| armed.check(Call::Ack).is_err()));
        armed.clear();
        assert!(armed.check(Call::Ack).is_ok());
    }

    #[test]
    fn acks_are_lost_by_count() {
        let armed = Armed::default();
        armed.arm(|plan| plan.acks_to_lose = 1);
        assert_eq!([armed.ack_fate().lost, armed.ack_fate().lost], [true, false]);
    }
}
