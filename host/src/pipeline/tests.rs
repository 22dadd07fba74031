//! A session between a scripted intake and a scripted processor, under a paused clock.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Gaps, Held, Intake, LaneState, Ledger, Processor, Session, Streams, Watch,
    edge::{End, LanePolicy, ProcessError},
};
use crate::{
    broker::{Answers, Broker, BrokerOptions, Event},
    metrics::Metrics,
    record::{Batch, OnReject, Order, Verdict},
    schema::SchemaCache,
};

const HOUR: Duration = Duration::from_secs(3600);

struct Channel(mpsc::Receiver<Event>);

impl Intake for Channel {
    async fn recv(&mut self) -> Option<Event> {
        self.0.recv().await
    }

    fn try_recv(&mut self) -> Option<Event> {
        self.0.try_recv().ok()
    }
}

/// One call of the guest: which offsets, which attempt.
type Call = (u32, Vec<u64>);
type Answer = Box<dyn FnMut(&Batch) -> Result<Vec<Verdict>, ProcessError> + Send>;

struct Script {
    answer: Answer,
    /// How long a call takes.
    time: Duration,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Processor for Script {
    async fn process(&mut self, batch: &Batch, _limit: Duration) -> Result<Vec<Verdict>, ProcessError> {
        let offsets = batch.records.iter().map(|record| record.offset).collect();
        self.calls.lock().unwrap().push((batch.attempt, offsets));
        tokio::time::sleep(self.time).await;
        (self.answer)(batch)
    }

    async fn health_check(&mut self) -> Result<(), ProcessError> {
        Err(retryable("no route to host"))
    }

    async fn shutdown(&mut self) {}
}

/// A session under test and what can be seen of it.
struct Rig {
    policy: LanePolicy,
    to_session: mpsc::Sender<Event>,
    intake: Channel,
    answers: Answers,
    calls: Arc<Mutex<Vec<Call>>>,
    call: Duration,
}

impl Rig {
    fn new() -> Self {
        let (to_session, received) = mpsc::channel(1000);
        let policy = LanePolicy {
            connector: "c".into(),
            component_sha256: "0".into(),
            topic: "/default/t".into(),
            subscription: "s".into(),
            batch_size: 100,
            batch_bytes: 1 << 20,
            flush_interval: Duration::from_millis(50),
            raw: false,
            watch: Watch::Nothing,
            call_timeout: Duration::from_secs(20),
            order: Order::Any,
            hold: false,
            health_check_interval: HOUR,
            health_check_failure_threshold: 2,
            expected_schema_subject: None,
            max_retries: 3,
            retry_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            budget: Duration::from_secs(24),
            on_reject: OnReject::Stop,
            on_mismatch: OnReject::Stop,
            deliveries: super::Deliveries::default(),
            fuse: Arc::new(super::Fuse::new(0, Duration::from_secs(60))),
        };
        Self {
            policy,
            to_session,
            intake: Channel(received),
            answers: Answers::recorded(),
            calls: Arc::default(),
            call: Duration::ZERO,
        }
    }

    async fn send(&self, offsets: impl IntoIterator<Item = u64>) {
        for offset in offsets {
            let delivery = self.answers.delivery(offset, &format!("{{\"n\":{offset}}}"));
            self.to_session.send(Event::Delivery(delivery)).await.unwrap();
        }
    }

    async fn send_keyed(&self, offset: u64, key: &str) {
        let mut delivery = self.answers.delivery(offset, "{}");
        delivery.content.routing_key = Some(key.to_owned());
        self.to_session.send(Event::Delivery(delivery)).await.unwrap();
    }

    /// Runs until there is nothing left to do: the intake ends when its sender is dropped.
    async fn run(self, answer: impl FnMut(&Batch) -> Result<Vec<Verdict>, ProcessError> + Send + 'static) -> Seen {
        self.run_until(CancellationToken::new(), answer).await
    }

