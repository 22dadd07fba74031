//! The names of the attributes that a dead letter carries besides those of its record. Names that the broker has for its
//! own dead letters are the same.

/// The topic, with its partition.
pub const TOPIC: &str = "x-original-topic";
/// The offset there.
pub const OFFSET: &str = "x-original-topic-offset";
/// The subscription.
pub const SUBSCRIPTION: &str = "x-original-subscription";
/// The broker's id of the producer.
pub const PRODUCER_ID: &str = "x-original-producer-id";
/// When the record was published, in microseconds since the Unix epoch. Ours.
pub const PUBLISH_TIME: &str = "x-original-publish-time";
/// Why.
pub const REASON: &str = "x-failure-reason";
/// How often it was tried: by the host, with the component; by the broker, with any consumer.
pub const ATTEMPT: &str = "x-delivery-attempt";
/// When it was dead-lettered: RFC 3339, UTC, milliseconds. Ours; stays when the letter moves within its topic.
pub const TIME: &str = "x-dead-letter-time";
/// `connector_name`. Ours.
pub const CONNECTOR: &str = "x-connector";
/// The digest of the component. Ours.
pub const COMPONENT: &str = "x-component-sha256";
/// What the record did not survive. Ours.
pub const STAGE: &str = "x-stage";
/// The broker's address; in its own dead letters only.
pub const BROKER: &str = "x-original-broker-addr";
/// The broker's policy; in its own dead letters only.
pub const POISON_POLICY: &str = "x-poison-policy";
/// On a record that was replayed: the dead-letter topic and the offset there.
pub const REPLAYED_FROM: &str = "x-replayed-from";
/// On a letter that says nothing of where it came from: its first place in the dead-letter topic. Ours.
pub const ID: &str = "x-dead-letter-id";
/// On a record of the dead-letter topic that is no dead letter but a mark of ours in its log.
pub const MARK: &str = "x-danube-wasm-mark";

/// All of them: what a replayed record does not keep.
pub const ALL: [&str; 16] = [
    TOPIC,
    OFFSET,
    SUBSCRIPTION,
    PRODUCER_ID,
    PUBLISH_TIME,
    REASON,
    ATTEMPT,
    TIME,
    CONNECTOR,
    COMPONENT,
    STAGE,
    BROKER,
    POISON_POLICY,
    REPLAYED_FROM,
    ID,
    MARK,
];
