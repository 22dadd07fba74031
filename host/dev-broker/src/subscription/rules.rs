//! One test per rule of the released broker, under a clock of its own. The rules are those that hosts must live with.

use std::time::Duration;

use danube_core::proto::MsgId;

use super::*;
use crate::policy::Poison;

const SECOND: Duration = Duration::from_secs(1);

/// A subscription with a log, a clock, and a note of what was sent.
struct Rig {
    subscription: Subscription,
    log: Log,
    now: Instant,
    letters: Vec<DeadLetter>,
}

fn setup(kind: SubscriptionType) -> Setup {
    let policy = FailurePolicy::default();
    Setup { kind, policy, window: 10, promote_standby: false, eviction: Some(3 * SECOND), hand_over: false }
}

fn record(key: &str) -> Record {
    Record { routing_key: Some(key.to_owned()), msg_id: Some(MsgId::default()), ..Record::default() }
}

impl Rig {
    fn new(setup: Setup) -> Self {
        Self::with_feed(setup, Feed::new(0, None))
    }

    fn with_feed(setup: Setup, feed: Feed) -> Self {
        let subscription = Subscription::new(setup, feed);
        Self { subscription, log: Log::default(), now: Instant::now(), letters: vec![] }
    }

    /// With one consumer, number 1.
    fn of(kind: SubscriptionType) -> Self {
        Self::new(setup(kind)).joined(&[1])
    }

    fn joined(mut self, consumers: &[ConsumerId]) -> Self {
        consumers.iter().for_each(|id| self.subscription.add(*id, vec![]));
        self
    }

    /// Runs an event and returns who was sent which offset.
    fn event(
        &mut self,
        event: impl FnOnce(&mut Subscription, Instant, &Log, &mut Vec<Effect>),
    ) -> Vec<(ConsumerId, u64)> {
        let mut out = vec![];
        event(&mut self.subscription, self.now, &self.log, &mut out);
        let mut sent = vec![];
        for effect in out {
            match effect {
                Effect::Send { consumer, record } => {
                    let offset = record.msg_id.as_ref().unwrap().topic_offset;
                    sent.push((consumer, offset));
                }
                Effect::DeadLetter(letter) => self.letters.push(letter),
            }
        }
        sent
    }

    fn publish_keys(&mut self, keys: &[&str]) -> Vec<(ConsumerId, u64)> {
        let mut sent = vec![];
        for key in keys {
            self.log.append(record(key));
            sent.extend(self.event(Subscription::dispatch));
        }
        sent
    }