    async fn run_until(
        mut self,
        drain: CancellationToken,
        answer: impl FnMut(&Batch) -> Result<Vec<Verdict>, ProcessError> + Send + 'static,
    ) -> Seen {
        let mut lane = Lane::new(&self).await;
        drop(self.to_session);
        let mut script = Script { answer: Box::new(answer), time: self.call, calls: self.calls };
        let (end, held) = lane.session().run(&mut self.intake, &mut script, &drain).await;
        Seen::new(lane, &script, end, held, &self.answers)
    }
}

/// What outlives a session.
struct Lane {
    policy: Arc<LanePolicy>,
    schemas: Arc<SchemaCache>,
    metrics: Metrics,
    ledger: Ledger,
    gaps: Gaps,
}

impl Lane {
    async fn new(rig: &Rig) -> Self {
        let options = BrokerOptions { url: "http://127.0.0.1:1".to_owned(), tls: None, token: None };
        let broker = Broker::new(&options).unwrap();
        let metrics = Metrics::default();
        Self {
            ledger: Ledger::new(&rig.policy, metrics.lane("c", "/default/t").inflight),
            gaps: Gaps::new(&rig.policy),
            policy: Arc::new(rig.policy.clone()),
            schemas: Arc::new(SchemaCache::new(broker)),
            metrics,
        }
    }

    fn session(&mut self) -> Session<'_> {
        let metrics = self.metrics.lane("c", "/default/t");
        let running = LaneState::Running { lost: BTreeMap::new() };
        Session {
            policy: self.policy.clone(),
            schemas: self.schemas.clone(),
            ledger: self.ledger.clone(),
            gaps: &mut self.gaps,
            streams: Streams { state: watch::Sender::new(running), metrics: metrics.clone() },
            metrics,
            dead_letters: None,
        }
    }
}

struct Seen {
    lane: Lane,
    end: End,
    held: Held,
    calls: Vec<Call>,
    acked: Vec<u64>,
    nacked: Vec<u64>,
    metrics: String,
}

impl Seen {
    fn new(lane: Lane, script: &Script, end: End, held: Held, answers: &Answers) -> Self {
        let calls = script.calls.lock().unwrap().clone();
        let mut acked: Vec<u64> = answers.acked().into_iter().map(|(_, offset)| offset).collect();
        acked.sort_unstable();
        Self { end, held, calls, acked, nacked: answers.nacked(), metrics: lane.metrics.encode(), lane }
    }

    /// Parks: gives back what may come again, and works off the rest.
    async fn park(
        mut self,
        answer: impl FnMut(&Batch) -> Result<Vec<Verdict>, ProcessError> + Send + 'static,
    ) -> (Option<End>, Self) {
        self.lane.ledger.returned();
        let held = self.held.keep(&self.lane.ledger);
        let mut script = Script { answer: Box::new(answer), time: Duration::ZERO, calls: Arc::default() };
        let (end, held) = self.lane.session().work_off(held, &mut script, &CancellationToken::new()).await;
        (end, Self::new(self.lane, &script, End::Drained, held, &Answers::recorded()))
    }
}

fn written(batch: &Batch) -> Result<Vec<Verdict>, ProcessError> {
    Ok(vec![Verdict::Written; batch.records.len()])
}

