//! One schedule's world: a broker, a target, a topic, and a host that is a process of its own, so that it can be killed.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use danube_dev_broker::{DevBrokerConfig, FailurePolicy, SubscriptionStats};
use danube_wasm_tests::{
    process::{Process, Signal},
    rig::{Message, Rig, Topic, quick},
    until,
};

use super::{
    connector::{connector_file, start_host},
    invariants::of_subscription,
    ledger::{Ledger, Outage},
    schedule::{ACK_TIMEOUT, Kind, Schedule},
};

/// Published in the end, to see that records flow.
const EPILOGUE: usize = 50;

/// When nothing has been settled for so long, nothing will be. Every pause of the host and the broker is far shorter.
const STUCK: Duration = Duration::from_secs(40);

/// So many faults in a row may each cost a record in flight one of its six deliveries.
const FAULTS_BEFORE_A_REST: usize = 2;

/// How many lines of the host's log a failure shows.
const LAST_WORDS: usize = 40;

/// One schedule's world.
pub(super) struct World {
    pub(super) rig: Rig,
    pub(super) topic: Topic,
    ledger: Arc<Mutex<Ledger>>,
    kind: Kind,
    file: PathBuf,
    host: Process,
    /// What earlier hosts have said.
    said: String,
    /// The number of the next record.
    next: usize,
}

/// How a schedule ended.
pub(super) struct Ended {
    pub(super) published: usize,
    pub(super) requests: usize,
    pub(super) wrong: Vec<String>,
    pub(super) last_words: String,
}

impl World {
    /// Plays a schedule to its end. `None`: the environment names a broker.
    pub(super) async fn play(schedule: &Schedule) -> Option<Ended> {
        let mut world = Self::start(schedule).await?;
        let mut wrong = world.live(schedule).await.err().into_iter().collect::<Vec<_>>();
        if wrong.is_empty() {
            world.stop_host(Signal::Term).await;
        }
        let last_words = world.last_words();
        let ledger = world.ledger();
        wrong.extend(ledger.verdict(schedule));
        Some(Ended { published: ledger.published(), requests: ledger.requests, wrong, last_words })
    }

    async fn start(schedule: &Schedule) -> Option<Self> {
        let failure_policy = FailurePolicy {
            ack_timeout: ACK_TIMEOUT,
            base_redelivery_delay: Duration::from_millis(60),
            max_redelivery_delay: Duration::from_secs(1),
            ..FailurePolicy::default()
        };
        let max_unacked_messages = schedule.window;
        // What 0.15.1 loses when it evicts a Key-Shared consumer no host can bring back; here it is handed over.
        let config = DevBrokerConfig { failure_policy, max_unacked_messages, key_shared_hand_over: true, ..quick() };
        let rig = Rig::in_memory_with("it switches on every fault that there is", config).await?;
        let topic = match schedule.partitions {
            Some(count) => rig.partitioned(count).await,
            None => rig.topic().await,
        };
        let dead_letter_topic = topic.name().replace("/topic-", "/dead-");
        let ledger = Ledger::new(topic.name(), &dead_letter_topic, schedule.kind, schedule.records.clone());
        let ledger = Arc::new(Mutex::new(ledger));
        let (target, witness) = (ledger.clone(), ledger.clone());
        rig.endpoint.judge(move |request| lock(&target).judge(request));
        rig.dev().observe(move |observed| lock(&witness).observe(observed));
        let file = connector_file(&rig, &topic, schedule, &dead_letter_topic);
        let host = start_host(&rig, &file);
        let world = Self { rig, topic, ledger, kind: schedule.kind, file, host, said: String::new(), next: 0 };
        world.until_consumed(schedule).await;
        Some(world)
    }

    /// Every step, then peace. An error: it goes no further.
    async fn live(&mut self, schedule: &Schedule) -> Result<(), String> {
        let mut costly = 0;
        for step in &schedule.steps {
            if step.fault.ends_the_host() && schedule.kind.is_ordered() {
                self.calm().await?;
            }
            self.publish(step.publish).await;
            self.settle(step.lag).await?;
            step.fault.strike(self, step.meanwhile).await;
            costly += usize::from(step.fault.costs_a_delivery());
            if costly >= FAULTS_BEFORE_A_REST {
                self.settle(0).await?;
                costly = 0;
            }
        }
        self.calm().await?;
        self.publish(EPILOGUE).await;
        self.settle(0).await?;
        self.rest().await
    }

