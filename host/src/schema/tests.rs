//! The cache before a registry on real gRPC.

use danube_client::{DanubeClient, SchemaType};
use danube_dev_broker::{Call, DevBroker, DevBrokerConfig, Times};

use super::*;
use crate::broker::BrokerOptions;

struct World {
    registry: DevBroker,
    client: DanubeClient,
    cache: SchemaCache,
}

impl World {
    async fn start(memory: Memory) -> Self {
        let registry = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
        let client = DanubeClient::builder().service_url(registry.url()).build().await.unwrap();
        let options = BrokerOptions { url: registry.url().to_owned(), tls: None, token: None };
        let cache = SchemaCache::with_memory(Broker::new(&options).unwrap(), memory);
        Self { registry, client, cache }
    }

    async fn register(&self, subject: &str, definition: &str) -> u64 {
        let schemas = self.client.schema();
        let schema = schemas.register_schema(subject).with_type(SchemaType::Avro);
        schema.with_schema_data(definition.as_bytes()).execute().await.unwrap()
    }

    async fn version(&self, id: u64, version: impl Into<Option<u32>>) -> Option<u32> {
        match self.cache.get(SchemaKey { id, version: version.into() }).await.unwrap() {
            Lookup::Found(schema) => Some(schema.info.version),
            Lookup::Missing => None,
        }
    }
}

const LONG: &str = r#"{"type":"record","name":"R","fields":[{"name":"n","type":"int"}]}"#;
const LONGER: &str =
    r#"{"type":"record","name":"R","fields":[{"name":"n","type":"int"},{"name":"m","type":"int","default":0}]}"#;
const FOREVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_version_is_asked_for_once_and_parsed_once() {
    let world = World::start(MEMORY).await;
    let id = world.register("s", LONG).await;
    assert_eq!(world.register("s", LONGER).await, id);
    let key = SchemaKey { id, version: Some(1) };
    let all = futures::future::join_all((0..50).map(|_| world.cache.get(key))).await;
    let schemas: Vec<_> = all
        .into_iter()
        .map(|lookup| match lookup.unwrap() {
            Lookup::Found(schema) => schema,
            Lookup::Missing => panic!("it is registered"),
        })
        .collect();
    assert!(schemas.iter().all(|schema| Arc::ptr_eq(schema, &schemas[0]) && schema.codec.is_ok()));
    assert_eq!(world.registry.schema_lookups(), 1);
    // The id is that of the subject: another version is another schema.
    assert_eq!(world.version(id, 2).await, Some(2));
    assert_eq!(world.version(id, 1).await, Some(1));
    assert_eq!(world.registry.schema_lookups(), 2);
}

#[tokio::test]
async fn what_is_missing_is_asked_for_again_after_a_while() {
    let world = World::start(Memory { missing_for: FOREVER, ..MEMORY }).await;
    assert_eq!(world.version(1, 1).await, None);
    assert_eq!(world.register("s", LONG).await, 1);
    assert_eq!(world.version(1, 1).await, None);
    assert_eq!(world.registry.schema_lookups(), 1);

    let world = World::start(Memory { missing_for: Duration::ZERO, ..MEMORY }).await;
    assert_eq!(world.version(1, 1).await, None);
    assert_eq!(world.register("s", LONG).await, 1);
    assert_eq!(world.version(1, 1).await, Some(1));
}

#[tokio::test]
async fn the_latest_version_is_asked_for_again_after_a_while() {
    for (latest_for, expected) in [(FOREVER, 1), (Duration::ZERO, 2)] {
        let world = World::start(Memory { latest_for, ..MEMORY }).await;
        let id = world.register("s", LONG).await;
        assert_eq!(world.version(id, None).await, Some(1));
        world.register("s", LONGER).await;
        assert_eq!(world.version(id, None).await, Some(expected));
    }
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_not_one_that_lacks_the_schema() {
    let world = World::start(Memory { missing_for: FOREVER, ..MEMORY }).await;
    let id = world.register("s", LONG).await;
    let key = SchemaKey { id, version: Some(1) };
    world.registry.faults().refuse(Call::Registry, tonic::Status::unavailable("down"), Times::UntilCleared);
    for _ in 0..3 {
        assert!(world.cache.get(key).await.unwrap_err().is_retryable());
    }
    world.registry.faults().clear();
    assert_eq!(world.version(id, 1).await, Some(1));
    // What is known outlives the next outage.
    world.registry.faults().refuse(Call::Registry, tonic::Status::unavailable("down"), Times::UntilCleared);
    assert_eq!(world.version(id, 1).await, Some(1));
}

#[tokio::test]
async fn no_more_is_remembered_than_there_is_room_for() {
    let world = World::start(Memory { capacity: 8, ..MEMORY }).await;
    for id in 0..100 {
        assert_eq!(world.version(id, 1).await, None);
    }
    assert!(world.cache.entries.len() <= 8, "{}", world.cache.entries.len());
}