fn retryable(reason: &str) -> ProcessError {
    ProcessError::Retryable { reason: reason.to_owned(), after: None }
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_acknowledged() {
    let rig = Rig::new();
    rig.send(0..5).await;
    let seen = rig.run(written).await;
    assert_eq!(seen.end, End::Drained);
    assert_eq!(seen.calls, [(1, vec![0, 1, 2, 3, 4])]);
    assert_eq!(seen.acked, [0, 1, 2, 3, 4]);
    assert!(seen.metrics.contains("danube_connector_inflight_messages{connector=\"c\",topic=\"/default/t\"} 0"));
}

#[tokio::test(start_paused = true)]
async fn batches_are_cut_by_count_and_by_bytes() {
    let mut rig = Rig::new();
    rig.policy.batch_size = 3;
    rig.send(0..7).await;
    let sizes = |seen: Seen| seen.calls.iter().map(|(_, offsets)| offsets.len()).collect::<Vec<_>>();
    assert_eq!(sizes(rig.run(written).await), [3, 3, 1]);

    let mut rig = Rig::new();
    rig.policy.batch_bytes = 2 * "{\"n\":0}".len();
    rig.send(0..5).await;
    assert_eq!(sizes(rig.run(written).await), [2, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn only_the_records_that_asked_for_it_are_tried_again() {
    let rig = Rig::new();
    rig.send(0..4).await;
    let seen = rig
        .run(|batch| {
            let verdict = |offset| match (offset % 2, batch.attempt) {
                (1, 1 | 2) => Verdict::Retry { reason: "busy".to_owned(), after: Some(Duration::from_secs(2)) },
                _ => Verdict::Written,
            };
            Ok(batch.records.iter().map(|record| verdict(record.offset)).collect())
        })
        .await;
    assert_eq!(seen.calls, [(1, vec![0, 1, 2, 3]), (2, vec![1, 3]), (3, vec![1, 3])]);
    assert_eq!((seen.end, seen.acked), (End::Drained, vec![0, 1, 2, 3]));
}

/// Writes the first record and asks for another call for the others, as a guest does that runs out of time.
fn bit_by_bit(batch: &Batch) -> Result<Vec<Verdict>, ProcessError> {
    let after = Some(Duration::from_millis(100));
    let mut verdicts = vec![Verdict::Retry { reason: "no time".to_owned(), after }; batch.records.len()];
    verdicts[0] = Verdict::Written;
    Ok(verdicts)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_makes_progress_uses_up_no_retry() {
    let mut rig = Rig::new();
    rig.policy.max_retries = 1;
    rig.send(0..6).await;
    let seen = rig.run(bit_by_bit).await;
    assert_eq!((seen.end, seen.acked), (End::Drained, (0..6).collect()));
    let expected: Vec<Call> = (0..6).map(|first| (first as u32 + 1, (first..6).collect())).collect();
    assert_eq!(seen.calls, expected);
}

#[tokio::test(start_paused = true)]
async fn retries_count_from_the_last_progress() {
    let mut rig = Rig::new();
    rig.policy.max_retries = 2;
    rig.send(0..4).await;
    let seen = rig
        .run(|batch| match batch.attempt {
            1 | 4.. => Err(retryable("busy")),
            _ => bit_by_bit(batch),
        })
        .await;
    assert_eq!(seen.end, End::Parked { reason: "busy".to_owned() });
    let sizes: Vec<_> = seen.calls.iter().map(|(attempt, offsets)| (*attempt, offsets.len())).collect();
    assert_eq!(sizes, [(1, 4), (2, 4), (3, 3), (4, 2), (5, 2), (6, 2)]);
    assert_eq!(seen.acked, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn progress_does_not_stretch_the_brokers_patience() {
    let mut rig = Rig::new();
    rig.policy.budget = Duration::from_millis(250);
    rig.send(0..9).await;
    let seen = rig.run(bit_by_bit).await;
    assert_eq!(seen.end, End::Parked { reason: "no time".to_owned() });
    let written = u64::try_from(seen.calls.len()).unwrap();
    assert!((1..9).contains(&written), "{written}");
    assert_eq!(seen.acked, (0..written).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_guest_is_told_where_the_order_counts() {
    for order in [Order::Any, Order::ByKey, Order::Strict] {
        let mut rig = Rig::new();
        rig.policy.order = order;
        rig.send(0..4).await;
        let seen = rig
            .run(move |batch| match (batch.order == order, batch.records.len()) {
                (true, 1) => written(batch),
                // Taken apart, so that the halves are looked at as well.
                (true, _) => Err(ProcessError::Broken { reason: "too many".to_owned() }),
                (false, _) => panic!("told otherwise"),
            })
            .await;
        assert_eq!((seen.end, seen.acked), (End::Drained, vec![0, 1, 2, 3]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_parks_the_lane_and_acknowledges_nothing() {
    let rig = Rig::new();
    rig.send(0..2).await;
    let seen = rig.run(|_| Err(retryable("connection refused"))).await;
    assert_eq!(seen.end, End::Parked { reason: "connection refused".to_owned() });
    assert_eq!(seen.calls.len(), 4, "the first try and max_retries more");
    assert!(seen.acked.is_empty(), "{:?}", seen.acked);
}

#[tokio::test(start_paused = true)]
async fn a_pause_beyond_the_brokers_patience_parks_at_once() {
    let rig = Rig::new();
    rig.send([0]).await;
    let after = Some(HOUR);
    let seen = rig.run(move |_| Err(ProcessError::Retryable { reason: "come back later".to_owned(), after })).await;
    assert_eq!(seen.end, End::Parked { reason: "come back later".to_owned() });
    assert_eq!(seen.calls.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_the_broker_drops_what_a_consumer_holds_the_lane_holds_on_through_an_outage() {
    let mut rig = Rig::new();
    rig.policy.hold = true;
    rig.send(0..2).await;
    let begun = Instant::now();
    let seen = rig
        .run(move |batch| match begun.elapsed() < HOUR {
            true => Err(retryable("connection refused")),
            false => written(batch),
        })
        .await;
    assert_eq!((seen.end, seen.acked), (End::Drained, vec![0, 1]));
}

#[tokio::test(start_paused = true)]
async fn an_idle_lane_parks_when_its_target_stays_unwell() {
    let mut rig = Rig::new();
    rig.policy.health_check_interval = Duration::from_secs(30);
    let keep_open = rig.to_session.clone();
    let seen = rig.run(|_| panic!("there are no records")).await;
    assert_eq!(seen.end, End::Parked { reason: "no route to host".to_owned() });
    drop(keep_open);
}

#[tokio::test(start_paused = true)]
async fn breaking_the_guest_is_no_retry() {
    let mut rig = Rig::new();
    rig.policy.max_retries = 0;
    rig.policy.on_reject = OnReject::Skip;
    rig.send(0..3).await;
    let seen = rig
        .run(|batch| match batch.records.iter().any(|record| record.offset == 1) {
            true => Err(ProcessError::Broken { reason: "unreachable".to_owned() }),
            false => written(batch),
        })
        .await;
    assert_eq!((seen.end, seen.acked), (End::Drained, vec![0, 1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_ends_the_connector() {
    let rig = Rig::new();
    rig.send([0]).await;
    let seen = rig.run(|_| Err(ProcessError::Fatal { reason: "wrong password".to_owned() })).await;
    assert_eq!(seen.end, End::Failed { reason: "wrong password".to_owned() });
    assert!(seen.acked.is_empty(), "{:?}", seen.acked);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_record_stops_the_lane_unless_it_may_be_skipped() {
    let reject_2 = |batch: &Batch| {
        let verdict = |offset| match offset {
            2 => Verdict::Reject { reason: "no such column".to_owned() },
            _ => Verdict::Written,
        };
        Ok(batch.records.iter().map(|record| verdict(record.offset)).collect())
    };
    let rig = Rig::new();
    rig.send(0..3).await;
    let seen = rig.run(reject_2).await;
    let End::Failed { reason } = seen.end else { panic!("{:?}", seen.end) };
    assert!(reason.contains("/default/t@2") && reason.contains("no such column"), "{reason}");
    assert_eq!(seen.acked, [0, 1]);

    let mut rig = Rig::new();
    rig.policy.on_reject = OnReject::Skip;
    rig.send(0..3).await;
    let seen = rig.run(reject_2).await;
    assert_eq!((seen.end, seen.acked), (End::Drained, vec![0, 1, 2]));
    assert!(seen.metrics.contains("danube_wasm_messages_skipped_total{connector=\"c\",topic=\"/default/t\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn the_one_record_that_breaks_the_guest_is_found() {
    let mut rig = Rig::new();
    rig.policy.on_reject = OnReject::Skip;
    rig.send(0..9).await;
    let seen = rig
        .run(|batch| match batch.records.iter().any(|record| record.offset == 6) {
            true => Err(ProcessError::Broken { reason: "unreachable".to_owned() }),
            false => written(batch),
        })
        .await;
    assert_eq!((seen.end, seen.acked), (End::Drained, (0..9).collect()));
    assert!(seen.metrics.contains("danube_wasm_messages_skipped_total{connector=\"c\",topic=\"/default/t\"} 1"));
    assert!(seen.metrics.contains("danube_connector_messages_processed_total{connector=\"c\",topic=\"/default/t\"} 8"));
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_breaks_once_gets_the_same_batch_again() {
    let rig = Rig::new();
    rig.send(0..3).await;
    let mut broken = false;
    let seen = rig
        .run(move |batch| {
            if !std::mem::replace(&mut broken, true) {
                return Err(ProcessError::Broken { reason: "out of memory".to_owned() });
            }
            written(batch)
        })
        .await;
    assert_eq!(seen.calls, [(1, vec![0, 1, 2]), (2, vec![0, 1, 2])]);
    assert_eq!(seen.acked, [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_full_window_is_written_without_waiting_for_the_timer() {
    let mut rig = Rig::new();
    rig.policy.flush_interval = HOUR;
    rig.send(0..10).await;
    let to_session = rig.to_session.clone();
    let begun = Instant::now();
    let seen = rig
        .run_until(CancellationToken::new(), move |batch| {
            // Keep the intake open until the batch came: its end would flush as well.
            let _ = &to_session;
            assert!(begun.elapsed() < HOUR, "the timer flushed it");
            Err(ProcessError::Fatal { reason: format!("{} records", batch.records.len()) })
        })
        .await;
    assert_eq!(seen.end, End::Failed { reason: "10 records".to_owned() });
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_again_while_in_hand_is_not_given_twice() {
    let rig = Rig::new();
    rig.send([0, 1, 0, 1, 2]).await;
    let seen = rig.run(written).await;
    assert_eq!(seen.calls, [(1, vec![0, 1, 2])]);
    assert!(seen.metrics.contains("danube_wasm_messages_duplicate_total{connector=\"c\",topic=\"/default/t\"} 2"));
}

#[tokio::test(start_paused = true)]
async fn draining_writes_what_is_collected_and_tries_nothing_twice() {
    let mut rig = Rig::new();
    rig.policy.flush_interval = HOUR;
    rig.send(0..3).await;
    let keep_open = rig.to_session.clone();
    let drain = CancellationToken::new();
    let draining = drain.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        draining.cancel();
    });
    let seen = rig
        .run_until(drain, move |batch| {
            let _ = &keep_open;
            match batch.records.len() {
                3 => Ok(vec![
                    Verdict::Written,
                    Verdict::Retry { reason: "busy".to_owned(), after: None },
                    Verdict::Written,
                ]),
                _ => panic!("tried again"),
            }
        })
        .await;
    assert_eq!((seen.end, seen.acked), (End::Drained, vec![0, 2]));
}

fn retry(after: Option<Duration>) -> Verdict {
    Verdict::Retry { reason: "busy".to_owned(), after }
}

#[tokio::test(start_paused = true)]
async fn where_the_order_counts_what_is_behind_a_retry_goes_again_too() {
    let mut rig = Rig::new();
    rig.policy.order = Order::Strict;
    rig.send(0..5).await;
    let seen = rig
        .run(|batch| match batch.attempt {
            // Writes behind a record that it did not write.
            1 => Ok(batch.records.iter().map(|r| if r.offset == 2 { retry(None) } else { Verdict::Written }).collect()),
            _ => written(batch),
        })
        .await;
    assert_eq!(seen.calls, [(1, vec![0, 1, 2, 3, 4]), (2, vec![2, 3, 4])]);
    assert_eq!(seen.acked, [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_waits_holds_up_its_own_records_only() {
    let mut rig = Rig::new();
    rig.policy.order = Order::ByKey;
    rig.policy.batch_size = 3;
    for (offset, key) in [(0, "a"), (1, "b"), (2, "a"), (3, "a"), (4, "b"), (5, "c")] {
        rig.send_keyed(offset, key).await;
    }
    let seen = rig
        .run(|batch| {
            let first = batch.attempt == 1;
            let verdict = |offset| if first && offset == 0 { retry(Some(HOUR / 1000)) } else { Verdict::Written };
            Ok(batch.records.iter().map(|record| verdict(record.offset)).collect())
        })
        .await;
    assert_eq!(seen.calls, [(1, vec![0, 1, 2]), (1, vec![4, 5]), (2, vec![0, 2, 3])]);
    assert_eq!(seen.acked, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn while_a_record_waits_the_others_flow() {
    let mut rig = Rig::new();
    rig.policy.batch_size = 2;
    rig.send(0..6).await;
    let seen = rig
        .run(|batch| {
            let verdict = |offset| if offset == 0 && batch.attempt < 3 { retry(None) } else { Verdict::Written };
            Ok(batch.records.iter().map(|record| verdict(record.offset)).collect())
        })
        .await;
    assert_eq!(seen.calls, [(1, vec![0, 1]), (1, vec![2, 3]), (1, vec![4, 5]), (2, vec![0]), (3, vec![0])]);
    assert_eq!((seen.end, seen.acked), (End::Drained, (0..6).collect()));
}

#[tokio::test(start_paused = true)]
async fn an_outage_lets_nothing_overtake() {
    let mut rig = Rig::new();
    rig.policy.batch_size = 2;
    rig.send(0..4).await;
    let seen = rig.run(|batch| if batch.attempt < 3 { Err(retryable("refused")) } else { written(batch) }).await;
    let offsets: Vec<_> = seen.calls.into_iter().map(|(_, offsets)| offsets).collect();
    assert_eq!(offsets, [[0, 1], [0, 1], [0, 1], [2, 3], [2, 3], [2, 3]]);
}

/// Writes all but one record, which it asks for again for ever.
fn all_but_0(batch: &Batch) -> Result<Vec<Verdict>, ProcessError> {
    let verdict = |offset| if offset == 0 { retry(None) } else { Verdict::Written };
    Ok(batch.records.iter().map(|record| verdict(record.offset)).collect())
}

#[tokio::test(start_paused = true)]
async fn a_record_that_fails_while_others_are_written_goes_back_alone() {
    let mut rig = Rig::new();
    rig.policy.batch_size = 2;
    rig.send(0..6).await;
    let seen = rig.run(all_but_0).await;
    assert_eq!((seen.end, seen.acked, seen.nacked), (End::Drained, (1..6).collect(), vec![0]));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_went_back_too_often_is_given_up() {
    let mut rig = Rig::new();
    rig.policy.batch_size = 2;
    rig.policy.on_reject = OnReject::Skip;
    rig.send([0, 0, 0, 0, 1, 2, 3]).await;
    let seen = rig.run(all_but_0).await;
    assert_eq!((seen.end, seen.acked, seen.nacked), (End::Drained, vec![0, 1, 2, 3], vec![]));
    assert!(seen.metrics.contains("danube_wasm_messages_skipped_total{connector=\"c\",topic=\"/default/t\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_again_after_it_was_settled_is_acknowledged_again() {
    let mut rig = Rig::new();
    rig.policy.order = Order::Strict;
    rig.policy.watch = Watch::Every;
    rig.send(0..3).await;
    let (again, answers) = (rig.to_session.clone(), rig.answers.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        again.send(Event::Delivery(answers.delivery(1, "{\"n\":1}"))).await.unwrap();
    });
    let seen = rig.run(written).await;
    assert_eq!(seen.calls, [(1, vec![0, 1, 2])]);
    assert_eq!(seen.acked, [0, 1, 1, 2]);
    assert!(seen.metrics.contains("danube_wasm_messages_redelivered_total{connector=\"c\",topic=\"/default/t\"} 1"));
}

fn breaks_on_1(batch: &Batch) -> Result<Vec<Verdict>, ProcessError> {
    match batch.records.iter().any(|record| record.offset == 1) {
        true => Err(ProcessError::Broken { reason: "no answer within 20s".to_owned() }),
        false => written(batch),
    }
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_guest_is_taken_apart_while_parked_if_the_broker_does_not_wait() {
    let mut rig = Rig::new();
    rig.policy.on_reject = OnReject::Skip;
    // Too short for a second call, should that one hang as well.
    rig.policy.budget = Duration::from_secs(20);
    rig.send(0..4).await;
    let seen = rig.run(breaks_on_1).await;
    assert_eq!(seen.end, End::Parked { reason: "no answer within 20s".to_owned() });
    assert_eq!((&seen.acked[..], seen.calls.len()), (&[][..], 1));

    let (mut end, mut seen) = seen.park(breaks_on_1).await;
    while end.is_some() {
        assert!(matches!(end, Some(End::Parked { .. })), "{end:?}");
        (end, seen) = seen.park(breaks_on_1).await;
    }
    assert_eq!((seen.held.len(), seen.lane.ledger.untold()), (0, 4));
    assert!(seen.metrics.contains("danube_wasm_messages_skipped_total{connector=\"c\",topic=\"/default/t\"} 1"));
    assert!(seen.metrics.contains("danube_connector_messages_processed_total{connector=\"c\",topic=\"/default/t\"} 3"));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_too_often_is_written_before_the_broker_sends_it_again() {
    let rig = Rig::new();
    rig.send([0, 1, 1, 2]).await;
    let seen = rig.run(|_| Err(retryable("refused"))).await;
    assert_eq!(seen.held.len(), 3);
    let (end, seen) = seen.park(|_| Err(retryable("refused"))).await;
    assert_eq!((end, seen.held.len()), (Some(End::Parked { reason: "refused".to_owned() }), 1));
    let (end, seen) = seen.park(written).await;
    assert_eq!((end, seen.calls[0].1.clone(), seen.lane.ledger.untold()), (None, vec![1], 1));
}

#[tokio::test(start_paused = true)]
async fn where_the_order_counts_what_stands_before_a_kept_record_is_kept() {
    let mut rig = Rig::new();
    rig.policy.order = Order::Strict;
    rig.policy.batch_size = 2;
    rig.send([0, 1, 2, 2, 3, 4, 5]).await;
    let seen = rig.run(|_| Err(retryable("refused"))).await;
    let (_, seen) = seen.park(written).await;
    let offsets: Vec<_> = seen.calls.into_iter().flat_map(|(_, offsets)| offsets).collect();
    assert_eq!(offsets, [0, 1, 2]);
}

fn broken(_: &Batch) -> Result<Vec<Verdict>, ProcessError> {
    Err(ProcessError::Broken { reason: "unreachable".to_owned() })
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_breaks_on_everything_condemns_nothing() {
    let mut rig = Rig::new();
    rig.policy.on_reject = OnReject::Skip;
    rig.send(0..10).await;
    let seen = rig.run(broken).await;
    let End::Parked { reason } = &seen.end else { panic!("{:?}", seen.end) };
    assert!(reason.contains("breaks on everything, tried with 3 records one by one: unreachable"), "{reason}");
    assert_eq!((seen.acked.len(), seen.held.len()), (0, 10));
    // After a pause it is tried with the oldest one, and with the next one to see whether that fares better.
    let (end, seen) = seen.park(broken).await;
    assert!(matches!(end, Some(End::Parked { .. })), "{end:?}");
    assert_eq!((seen.held.len(), seen.calls.len()), (10, 2));
    // It works again but for two of the records: now they are to blame, and only they.
    let works_again = |batch: &Batch| match batch.records[0].offset {
        0 | 1 | 5 => broken(batch),
        _ => written(batch),
    };
    let (mut end, mut seen) = seen.park(works_again).await;
    while end.is_some() {
        (end, seen) = seen.park(works_again).await;
    }
    assert_eq!((seen.held.len(), seen.lane.ledger.untold()), (0, 10));
    assert!(seen.metrics.contains("danube_wasm_messages_skipped_total{connector=\"c\",topic=\"/default/t\"} 3"));
}

#[tokio::test(start_paused = true)]
async fn records_that_were_all_tried_in_vain_go_back_for_company_a_few_times() {
    for (sent, goes_back) in [(1, true), (3, true), (4, false)] {
        let mut rig = Rig::new();
        rig.policy.on_reject = OnReject::Skip;
        for _ in 0..sent {
            rig.send(0..5).await;
        }
        let mut seen = rig.run(broken).await;
        for pass in 0..5 {
            assert!(!seen.held.needs_company(&seen.lane.ledger), "pass {pass}: not all of them were tried");
            (_, seen) = seen.park(broken).await;
        }
        (_, seen) = seen.park(broken).await;
        assert_eq!((seen.held.len(), seen.held.needs_company(&seen.lane.ledger)), (5, goes_back), "sent {sent} times");
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_is_nothing_else_to_try_a_few_records_are_condemned_blindly() {
    let mut rig = Rig::new();
    rig.policy.on_reject = OnReject::Skip;
    rig.policy.batch_size = 1;
    rig.send(0..10).await;
    let seen = rig.run(broken).await;
    assert!(matches!(seen.end, End::Parked { .. }), "{:?}", seen.end);
    assert_eq!(seen.acked, [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_can_not_be_dead_lettered_is_kept_while_the_others_are_acknowledged() {
    let mut rig = Rig::new();
    rig.policy.on_reject = OnReject::DeadLetter;
    rig.send(0..3).await;
    let seen = rig
        .run(|batch| {
            let verdict = |offset| match offset {
                1 => Verdict::Reject { reason: "no such column".to_owned() },
                _ => Verdict::Written,
            };
            Ok(batch.records.iter().map(|record| verdict(record.offset)).collect())
        })
        .await;
    // There is no topic at all here, which is the same to the others.
    assert!(matches!(seen.end, End::Failed { .. }), "{:?}", seen.end);
    assert_eq!((seen.acked, seen.held.letters.len()), (vec![0, 2], 1));
}

/// Hands out records as a broker with a window of 10 does.
fn broker_with_a_backlog(answers: &Answers, to_session: mpsc::Sender<Event>, records: u64) {
    let answers = answers.clone();
    tokio::spawn(async move {
        for offset in 0..records {
            while offset >= answers.acked().len() as u64 + 10 {
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
            to_session.send(Event::Delivery(answers.delivery(offset, "{}"))).await.unwrap();
        }
    });
}

/// The sizes of the last batches, where an acknowledgement takes `ack` and a call takes `call`.
async fn batches(ack: Duration, call: Duration) -> Vec<usize> {
    let mut rig = Rig::new();
    rig.policy.flush_interval = HOUR;
    rig.answers = Answers::recorded_after(ack);
    rig.call = call;
    broker_with_a_backlog(&rig.answers, rig.to_session.clone(), 1000);
    let begun = Instant::now();
    let seen = rig.run(written).await;
    assert_eq!(seen.acked.len(), 1000);
    // The clock is the test's own, and stands still unless everybody waits.
    assert!(begun.elapsed() < Duration::from_secs(2), "the timer flushed: {:?}", begun.elapsed());
    seen.calls.iter().rev().skip(2).take(50).map(|(_, offsets)| offsets.len()).collect()
}

#[tokio::test(start_paused = true)]
async fn batches_are_windows_while_the_guest_is_slow_and_halves_while_the_broker_is() {
    let (short, long) = (Duration::from_millis(1), Duration::from_millis(8));
    assert_eq!(batches(short, long).await, [10; 50]);
    assert_eq!(batches(long, short).await, [5; 50]);
}
