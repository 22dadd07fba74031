//! A record as the broker delivered it. A [`Delivery`] is an answer that the host owes: it can't be copied, and settling
//! it uses it up. One that is dropped unanswered is delivered again by the broker.

use std::{collections::HashMap, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use danube_core::proto::{
    AckRequest, MsgId, NackRequest, StreamMessage, consumer_service_client::ConsumerServiceClient,
};
use tokio::time::Instant;

use super::{Broker, Error, connection::Route};

/// danube-client stamps records in milliseconds, the guide promises microseconds. Anything below this is taken for
/// milliseconds: as microseconds it would be before March 1973, as milliseconds it is before the year 5138.
const MILLIS_BELOW: u64 = 100_000_000_000_000;

/// As [`ConsumerServiceClient::ack`] calls it.
const ACK: &str = "/danube.ConsumerService/Ack";

/// What the producer published, untouched but for the unit of its time.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// The bytes as published.
    pub payload: Bytes,
    /// Microseconds since the Unix epoch.
    pub publish_time: u64,
    /// The producer's name.
    pub producer: String,
    /// What the producer set.
    pub attributes: HashMap<String, String>,
    /// The registry's id of the schema's subject.
    pub schema_id: Option<u64>,
    /// The schema's version.
    pub schema_version: Option<u32>,
    /// The key that the record was routed by.
    pub routing_key: Option<String>,
}

/// A record and the answer that is owed for it.
#[derive(Debug)]
#[must_use = "a delivery that is not settled is delivered again"]
pub struct Delivery {
    /// What was published.
    pub content: Content,
    /// The answer that is owed.
    pub receipt: Receipt,
}

/// The right to answer for one record, once.
#[derive(Debug)]
#[must_use = "a record that is not answered for is delivered again"]
pub struct Receipt {
    partition: Option<u32>,
    request_id: u64,
    msg_id: MsgId,
    publish_time: u64,
    received: Instant,
    answers: Answers,
}

/// Where the answers for one stream of records go. Shared by all receipts of that stream.
#[derive(Debug, Clone)]
pub struct Answers(Arc<Port>);

#[derive(Debug)]
#[cfg_attr(not(test), expect(clippy::large_enum_variant, reason = "there is one for all the receipts of a stream"))]
enum Port {
    Broker {
        broker: Broker,
        route: Route,
        subscription: String,
    },
    /// Nobody waits for an answer.
    Nobody,
    #[cfg(test)]
    Recorded(std::sync::Mutex<fake::Recorded>),
}

impl Content {
    /// What Key-Shared keeps the order by: the routing key, or the producer's name where there is none.
    pub fn key(&self) -> &str {
        self.routing_key.as_deref().unwrap_or(&self.producer)
    }
}

impl Delivery {
    pub(super) fn new(message: StreamMessage, partition: Option<u32>, answers: &Answers) -> Option<Self> {
        let receipt = Receipt {
            partition,
            request_id: message.request_id,
            msg_id: message.msg_id?,
            publish_time: message.publish_time,
            received: Instant::now(),
            answers: answers.clone(),
        };
        let content = Content {
            payload: message.payload,
            publish_time: microseconds(message.publish_time),
            producer: message.producer_name,
            attributes: message.attributes,
            schema_id: message.schema_id,
            schema_version: message.schema_version,
            routing_key: message.routing_key,
        };
        Some(Self { content, receipt })
    }

    /// Records that no broker sent, to measure what they cost.
    pub(crate) fn made_up(offsets: Range<u64>, payload: &Bytes) -> Vec<Self> {
        let answers = Answers(Arc::new(Port::Nobody));
        let record = |topic_offset| {
            let msg_id = MsgId { topic_offset, topic_name: "/default/t".to_owned(), ..MsgId::default() };
            let producer_name = "p".to_owned();
            let message = StreamMessage {
                msg_id: Some(msg_id),
                payload: payload.clone(),
                producer_name,
                ..StreamMessage::default()
            };
            Self::new(message, None, &answers)
        };
        offsets.filter_map(record).collect()
    }
}

impl Receipt {
    /// One for a record that no broker sent.
    pub(crate) fn of_nobody(partition: Option<u32>, offset: u64, publish_time: u64) -> Self {
        let msg_id = MsgId { topic_offset: offset, ..MsgId::default() };
        let answers = Answers(Arc::new(Port::Nobody));
        Self { partition, request_id: 0, msg_id, publish_time, received: Instant::now(), answers }
    }

    /// The partition, counting from 0.
    pub fn partition(&self) -> Option<u32> {
        self.partition
    }

    /// The offset in the topic or partition.
    pub fn offset(&self) -> u64 {
        self.msg_id.topic_offset
    }

    /// The broker's id of the producer.
    pub fn producer_id(&self) -> u64 {
        self.msg_id.producer_id
    }

    /// As the producer stamped it. With the producer's id it tells a record from another one that got the same offset
    /// later, because the topic was made anew.
    pub fn publish_time(&self) -> u64 {
        self.publish_time
    }

