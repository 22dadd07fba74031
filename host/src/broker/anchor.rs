//! Why dead letters can be read back at all. The released broker gives a new subscription nothing but what comes after it,
//! and of that only the last 256 records; one that starts from a stored cursor gets everything. So a cursor is stored before
//! the first dead letter is published: two marks go ahead of it, and the first is acknowledged late enough.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{sync::Mutex, time::Instant};

use super::{
    Delivery, Error, Event, Receipt, SubscribeOptions, Subscription, header,
    publish::{Outgoing, Publisher},
};
use crate::record::SubscriptionType;

/// The subscription that dead letters are read back on.
pub const READER: &str = "danube-wasm-dlq";
/// The broker stores a cursor with an acknowledgement that comes this long after the subscription was created, or after
/// the last time; with none before (10 s, and something for the way).
pub(super) const CURSOR_IS_STORED_AFTER: Duration = Duration::from_millis(10_500);
/// How long the broker may take to hand out what is there: it looks every 500 ms.
const FIRST_RECORD: Duration = Duration::from_millis(1_500);

/// The first mark is acknowledged, and the cursor stored with it.
const FIRST: &str = "anchor-first";
/// The second stays, and says that all is done.
const SECOND: &str = "anchor-second";

/// The dead-letter topics that are anchored as far as this process knows.
pub(super) type Anchored = Arc<Mutex<std::collections::HashSet<String>>>;

/// Two marks that are published, of which the first is still to be acknowledged.
pub(super) struct Anchoring {
    subscription: Subscription,
    first: Option<Receipt>,
}

/// Anchors a topic once in a process. The waiting is done in the background. Whatever forbids it does not forbid
/// publishing dead letters.
pub(super) async fn before_the_first_letter(publisher: &mut Publisher) -> Result<(), Error> {
    let anchored = publisher.broker.anchored.clone();
    let mut anchored = anchored.lock().await;
    if anchored.contains(&publisher.topic) {
        return Ok(());
    }
    match anchor(publisher).await {
        Ok(None) => {}
        Ok(Some(anchoring)) => drop(tokio::spawn(anchoring.settle())),
        Err(error @ (Error::Unavailable { .. } | Error::NotFound { .. })) => return Err(error),
        Err(error @ (Error::Denied { .. } | Error::Refused { .. } | Error::Credentials { .. })) => tracing::warn!(
            topic = %publisher.topic, %error,
            "dead letters are published, but `danube-wasm dlq` may not find those that come before its first use"
        ),
    }
    anchored.insert(publisher.topic.clone());
    Ok(())
}

/// Looks whether the topic is anchored, and publishes the marks if it is not. `Some`: the cursor is not stored yet.
pub(super) async fn anchor(publisher: &mut Publisher) -> Result<Option<Anchoring>, Error> {
    publisher.open().await?;
    let mut subscription = publisher.broker.subscribe(&options(&publisher.topic, 1, READER)).await?;
    match tokio::time::timeout(FIRST_RECORD, next_delivery(&mut subscription)).await {
        Ok(Some(delivery)) if delivery.content.attributes.get(header::MARK).is_some_and(|mark| mark == FIRST) => {
            Ok(Some(Anchoring { subscription, first: Some(delivery.receipt) }))
        }
        Ok(_) => Ok(None),
        Err(_) => {
            for kind in [FIRST, SECOND] {
                publisher.publish_stubbornly("a mark", &mark(kind.to_owned())).await?;
            }
            Ok(Some(Anchoring { subscription, first: None }))
        }
    }
}

impl Anchoring {
    /// Holds the first mark until its acknowledgement stores the cursor. Gives way to anyone who takes the subscription
    /// over: they come to the same mark.
    pub(super) async fn settle(self) {
        let Self { mut subscription, mut first } = self;
        let until = Instant::now() + CURSOR_IS_STORED_AFTER;
        while let Ok(next) = tokio::time::timeout_at(until, next_delivery(&mut subscription)).await {
            let Some(delivery) = next else { return };
            if delivery.content.attributes.get(header::MARK).is_some_and(|mark| mark == FIRST) {
                first = Some(delivery.receipt);
            }
        }
        let Some(first) = first else { return };
        if let Err(error) = first.ack().await {
            tracing::warn!(%error, "the place of the first dead letter is not stored; a restart of the broker may hide some");
        }
    }
}

/// The next record; `None` when the stream is lost.
async fn next_delivery(subscription: &mut Subscription) -> Option<Delivery> {
    match subscription.recv().await? {
        Event::Delivery(delivery) => Some(delivery),
        Event::Lost { .. } | Event::Recovered { .. } => None,
    }
}

/// One of the subscriptions that share the reader's cursor: the broker stores cursors by the name without slashes at its
/// end, and has a subscription for every name as it is given. A subscription that is new to the broker and finds a cursor
/// starts after it and reads the stored log, however much that is. Number 1 is for anchoring, the others are for rounds.
pub(super) fn options(topic: &str, number: usize, consumer_name: &str) -> SubscribeOptions {
    exclusive(topic, format!("{READER}{}", "/".repeat(number)), consumer_name)
}

/// Exclusive: in order, and known to the broker by its first consumer's name for ever. Others are refused, the same name
/// takes over.
pub(super) fn exclusive(topic: &str, subscription: String, consumer_name: &str) -> SubscribeOptions {
    SubscribeOptions {
        topic: topic.to_owned(),
        subscription,
        consumer_name: consumer_name.to_owned(),
        subscription_type: SubscriptionType::Exclusive,
        key_filters: Vec::new(),
    }
}

/// A record that is no dead letter.
pub(super) fn mark(kind: String) -> Outgoing {
    Outgoing {
        payload: Bytes::from_static(b"a mark of danube-wasm in the log of its dead letters; not a dead letter"),
        attributes: [(header::MARK.to_owned(), kind)].into(),
        ..Outgoing::default()
    }
}
