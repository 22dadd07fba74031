//! How Exclusive, Failover and Shared subscriptions hand out records: in the order of the log, to the one active consumer
//! or to all in turn. What happens at which event is taken from the released broker.

use super::{Effect, Run, Tally, window::Window};
use crate::{
    policy::{FailurePolicy, Poison},
    record::ConsumerId,
};

/// A consumer as far as handing out goes.
#[derive(Debug)]
struct Member {
    id: ConsumerId,
    active: bool,
}

/// Who is next.
#[derive(Debug)]
enum Route {
    /// The first consumer that ever joined; with `promote`, another one while that one is away.
    Single { promote: bool },
    /// All active ones in turn.
    InTurn { next: usize },
}

/// The state of such a subscription.
#[derive(Debug)]
pub(crate) struct Ordered {
    pub(crate) window: Window,
    limit: usize,
    policy: FailurePolicy,
    members: Vec<Member>,
    route: Route,
}

impl Ordered {
    /// Exclusive and Failover: one active consumer.
    pub(crate) fn single(policy: FailurePolicy, limit: usize, promote: bool) -> Self {
        Self { window: Window::default(), limit, policy, members: vec![], route: Route::Single { promote } }
    }

    /// Shared: all consumers in turn.
    pub(crate) fn shared(policy: FailurePolicy, limit: usize) -> Self {
        Self { window: Window::default(), limit, policy, members: vec![], route: Route::InTurn { next: 0 } }
    }

    pub(crate) fn add(&mut self, id: ConsumerId) {
        self.members.push(Member { id, active: true });
    }

    /// Marks a consumer as connected, or as gone.
    pub(crate) fn set_active(&mut self, id: ConsumerId, active: bool) {
        self.members.iter_mut().filter(|member| member.id == id).for_each(|member| member.active = active);
    }

    /// Sends again what `consumer` holds. With one active consumer the released broker sends everything again,
    /// whoever came or went.
    pub(crate) fn retry_now(&mut self, consumer: ConsumerId, run: &mut Run<'_>) {
        let holder = match self.route {
            Route::Single { .. } => None,
            Route::InTurn { .. } => Some(consumer),
        };
        self.window.retry_now(holder, run.now);
        self.dispatch(run);
    }

    pub(crate) fn ack(&mut self, offset: u64, run: &mut Run<'_>) -> bool {
        let counted = self.window.ack(offset);
        self.dispatch(run);
        counted
    }

    pub(crate) fn nack(&mut self, offset: u64, nack: super::Nack, run: &mut Run<'_>) {
        self.window.fail(offset, nack.reason, nack.delay, run.now, &self.policy);
        self.dispatch(run);
    }

    pub(crate) fn tick(&mut self, run: &mut Run<'_>) {
        if self.members.is_empty() {
            return;
        }
        run.tally.ack_timeouts += self.window.expire(run.now, &self.policy);
        self.dispatch(run);
    }

    /// The end of a dead letter: the record is done with, or stays and is tried again at the next event.
    pub(crate) fn dead_lettered(&mut self, offset: u64, published: bool, run: &mut Run<'_>) {
        if published {
            self.window.skip(offset);
            run.tally.dead_lettered += 1;
            self.dispatch(run);
        } else {
            self.window.set_resolving(offset, false);
        }
    }

    /// Does whatever is possible now: gives up what must be given up, sends again what is due, takes up new records
    /// while the window has room. Nothing new is sent past a record that blocks.
    pub(crate) fn dispatch(&mut self, run: &mut Run<'_>) {
        let nobody = match self.route {
            Route::Single { .. } => self.next_member().is_none(),
            Route::InTurn { .. } => self.members.is_empty(),
        };
        if nobody {
            return;
        }
        give_up(&mut self.window, &self.policy, run);
        for offset in self.window.ready(run.now) {
            let Some(consumer) = self.next_member() else { break };
            self.send(offset, consumer, run);
        }
        if self.policy.poison == Poison::Block && self.window.has_exhausted() {
            return;
        }
        while self.window.len() < self.limit {
            let Some((offset, record)) = run.feed.poll(run.log) else { break };
            self.window.admit(offset, record, run.now);
            let Some(consumer) = self.next_member() else { break };
            self.send(offset, consumer, run);
        }
    }

    fn send(&mut self, offset: u64, consumer: ConsumerId, run: &mut Run<'_>) {
        let Some((record, again)) = self.window.sent(offset, consumer, run.now, self.policy.ack_timeout) else {
            return;
        };
        run.send(consumer, record, again);
    }

    fn next_member(&mut self) -> Option<ConsumerId> {
        match &mut self.route {
            Route::Single { promote: false } => self.members.first().filter(|first| first.active).map(|first| first.id),
            Route::Single { promote: true } => self.members.iter().find(|member| member.active).map(|member| member.id),
            Route::InTurn { next } => {
                let count = self.members.len();
                let turn = (0..count).map(|step| (*next + step) % count).find(|index| self.members[*index].active)?;
                *next = turn + 1;
                Some(self.members[turn].id)
            }
        }
    }
}

/// Applies the poison policy to the records that are given up.
fn give_up(window: &mut Window, policy: &FailurePolicy, run: &mut Run<'_>) {
    if policy.poison == Poison::Block || !window.has_exhausted() {
        return;
    }
    for offset in window.unresolved() {
        match policy.poison {
            Poison::Block => {}
            Poison::Drop => {
                window.skip(offset);
                run.tally.dropped += 1;
            }
            Poison::DeadLetter => {
                if let Some(letter) = super::dead_letter(window, offset, policy) {
                    window.set_resolving(offset, true);
                    run.out.push(Effect::DeadLetter(letter));
                }
            }
        }
    }
}

impl Tally {
    /// Counts one send.
    pub(super) fn count_send(&mut self, again: bool) {
        self.sends += 1;
        self.redeliveries += u64::from(again);
    }
}