    /// Publishes the next records.
    pub(super) async fn publish(&mut self, count: usize) {
        for n in self.next..self.next + count {
            let plan = lock(&self.ledger).key(n);
            let kind = self.kind;
            let message = || match (kind, plan) {
                (Kind::KeyShared, key) => Message::from(format!(r#"{{"n":{n}}}"#)).key(&format!("k{key}")),
                (Kind::Shared | Kind::Exclusive | Kind::Failover, _) => Message::from(format!(r#"{{"n":{n}}}"#)),
            };
            while self.rig.try_publish(&self.topic, message()).await.is_err() {
                self.reopen().await;
            }
        }
        self.next += count;
    }

    /// Makes a new producer, as after a fault that has cost the old one its connection.
    pub(super) async fn reopen(&mut self) {
        self.rig.reopen(&mut self.topic).await;
    }

    pub(super) async fn begin_outage(&self, how: Outage) {
        self.ledger().outage = Some(how);
        if how == Outage::Down {
            self.rig.endpoint.go_down().await;
        }
    }

    pub(super) async fn end_outage(&self, how: Outage) {
        self.ledger().outage = None;
        if how == Outage::Down {
            self.rig.endpoint.come_back().await;
        }
    }

    pub(super) async fn restart_host(&mut self) {
        self.stop_host(Signal::Term).await;
        self.next_host();
    }

    pub(super) async fn kill_host(&mut self) {
        self.stop_host(Signal::Kill).await;
        self.next_host();
    }

    fn next_host(&mut self) {
        self.said.push_str(&self.host.stderr());
        self.host = start_host(&self.rig, &self.file);
    }

    /// Ends the host and waits until the last that it sent has arrived.
    async fn stop_host(&mut self, signal: Signal) {
        if !self.host.has_ended() {
            self.host.signal(signal).await;
        }
        let ended = self.host.ended().await;
        match (signal, ended.code) {
            (Signal::Kill, None) | (Signal::Term | Signal::Int, Some(0)) => {}
            (signal, code) => self.ledger().violations.push(format!("the host ended with {code:?} (at SIG{signal:?})")),
        }
        self.rig.endpoint.until_left_alone().await;
    }

    /// Waits until at most so many records are unsettled.
    async fn settle(&mut self, lag: usize) -> Result<(), String> {
        let (mut best, mut since) = (0, Instant::now());
        loop {
            let (unsettled, settled) = self.ledger().progress();
            if unsettled <= lag {
                return Ok(());
            }
            if settled > best {
                (best, since) = (settled, Instant::now());
            }
            if since.elapsed() > STUCK || self.host.has_ended() {
                return Err(self.stuck());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until nothing is under way. Where order is promised a host does not end before that: of a record that it wrote,
    /// and whose acknowledgement a fault has thwarted, the next host can't know, and would write it by itself behind newer
    /// ones.
    async fn calm(&mut self) -> Result<(), String> {
        self.rig.dev().faults().clear();
        self.settle(0).await?;
        self.rest().await
    }

    /// Waits until the broker owes nothing.
    async fn rest(&mut self) -> Result<(), String> {
        let since = Instant::now();
        while !self.unrest().is_empty() {
            if since.elapsed() > STUCK {
                return Err(self.stuck());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn stuck(&mut self) -> String {
        let owed = self.ledger().owed();
        let ended = if self.host.has_ended() { "; the host has ended" } else { "" };
        let first: Vec<_> = owed.iter().take(10).cloned().collect();
        let unrest = self.unrest().join("; ");
        format!("stuck for {STUCK:?} with {} records owed{ended}: {}; {unrest}", owed.len(), first.join(", "))
    }

    /// What the broker still has to do.
    fn unrest(&self) -> Vec<String> {
        self.subscriptions().iter().filter_map(|(name, stats)| of_subscription(name, stats)).collect()
    }

    /// Waits until every instance consumes every partition: what is published before belongs to no new subscription.
    async fn until_consumed(&self, schedule: &Schedule) {
        let (partitions, instances) = (schedule.partitions.unwrap_or(1), schedule.instances);
        until("the host to consume", || {
            let all = self.subscriptions();
            let streaming = |stats: &SubscriptionStats| stats.consumers.iter().filter(|it| it.streaming).count();
            all.len() == partitions && all.iter().all(|(_, stats)| streaming(stats) as i64 == instances)
        })
        .await;
    }

    /// The subscription of the topic, or those of all its partitions.
    fn subscriptions(&self) -> Vec<(String, SubscriptionStats)> {
        let broker = self.rig.dev();
        let names = broker.topics().into_iter().filter(|name| name.starts_with(self.topic.name()));
        let stats = names.filter_map(|name| broker.topic(&name));
        stats.flat_map(|stats| stats.subscriptions.into_values().map(move |it| (stats.name.clone(), it))).collect()
    }

    fn last_words(&self) -> String {
        let said = format!("{}{}", self.said, self.host.stderr());
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n")
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