    /// When it came. The broker's patience counts from here.
    pub fn received(&self) -> Instant {
        self.received
    }

    /// Tells the broker that the record is done. It may be called again after a failure.
    pub async fn ack(&self) -> Result<(), Error> {
        match &*self.answers.0 {
            Port::Broker { broker, route, subscription } => {
                let ack = AckRequest {
                    request_id: self.request_id,
                    msg_id: Some(self.msg_id.clone()),
                    subscription_name: subscription.clone(),
                };
                let request = broker.request(ack, route);
                let told = async { route.link.tell(ACK, request).await.map(tonic::Response::new) };
                broker.call("acknowledge a record", told).await
            }
            Port::Nobody => Ok(()),
            #[cfg(test)]
            Port::Recorded(recorded) => {
                let time = recorded.lock().expect("no panic while locked").time;
                tokio::time::sleep(time).await;
                recorded.lock().expect("no panic while locked").acked.push((self.partition(), self.offset()));
                Ok(())
            }
        }
    }

    /// Gives the record back to the broker, which sends it again after `delay` or after a pause of its own, whichever is
    /// longer. It counts that as one of the record's deliveries.
    pub async fn nack(&self, delay: Duration, reason: &str) -> Result<(), Error> {
        match &*self.answers.0 {
            Port::Broker { broker, route, subscription } => {
                let nack = NackRequest {
                    request_id: self.request_id,
                    msg_id: Some(self.msg_id.clone()),
                    subscription_name: subscription.clone(),
                    delay_ms: Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
                    reason: Some(reason.to_owned()),
                };
                let request = broker.request(nack, route);
                let mut client = ConsumerServiceClient::new(route.link.clone());
                broker.call("give a record back", client.nack(request)).await.map(drop)
            }
            Port::Nobody => Ok(()),
            #[cfg(test)]
            Port::Recorded(recorded) => {
                recorded.lock().expect("no panic while locked").nacked.push(self.offset());
                Ok(())
            }
        }
    }
}

impl Answers {
    pub(super) fn new(broker: Broker, route: Route, subscription: String) -> Self {
        Self(Arc::new(Port::Broker { broker, route, subscription }))
    }
}

/// Whatever the producer wrote.
pub(super) fn microseconds(publish_time: u64) -> u64 {
    if publish_time < MILLIS_BELOW { publish_time.saturating_mul(1000) } else { publish_time }
}

/// Deliveries without a broker behind them, for the tests of the pipeline.
#[cfg(test)]
pub(crate) mod fake {
    use super::*;

    impl Receipt {
        /// Makes it one for another record with the same offset.
        pub(crate) fn restamp(&mut self, publish_time: u64) {
            self.publish_time = publish_time;
        }
    }

    /// What was answered, in order.
    #[derive(Debug, Default)]
    pub(crate) struct Recorded {
        /// Partitions and offsets.
        pub(crate) acked: Vec<(Option<u32>, u64)>,
        /// Offsets.
        pub(crate) nacked: Vec<u64>,
        /// How long an acknowledgement takes.
        pub(crate) time: Duration,
    }

    impl Answers {
        pub(crate) fn recorded() -> Self {
            Self::recorded_after(Duration::ZERO)
        }

        /// Every acknowledgement takes so long.
        pub(crate) fn recorded_after(time: Duration) -> Self {
            Self(Arc::new(Port::Recorded(std::sync::Mutex::new(Recorded { time, ..Recorded::default() }))))
        }

        /// The partitions and offsets acknowledged so far, in order.
        pub(crate) fn acked(&self) -> Vec<(Option<u32>, u64)> {
            self.look(|recorded| recorded.acked.clone())
        }

        /// The offsets given back so far, in order.
        pub(crate) fn nacked(&self) -> Vec<u64> {
            self.look(|recorded| recorded.nacked.clone())
        }

        fn look<T: Default>(&self, at: impl FnOnce(&Recorded) -> T) -> T {
            match &*self.0 {
                Port::Recorded(recorded) => at(&recorded.lock().expect("no panic while locked")),
                Port::Broker { .. } | Port::Nobody => T::default(),
            }
        }

        pub(crate) fn delivery(&self, offset: u64, payload: &str) -> Delivery {
            let msg_id = MsgId { topic_offset: offset, topic_name: "/default/t".to_owned(), ..MsgId::default() };
            let message = StreamMessage {
                msg_id: Some(msg_id),
                payload: Bytes::copy_from_slice(payload.as_bytes()),
                producer_name: "p".to_owned(),
                ..StreamMessage::default()
            };
            Delivery::new(message, None, self).expect("it has an id")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publish_times_are_microseconds_whatever_the_producer_sent() {
        assert_eq!(microseconds(1_764_000_000_123), 1_764_000_000_123_000);
        assert_eq!(microseconds(1_764_000_000_123_456), 1_764_000_000_123_456);
        assert_eq!(microseconds(0), 0);
    }
}
