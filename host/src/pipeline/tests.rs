//! A session between a scripted intake and a scripted processor, under a paused clock.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Intake, Processor, Session,
    edge::{End, LanePolicy, ProcessError},
};
use crate::{
    broker::{Answers, Broker, BrokerOptions, Event},
    metrics::Metrics,
    record::{Batch, OnReject, Verdict},
    schema::SchemaCache,
};

const HOUR: Duration = Duration::from_secs(3600);

struct Channel(mpsc::Receiver<Event>);

impl Intake for Channel {
    async fn recv(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}

/// One call of the guest: which offsets, which attempt.
type Call = (u32, Vec<u64>);
type Answer = Box<dyn FnMut(&Batch) -> Result<Vec<Verdict>, ProcessError> + Send>;

struct Script {
    answer: Answer,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Processor for Script {
    async fn process(&mut self, batch: &Batch, _limit: Duration) -> Result<Vec<Verdict>, ProcessError> {
        let offsets = batch.records.iter().map(|record| record.offset).collect();
        self.calls.lock().unwrap().push((batch.attempt, offsets));
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
    metrics: Metrics,
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
            in_order: false,
            ordered: false,
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
            fuse: Arc::new(super::Fuse::new(0, Duration::from_secs(60))),
        };
        Self {
            policy,
            to_session,
            intake: Channel(received),
            answers: Answers::recorded(),
            calls: Arc::default(),
            metrics: Metrics::default(),
        }
    }

    async fn send(&self, offsets: impl IntoIterator<Item = u64>) {
        for offset in offsets {
            let delivery = self.answers.delivery(offset, &format!("{{\"n\":{offset}}}"));
            self.to_session.send(Event::Delivery(delivery)).await.unwrap();
        }
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
        let options = BrokerOptions { url: "http://127.0.0.1:1".to_owned(), tls: None, token: None };
        let broker = Broker::new(&options).await.unwrap();
        let metrics = self.metrics.lane("c", "/default/t");
        let session = Session {
            policy: Arc::new(self.policy),
            schemas: Arc::new(SchemaCache::new(broker)),
            metrics,
            dead_letters: None,
        };
        drop(self.to_session);
        let mut script = Script { answer: Box::new(answer), calls: self.calls.clone() };
        let end = session.run(&mut self.intake, &mut script, &drain).await;
        let calls = self.calls.lock().unwrap().clone();
        let mut acked: Vec<u64> = self.answers.acked().into_iter().map(|(_, offset)| offset).collect();
        acked.sort_unstable();
        Seen { end, calls, acked, metrics: self.metrics.encode() }
    }
}

struct Seen {
    end: End,
    calls: Vec<Call>,
    acked: Vec<u64>,
    metrics: String,
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

/// Writes the first record and asks at once for another call for the others, as a guest does that runs out of time.
fn bit_by_bit(batch: &Batch) -> Result<Vec<Verdict>, ProcessError> {
    let mut verdicts =
        vec![Verdict::Retry { reason: "no time".to_owned(), after: Some(Duration::ZERO) }; batch.records.len()];
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
async fn a_guest_is_told_whether_the_order_counts() {
    for ordered in [true, false] {
        let mut rig = Rig::new();
        rig.policy.ordered = ordered;
        rig.send(0..4).await;
        let seen = rig
            .run(move |batch| match (batch.ordered == ordered, batch.records.len()) {
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