    /// Publishes records with keys of their own; returns the offsets that were sent.
    fn publish(&mut self, count: u64) -> Vec<u64> {
        let first = self.log.head();
        let keys: Vec<String> = (first..first + count).map(|n| format!("k{n}")).collect();
        offsets(self.publish_keys(&keys.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    fn ack(&mut self, offset: u64) -> Vec<u64> {
        offsets(self.event(|it, now, log, out| it.ack(offset, now, log, out)))
    }

    fn nack(&mut self, offset: u64, delay: Option<Duration>) -> Vec<u64> {
        let nack = Nack { reason: Some("no".to_owned()), delay };
        offsets(self.event(|it, now, log, out| it.nack(offset, nack, now, log, out)))
    }

    /// Lets time pass in one step and looks at the clock once.
    fn after(&mut self, pause: Duration) -> Vec<(ConsumerId, u64)> {
        self.now += pause;
        self.event(Subscription::tick)
    }

    fn goes(&mut self, consumer: ConsumerId) -> Vec<(ConsumerId, u64)> {
        self.event(|it, now, log, out| {
            it.set_active(consumer, false, now);
            it.retry_now(consumer, now, log, out);
        })
    }

    fn returns(&mut self, consumer: ConsumerId) -> Vec<(ConsumerId, u64)> {
        self.event(|it, now, log, out| {
            it.set_active(consumer, true, now);
            it.retry_now(consumer, now, log, out);
        })
    }

    /// Fails the record at offset 0 until it is given up; returns how often it was sent.
    fn exhaust(&mut self) -> u32 {
        let mut sends = 1;
        for _ in 0..100 {
            self.nack(0, None);
            sends += self.after(60 * SECOND).iter().filter(|(_, offset)| *offset == 0).count() as u32;
            if self
                .subscription
                .window()
                .get(0)
                .is_none_or(|entry| matches!(entry.state, window::State::Exhausted { .. }))
            {
                return sends;
            }
        }
        panic!("never given up");
    }

    fn cursor(&self) -> Option<u64> {
        self.subscription.window().cursor.safe()
    }

    /// Awaiting, waiting, given up.
    fn counts(&self) -> (usize, usize, usize) {
        self.subscription.window().counts()
    }
}

fn offsets(sent: Vec<(ConsumerId, u64)>) -> Vec<u64> {
    sent.into_iter().map(|(_, offset)| offset).collect()
}

fn poison(kind: SubscriptionType, poison: Poison) -> Setup {
    let dead_letter_topic = (poison == Poison::DeadLetter).then(|| "/default/dead".to_owned());
    let policy = FailurePolicy { poison, dead_letter_topic, ..FailurePolicy::default() };
    Setup { policy, ..setup(kind) }
}

const IN_ORDER: [SubscriptionType; 3] =
    [SubscriptionType::Exclusive, SubscriptionType::Failover, SubscriptionType::Shared];

const ALL: [SubscriptionType; 4] =
    [SubscriptionType::Exclusive, SubscriptionType::Failover, SubscriptionType::Shared, SubscriptionType::KeyShared];

#[test]
fn at_most_the_window_is_unanswered_and_every_ack_frees_one_slot() {
    for kind in ALL {
        let mut rig = Rig::of(kind);
        assert_eq!(rig.publish(30), (0..10).collect::<Vec<_>>());
        assert_eq!([rig.ack(7), rig.ack(2)], [[10], [11]], "{kind:?}");
    }
}

#[test]
fn every_send_counts_and_a_record_is_sent_once_more_than_the_redelivery_count() {
    for kind in ALL {
        let mut rig = Rig::of(kind);
        rig.publish(1);
        assert_eq!(rig.exhaust(), 6, "{kind:?}");
        assert_eq!(rig.subscription.tally().sends, 6);
        assert_eq!(rig.subscription.tally().redeliveries, 5);
    }
}

#[test]
fn an_ack_timeout_is_a_failed_send_and_the_record_comes_again_after_the_pause() {
    for kind in ALL {
        let mut rig = Rig::of(kind);
        rig.publish(1);
        assert_eq!(rig.after(29 * SECOND), []);
        assert_eq!(rig.counts(), (1, 0, 0));
        assert_eq!(rig.after(SECOND), []);
        assert_eq!(rig.counts(), (0, 1, 0), "{kind:?}");
        assert_eq!(rig.after(SECOND), [(1, 0)]);
        assert_eq!(rig.after(30 * SECOND), []);
        assert_eq!(rig.after(SECOND), [], "the second pause is two seconds");
        assert_eq!(rig.after(SECOND), [(1, 0)]);
        assert_eq!(rig.subscription.tally().ack_timeouts, 2);
    }
}

#[test]
fn a_late_ack_is_ignored_while_waiting_to_retry_and_when_given_up() {
    for kind in ALL {
        let mut rig = Rig::of(kind);
        rig.publish(1);
        rig.after(30 * SECOND);
        rig.ack(0);
        assert_eq!((rig.counts(), rig.cursor()), ((0, 1, 0), None), "{kind:?}");
        rig.after(SECOND);
        rig.exhaust();
        rig.ack(0);
        assert_eq!((rig.counts(), rig.cursor()), ((0, 0, 1), None), "{kind:?}");
        assert_eq!(rig.subscription.tally().late_acks, 2);
    }
}

#[test]
fn a_nack_waits_for_the_longer_of_the_policys_and_the_requested_delay() {
    for kind in ALL {
        let mut rig = Rig::of(kind);
        rig.publish(2);
        rig.nack(0, Some(SECOND / 2));
        rig.nack(1, Some(5 * SECOND));
        assert_eq!(rig.after(SECOND), [(1, 0)], "{kind:?}");
        assert_eq!(rig.after(3 * SECOND), []);
        assert_eq!(rig.after(SECOND), [(1, 1)]);
    }
}

#[test]
fn a_nack_counts_for_a_record_in_any_state_and_starts_the_pause_anew() {
    let mut rig = Rig::of(SubscriptionType::Shared);
    rig.publish(1);
    rig.nack(0, None);
    rig.now += SECOND / 2;
    rig.nack(0, None);
    assert_eq!(rig.after(SECOND / 2), []);
    assert_eq!(rig.after(SECOND / 2), [(1, 0)]);
}

#[test]
fn block_keeps_the_slot_for_ever_and_nothing_new_is_sent_past_it() {
    for kind in IN_ORDER {
        let mut rig = Rig::of(kind);
        rig.publish(1);
        rig.exhaust();
        assert_eq!(rig.publish(3), [0; 0], "{kind:?}");
        assert_eq!(rig.after(3600 * SECOND), [], "{kind:?}");
        assert_eq!((rig.counts(), rig.cursor()), ((0, 0, 1), None));
    }
}

#[test]
fn block_still_sends_again_what_was_sent_before() {
    for kind in IN_ORDER {
        let policy = FailurePolicy { max_redelivery_count: 1, ..FailurePolicy::default() };
        let mut rig = Rig::new(Setup { policy, ..setup(kind) }).joined(&[1]);
        rig.publish(2);
        rig.nack(0, None);
        rig.after(SECOND);
        rig.nack(0, None);
        rig.nack(1, None);
        assert_eq!(rig.counts(), (0, 1, 1), "{kind:?}");
        assert_eq!(rig.after(SECOND), [(1, 1)]);
    }
}

#[test]
fn a_connection_that_comes_back_does_not_revive_what_was_given_up() {
    for kind in ALL {
        let mut rig = Rig::of(kind);
        rig.publish(1);
        rig.exhaust();
        rig.goes(1);
        assert_eq!(rig.returns(1), [], "{kind:?}");
        assert_eq!(rig.counts(), (0, 0, 1));
    }
}

#[test]
fn drop_frees_the_slot_and_moves_the_cursor_on() {
    for kind in ALL {
        let mut rig = Rig::new(poison(kind, Poison::Drop)).joined(&[1]);
        rig.publish(1);
        rig.exhaust();
        rig.after(SECOND);
        assert_eq!((rig.counts(), rig.cursor()), ((0, 0, 0), Some(0)), "{kind:?}");
        assert_eq!(rig.subscription.tally().dropped, 1);
        assert_eq!(rig.publish(1), [1]);
    }
}

#[test]
fn a_dead_letter_holds_the_slot_until_it_is_published() {
    for kind in ALL {
        let mut rig = Rig::new(poison(kind, Poison::DeadLetter)).joined(&[1]);
        rig.publish(1);
        rig.exhaust();
        rig.after(SECOND);
        let letter = rig.letters.pop().unwrap();
        assert_eq!((letter.offset, letter.sends, letter.reason.as_deref()), (0, 6, Some("no")), "{kind:?}");
        assert_eq!((letter.topic.as_str(), letter.policy), ("/default/dead", "dead_letter"));
        rig.after(SECOND);
        assert!(rig.letters.is_empty(), "a letter under way is not sent twice");
        rig.event(|it, now, log, out| it.dead_lettered(0, false, now, log, out));
        rig.after(SECOND);
        assert_eq!(rig.letters.len(), 1, "one that could not be published is tried again");
        rig.event(|it, now, log, out| it.dead_lettered(0, true, now, log, out));
        assert_eq!((rig.counts(), rig.cursor()), ((0, 0, 0), Some(0)));
    }
}

#[test]
fn what_a_consumer_leaves_unanswered_goes_to_the_next_at_once() {
    let mut rig = Rig::new(setup(SubscriptionType::Shared)).joined(&[1, 2]);
    rig.publish(4);
    let sent = rig.goes(1);
    assert_eq!(sent, [(2, 0), (2, 2)]);
    assert_eq!(rig.counts(), (4, 0, 0));
}

#[test]
fn while_nobody_is_connected_no_sends_are_used_up() {
    for kind in IN_ORDER {
        let mut rig = Rig::of(kind);
        rig.publish(3);
        assert_eq!(rig.goes(1), []);
        assert_eq!(rig.after(3600 * SECOND), []);
        assert_eq!(rig.returns(1), [(1, 0), (1, 1), (1, 2)], "{kind:?}");
        assert_eq!(rig.subscription.tally().sends, 6);
    }
}

#[test]
fn shared_consumers_get_records_in_turn() {
    let mut rig = Rig::new(setup(SubscriptionType::Shared)).joined(&[1, 2, 3]);
    let owners: Vec<ConsumerId> = rig.publish_keys(&["a"; 6]).into_iter().map(|(consumer, _)| consumer).collect();
    assert_eq!(owners, [1, 2, 3, 1, 2, 3]);
}

#[test]
fn failover_stays_with_the_first_consumer_even_when_it_is_gone() {
    let mut rig = Rig::new(setup(SubscriptionType::Failover)).joined(&[1, 2]);
    assert_eq!(rig.publish_keys(&["a"]), [(1, 0)]);
    assert_eq!(rig.goes(1), []);
    assert_eq!(rig.publish_keys(&["a"]), []);
    assert_eq!(rig.after(3600 * SECOND), []);
    assert_eq!(rig.returns(1), [(1, 0), (1, 1)]);
}

#[test]
fn a_standby_that_goes_makes_the_active_consumer_get_everything_again() {
    let mut rig = Rig::new(setup(SubscriptionType::Failover)).joined(&[1, 2]);
    rig.publish(2);
    assert_eq!(rig.goes(2), [(1, 0), (1, 1)]);
}

#[test]
fn with_promotion_a_standby_takes_over() {
    let mut rig = Rig::new(Setup { promote_standby: true, ..setup(SubscriptionType::Failover) }).joined(&[1, 2]);
    rig.publish(1);
    assert_eq!(rig.goes(1), [(2, 0)]);
    assert_eq!(rig.publish_keys(&["a"]), [(2, 1)]);
}

#[test]
fn the_cursor_passes_no_gap_and_a_successor_reads_on_from_there() {
    let mut rig = Rig::of(SubscriptionType::Exclusive);
    rig.publish(4);
    [1, 0, 3].into_iter().for_each(|offset| drop(rig.ack(offset)));
    assert_eq!((rig.cursor(), rig.subscription.resume_at()), (Some(1), 2));
}

#[test]
fn a_lagging_subscription_skips_records_for_ever() {
    let mut rig = Rig::with_feed(setup(SubscriptionType::Exclusive), Feed::new(0, Some(256)));
    rig = rig.joined(&[1]);
    rig.publish(1000);
    assert_eq!(rig.ack(0), [744]);
    assert_eq!(rig.subscription.tally().lost, 734);
}

#[test]
fn ordered_skips_leave_a_gap_that_the_cursor_never_passes() {
    let mut rig = Rig::of(SubscriptionType::Exclusive);
    rig.publish(1);
    rig.subscription.skip(2);
    assert_eq!(rig.publish(4), [3, 4]);
    (0..5).for_each(|offset| drop(rig.ack(offset)));
    assert_eq!((rig.cursor(), rig.subscription.tally().lost), (Some(0), 2));
}

#[test]
fn key_shared_has_at_most_one_record_of_a_key_outstanding() {
    let mut rig = Rig::of(SubscriptionType::KeyShared);
    assert_eq!(offsets(rig.publish_keys(&["a", "a", "b", "a"])), [0, 2]);
    assert_eq!(rig.subscription.blocked(), 2);
    assert_eq!([rig.ack(0), rig.ack(1)], [[1], [3]]);
}

#[test]
fn key_shared_waiting_records_take_slots_of_the_window() {
    let mut rig = Rig::of(SubscriptionType::KeyShared);
    assert_eq!(offsets(rig.publish_keys(&["a"; 12])), [0]);
    assert_eq!(offsets(rig.publish_keys(&["b"])), [0; 0]);
    assert_eq!([rig.ack(0), rig.ack(1), rig.ack(2)], [vec![1], vec![2], vec![3, 12]]);
}

#[test]
fn key_shared_routes_records_without_a_key_by_their_producer() {
    let mut rig = Rig::of(SubscriptionType::KeyShared);
    for producer_name in ["p", "p", "q"].map(str::to_owned) {
        rig.log.append(Record { producer_name, ..Record::default() });
    }
    assert_eq!(offsets(rig.event(Subscription::dispatch)), [0, 2]);
}

#[test]
fn key_shared_keeps_a_key_with_its_consumer() {
    let mut rig = Rig::new(setup(SubscriptionType::KeyShared)).joined(&[1, 2, 3]);
    let [(first, _)] = rig.publish_keys(&["a"])[..] else { panic!("not sent") };
    rig.ack(0);
    for offset in 1..5 {
        assert_eq!(rig.publish_keys(&["a"]), [(first, offset)]);
        rig.ack(offset);
    }
}

#[test]
fn key_shared_passes_over_records_that_no_filter_takes() {
    let mut rig = Rig::new(setup(SubscriptionType::KeyShared));
    rig.subscription.add(1, vec!["user-*".to_owned()]);
    assert_eq!(offsets(rig.publish_keys(&["other", "user-1"])), [1]);
    rig.ack(1);
    assert_eq!((rig.cursor(), rig.subscription.tally().filtered_out), (Some(1), 1));
}

#[test]
fn key_shared_block_stops_only_the_key() {
    let mut rig = Rig::of(SubscriptionType::KeyShared);
    rig.publish_keys(&["a", "a"]);
    rig.exhaust();
    assert_eq!(offsets(rig.publish_keys(&["b"])), [2]);
    assert_eq!(rig.subscription.blocked(), 1);
}

#[test]
fn key_shared_throws_away_what_waits_behind_a_dropped_record() {
    let mut rig = Rig::new(poison(SubscriptionType::KeyShared, Poison::Drop)).joined(&[1]);
    rig.publish_keys(&["a", "a", "a"]);
    rig.exhaust();
    rig.after(SECOND);
    assert_eq!((rig.subscription.blocked(), rig.subscription.tally().lost), (0, 2));
    assert_eq!(offsets(rig.publish_keys(&["a"])), [3]);
    rig.ack(3);
    assert_eq!(rig.cursor(), Some(0), "the cursor waits for them for ever");
}

#[test]
fn key_shared_leaves_unanswered_records_waiting_for_their_timeout() {
    let mut rig = Rig::new(setup(SubscriptionType::KeyShared)).joined(&[1]);
    rig.publish(2);
    assert_eq!(rig.goes(1), []);
    rig.now += SECOND;
    assert_eq!(rig.returns(1), []);
    assert_eq!(rig.after(29 * SECOND), []);
    assert_eq!(rig.after(SECOND), [(1, 0), (1, 1)]);
}

#[test]
fn key_shared_evicts_an_absent_consumer_loses_what_it_held_and_never_takes_it_back() {
    let mut rig = Rig::of(SubscriptionType::KeyShared);
    rig.publish(3);
    rig.goes(1);
    rig.after(3 * SECOND);
    assert_eq!((rig.cursor(), rig.subscription.tally().lost), (Some(2), 3));
    assert_eq!(rig.returns(1), []);
    assert_eq!(rig.publish(2), [0; 0], "its name gets nothing any more");
    rig.subscription.add(2, vec![]);
    assert_eq!(rig.after(SECOND), [(2, 3), (2, 4)], "another consumer gets what came later");
}

#[test]
fn key_shared_hands_over_what_an_evicted_consumer_held_where_it_is_told_to() {
    let mut rig = Rig::new(Setup { hand_over: true, ..setup(SubscriptionType::KeyShared) }).joined(&[1]);
    rig.publish(3);
    rig.goes(1);
    assert_eq!(rig.after(3 * SECOND), []);
    assert_eq!(rig.publish(1), [0; 0], "nobody is there");
    rig.subscription.add(2, vec![]);
    assert_eq!(rig.after(SECOND), [(2, 0), (2, 1), (2, 2), (2, 3)]);
    assert_eq!(rig.subscription.tally().lost, 0);
}

#[test]
fn key_shared_without_eviction_sends_again_at_once() {
    let mut rig = Rig::new(Setup { eviction: None, ..setup(SubscriptionType::KeyShared) }).joined(&[1]);
    rig.publish(3);
    rig.goes(1);
    assert_eq!(rig.after(3600 * SECOND), []);
    assert_eq!(rig.returns(1), [(1, 0), (1, 1), (1, 2)]);
    assert_eq!(rig.subscription.tally().lost, 0);
}

#[test]
fn key_shared_serves_others_while_one_consumer_is_away() {
    let mut rig = Rig::new(Setup { window: 100, ..setup(SubscriptionType::KeyShared) }).joined(&[1, 2]);
    rig.goes(1);
    let sent = rig.publish(40);
    assert!(!sent.is_empty() && sent.len() < 40, "{} of 40 keys", sent.len());
    assert_eq!(rig.subscription.blocked(), 40 - sent.len());
    let owed = 40 - sent.len();
    assert_eq!(rig.returns(1).len(), owed);
}
