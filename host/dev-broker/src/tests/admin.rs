//! The admin API: topics, subscriptions, their settings, and what is not implemented.

use danube_core::{
    admin_proto::{
        DescribeTopicRequest, Empty, GetSubscriptionDispatchConfigRequest, GetSubscriptionFailurePolicyRequest,
        NamespaceRequest, PartitionedTopicRequest, SetSubscriptionDispatchConfigRequest, SubscriptionDispatchConfig,
        SubscriptionRequest, TopicRequest, broker_admin_client::BrokerAdminClient,
    },
    proto::consumer_request::SubscriptionType,
};
use tonic::Code;

use super::wire::{Wire, short_policy};

#[tokio::test]
async fn topics_are_created_listed_described_and_deleted() {
    let wire = Wire::open().await;
    let mut admin = wire.topic_admin();
    let base_name = Wire::name("admin");
    let request = PartitionedTopicRequest { base_name: base_name.clone(), partitions: 2, ..Default::default() };
    admin.create_partitioned_topic(request).await.unwrap();
    let names = [0, 1].map(|n| format!("{base_name}-part-{n}"));
    let request = NamespaceRequest { name: "default".to_owned() };
    let listed = admin.list_namespace_topics(request).await.unwrap().into_inner().topics;
    let listed: Vec<_> = listed.into_iter().filter(|topic| topic.name.starts_with(&base_name)).collect();
    assert_eq!(listed.iter().map(|topic| topic.name.clone()).collect::<Vec<_>>(), names);
    assert!(listed.iter().all(|topic| topic.delivery == "NonReliable"));
    admin.delete_topic(TopicRequest { name: names[0].clone() }).await.unwrap();
    assert_eq!(wire.partitions(&base_name).await, names[1..]);
    let described = admin.describe_topic(DescribeTopicRequest { name: names[1].clone() }).await.unwrap().into_inner();
    assert_eq!((described.delivery.as_str(), described.schema_subject), ("NonReliable", None));
}

#[tokio::test]
async fn deleting_a_topic_ends_its_streams() {
    let wire = Wire::open().await;
    let topic = Wire::name("deleted");
    wire.create(&topic).await.unwrap();
    let mut records = wire.consume(&topic, "c", SubscriptionType::Shared).await;
    wire.topic_admin().delete_topic(TopicRequest { name: topic.clone() }).await.unwrap();
    records.end().await;
    assert_eq!(wire.subscribe(&topic, "c", SubscriptionType::Shared).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn settings_are_stored_with_the_subscription_and_listed_as_often() {
    let wire = Wire::open().await;
    let mut admin = wire.topic_admin();
    let (topic, subscription) = (Wire::name("settings"), "s".to_owned());
    wire.create(&topic).await.unwrap();
    wire.set_policy(&topic, short_policy()).await;
    let request = GetSubscriptionFailurePolicyRequest { topic: topic.clone(), subscription: subscription.clone() };
    let stored = admin.get_subscription_failure_policy(request).await.unwrap().into_inner();
    assert_eq!(stored.failure_policy, Some(short_policy()));
    let window = async |max_unacked_messages| {
        let (topic, subscription) = (topic.clone(), subscription.clone());
        let dispatch_config = Some(SubscriptionDispatchConfig { max_unacked_messages });
        let request = SetSubscriptionDispatchConfigRequest { topic, subscription, dispatch_config };
        wire.topic_admin().set_subscription_dispatch_config(request).await.map(|_| ())
    };
    window(50).await.unwrap();
    assert_eq!(window(0).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(window(10_001).await.unwrap_err().code(), Code::InvalidArgument);
    let request = GetSubscriptionDispatchConfigRequest { topic: topic.clone(), subscription: subscription.clone() };
    let stored = admin.get_subscription_dispatch_config(request).await.unwrap().into_inner();
    assert_eq!(stored.dispatch_config.map(|config| config.max_unacked_messages), Some(50));
    wire.subscribe(&topic, "c", SubscriptionType::Shared).await.unwrap();
    let listed = admin.list_subscriptions(TopicRequest { name: topic }).await.unwrap().into_inner().subscriptions;
    assert_eq!(listed, ["s"; 3], "once per stored key");
}

#[tokio::test]
async fn unsubscribing_needs_the_consumers_to_be_gone_and_forgets_the_position() {
    let wire = Wire::open().await;
    let topic = Wire::name("unsubscribed");
    wire.create(&topic).await.unwrap();
    let id = wire.subscribe(&topic, "c", SubscriptionType::Exclusive).await.unwrap();
    let records = wire.receive(id).await;
    let unsubscribe = async || {
        let request = SubscriptionRequest { topic: topic.clone(), subscription: "s".to_owned() };
        wire.topic_admin().unsubscribe(request).await.map(|_| ()).map_err(|status| status.code())
    };
    assert_eq!(unsubscribe().await, Err(Code::NotFound));
    drop(records);
    wire.until_gone(id).await;
    wire.publish(&topic, 2).await;
    unsubscribe().await.unwrap();
    assert_eq!(unsubscribe().await, Err(Code::NotFound));
    let mut records = wire.consume(&topic, "other", SubscriptionType::Shared).await;
    wire.publish(&topic, 1).await;
    assert_eq!(records.next().await, 2);
}

#[tokio::test]
async fn a_window_that_is_honoured_counts_for_new_subscriptions() {
    let broker = super::start(crate::DevBrokerConfig { honour_dispatch_config: true, ..super::quick() }).await;
    let client = super::connect(&broker).await;
    let producer = super::producer(&client, "/default/t", None).await;
    let (topic, subscription) = ("/default/t".to_owned(), "s".to_owned());
    let dispatch_config = Some(SubscriptionDispatchConfig { max_unacked_messages: 3 });
    let request = SetSubscriptionDispatchConfigRequest { topic, subscription, dispatch_config };
    let channel = tonic::transport::Channel::from_shared(broker.admin_url().to_owned()).unwrap();
    let mut admin =
        danube_core::admin_proto::topic_admin_client::TopicAdminClient::new(channel.connect().await.unwrap());
    admin.set_subscription_dispatch_config(request).await.unwrap();
    let (_consumer, _records) = super::consumer(&client, "/default/t", "c", danube_client::SubType::Shared).await;
    super::send(&producer, ["0", "1", "2", "3", "4"]).await;
    let stats = super::subscription(&broker, "/default/t");
    assert_eq!((stats.awaiting, stats.pending), (3, 2));
}

#[tokio::test]
async fn what_is_not_implemented_says_so() {
    let wire = Wire::open().await;
    if wire.ours.is_none() {
        return;
    }
    let refused = BrokerAdminClient::new(wire.admin.clone()).list_brokers(Empty {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert_eq!(refused.message(), "the dev broker does not implement /danube_admin.BrokerAdmin/ListBrokers");
}
