//! Consuming one topic: a task for each partition subscribes, streams, watches the broker's health and comes back by
//! itself. What they receive arrives on one channel; a stream that has died is an event, never silence.

use std::time::Duration;

use danube_core::proto::{
    ConsumerRequest, HealthCheckRequest, ReceiveRequest, StreamMessage, consumer_service_client::ConsumerServiceClient,
    health_check_client::HealthCheckClient, health_check_request::ClientType, health_check_response::ClientStatus,
};
use futures::FutureExt;
use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use tonic::Streaming;

use super::{
    Answers, Broker, Delivery, Error,
    connection::{Route, partition_number},
};
use crate::{record::SubscriptionType, stages::Stage};

/// The broker's largest window (`max_unacked_messages`): it never has more than this unanswered, so that the channel
/// can't be what holds the receive path up.
const LARGEST_WINDOW: usize = 10_000;
/// How often the broker is asked whether it still knows the consumer; also what notices a connection that hangs.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a consumer that is subscribed asks for its stream before it subscribes anew.
const RECEIVE_TRIES: u32 = 3;
/// A Key-Shared consumer that was away for longer than this may have been evicted: the broker then accepts its name and
/// gives it nothing. The broker evicts after 3 s.
const EVICTED_AFTER: Duration = Duration::from_secs(2);

/// What to consume, as whom.
#[derive(Debug, Clone)]
pub struct SubscribeOptions {
    /// `/namespace/topic`.
    pub topic: String,
    /// The subscription's name.
    pub subscription: String,
    /// Unique on the subscription; the same name takes an existing consumer's place.
    pub consumer_name: String,
    /// How records are divided.
    pub subscription_type: SubscriptionType,
    /// Globs of routing keys, for Key-Shared.
    pub key_filters: Vec<String>,
}

/// What happens on a subscription.
#[derive(Debug)]
pub enum Event {
    /// A record, and the answer owed for it.
    Delivery(Delivery),
    /// A partition's stream is gone; the subscription is trying to get it back.
    Lost {
        /// The partition, or the topic where there are none.
        topic: String,
        /// Why.
        error: Error,
    },
    /// A lost stream is back.
    Recovered {
        /// The partition, or the topic where there are none.
        topic: String,
    },
}

/// A running subscription. Dropping it disconnects; what is unanswered then is delivered to the next consumer.
#[derive(Debug)]
pub struct Subscription {
    events: mpsc::Receiver<Event>,
    partitions: Vec<String>,
    _streams: JoinSet<()>,
}

impl Subscription {
    /// The next event. Cancel safe. `None` is never seen while the subscription lives.
    pub async fn recv(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The next event, if it has come already.
    pub fn try_recv(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// How many partitions are consumed; 1 for a topic without partitions.
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }
}

impl Broker {
    /// Subscribes to every partition of a topic. It returns when all of them stand, or at the first that can't.
    pub async fn subscribe(&self, options: &SubscribeOptions) -> Result<Subscription, Error> {
        let partitions = self.partitions(&options.topic).await?;
        let (events, received) = mpsc::channel(LARGEST_WINDOW);
        let mut streams = JoinSet::new();
        let mut sessions = Vec::new();
        for name in &partitions {
            let partition = Partition {
                broker: self.clone(),
                options: options.clone(),
                name: name.clone(),
                number: partition_number(&options.topic, name),
                events: events.clone(),
            };
            let session = partition.open(1).await?;
            sessions.push((partition, session));
        }
        for (partition, session) in sessions {
            streams.spawn(partition.run(session));
        }
        Ok(Subscription { events: received, partitions, _streams: streams })
    }
}

struct Partition {
    broker: Broker,
    options: SubscribeOptions,
    name: String,
    number: Option<u32>,
    events: mpsc::Sender<Event>,
}

/// One life of a partition's consumer on the broker.
struct Session {
    route: Route,
    consumer_id: u64,
    stream: Streaming<StreamMessage>,
}

impl Partition {
    async fn run(self, first: Session) {
        let mut session = Some(first);
        let mut pause = FIRST_PAUSE;
        let mut lives = 1;
        loop {
            let current = match session.take() {
                Some(session) => session,
                None => Box::pin(self.reopen(&mut pause, &mut lives)).await,
            };
            let since = Instant::now();
            let Some(error) = Stage::Receive.polls(self.consume(current)).await else { return };
            tracing::warn!(topic = %self.name, subscription = %self.options.subscription, error = %error, "lost the stream of records");
            if self.events.send(Event::Lost { topic: self.name.clone(), error }).await.is_err() {
                return;
            }
            if since.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
        }
    }

    /// Tries until it stands again. The pause keeps growing over sessions that end at once, so that two consumers of
    /// the same name do not take the subscription from each other in a hot loop.
    async fn reopen(&self, pause: &mut Duration, lives: &mut u32) -> Session {
        let away_since = Instant::now();
        loop {
            tokio::time::sleep(*pause).await;
            *pause = (*pause * 2).min(LONGEST_PAUSE);
            if away_since.elapsed() > EVICTED_AFTER {
                *lives += 1;
            }
            match self.open(*lives).await {
                Ok(session) => {
                    tracing::info!(topic = %self.name, subscription = %self.options.subscription, "resubscribed");
                    let recovered = Event::Recovered { topic: self.name.clone() };
                    // A closed channel is noticed by `consume`.
                    let _ = self.events.send(recovered).await;
                    return session;
                }
                Err(error) => {
                    tracing::warn!(topic = %self.name, error = %error, "cannot resubscribe yet");
                }
            }
        }
    }

    /// What the broker knows the consumer by in its `lives`-th life. A name that comes back takes the old consumer's place,
    /// with what it has not answered; only Key-Shared needs a new one after an eviction.
    fn consumer_name(&self, lives: u32) -> String {
        let name = &self.options.consumer_name;
        match self.options.subscription_type {
            SubscriptionType::KeyShared if lives > 1 => format!("{name}-{lives}"),
            SubscriptionType::KeyShared
            | SubscriptionType::Exclusive
            | SubscriptionType::Shared
            | SubscriptionType::Failover => name.clone(),
        }
    }

    async fn open(&self, lives: u32) -> Result<Session, Error> {
        let options = &self.options;
        let route = self.broker.route(&self.name).await?;
        let mut client = ConsumerServiceClient::new(route.link.clone());

        let action = format!("subscribe to `{}` as `{}`", self.name, options.subscription);
        let subscribe = ConsumerRequest {
            request_id: 0,
            topic_name: self.name.clone(),
            consumer_name: self.consumer_name(lives),
            subscription: options.subscription.clone(),
            subscription_type: in_proto(options.subscription_type).into(),
            key_filters: options.key_filters.clone(),
        };
        let request = self.broker.request(subscribe, &route);
        let consumer_id = self.broker.call(&action, client.subscribe(request)).await?.consumer_id;

        // The broker hands out records from now on, and counts that: the stream must not wait for a long pause.
        let mut tries = 1;
        loop {
            let request = self.broker.request(ReceiveRequest { request_id: 1, consumer_id }, &route);
            match self.broker.call(&action, client.receive_messages(request)).await {
                Ok(stream) => return Ok(Session { route, consumer_id, stream }),
                Err(error) if tries == RECEIVE_TRIES || !error.is_retryable() => return Err(error),
                Err(_) => tokio::time::sleep(FIRST_PAUSE).await,
            }
            tries += 1;
        }
    }

    /// Passes records on until the stream ends. `None`: nobody listens any more.
    async fn consume(&self, mut session: Session) -> Option<Error> {
        let answers = Answers::new(self.broker.clone(), session.route.clone(), self.options.subscription.clone());
        let gone = self.watch_health(&session.route, session.consumer_id);
        tokio::pin!(gone);
        loop {
            let message = tokio::select! {
                biased;
                message = session.stream.message() => message,
                () = self.events.closed() => return None,
                error = &mut gone => return Some(error),
            };
            let mut next = Some(message);
            while let Some(message) = next {
                match message {
                    Ok(Some(message)) => match Delivery::new(message, self.number, &answers) {
                        Some(delivery) => self.events.send(Event::Delivery(delivery)).await.ok()?,
                        None => return Some(self.broken("it sent a record without an id")),
                    },
                    Ok(None) => return Some(self.broken("it ended the stream")),
                    Err(status) => return Some(Error::from_status(self.broker.url(), "receive records", &status)),
                }
                // What has come with it goes on with it.
                next = session.stream.message().now_or_never();
            }
        }
    }

    /// Ends when the broker no longer knows the consumer or no longer answers.
    async fn watch_health(&self, route: &Route, consumer_id: u64) -> Error {
        loop {
            tokio::time::sleep(HEALTH_INTERVAL).await;
            let question = HealthCheckRequest { request_id: 0, client: ClientType::Consumer.into(), id: consumer_id };
            let request = self.broker.request(question, route);
            let mut client = HealthCheckClient::new(route.link.clone());
            match self.broker.call("check the consumer's health", client.health_check(request)).await {
                Ok(answer) if answer.status() == ClientStatus::Close => {
                    return self.broken("it closed the consumer");
                }
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }

    fn broken(&self, what: &str) -> Error {
        Error::Unavailable { url: self.broker.url().to_owned(), reason: what.to_owned() }
    }
}

fn in_proto(subscription_type: SubscriptionType) -> danube_core::proto::consumer_request::SubscriptionType {
    use danube_core::proto::consumer_request::SubscriptionType as Proto;
    match subscription_type {
        SubscriptionType::Exclusive => Proto::Exclusive,
        SubscriptionType::Shared => Proto::Shared,
        SubscriptionType::Failover => Proto::Failover,
        SubscriptionType::KeyShared => Proto::KeyShared,
    }
}
