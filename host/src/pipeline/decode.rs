//! From a delivery to a decoded record, or to the reason why there will never be one.

use std::{sync::Arc, time::Duration};

use super::{
    backoff::Backoff,
    edge::{LanePolicy, Owed, Rejected, Stage},
};
use crate::{
    broker::{Content, Delivery, Receipt},
    codec::Codec,
    record::{Record, SchemaInfo},
    schema::{Lookup, SchemaCache, SchemaKey},
};

/// Decodes the records of one topic.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    pub(crate) schemas: Arc<SchemaCache>,
    pub(crate) policy: Arc<LanePolicy>,
}

impl Decoder {
    /// Decodes one record. While the registry can't be reached it waits and asks again, for as long as it takes: a
    /// record is never rejected for that.
    pub(crate) async fn decode(&self, delivery: Delivery) -> Result<(Record, Owed), Box<Rejected>> {
        let Delivery { content, receipt } = delivery;
        match self.schema(&content, &receipt).await {
            Ok((schema, codec)) => match codec.decode(content.payload.clone()) {
                Ok(payload) => {
                    let original = content.payload;
                    let record = Record {
                        offset: receipt.offset(),
                        publish_time: content.publish_time,
                        producer: content.producer,
                        partition: receipt.partition(),
                        routing_key: content.routing_key,
                        attributes: sorted(content.attributes),
                        schema,
                        payload,
                    };
                    Ok((record, Owed { receipt, original }))
                }
                Err(error) => Err(reject(receipt, content, Stage::Decode, error.to_string())),
            },
            Err((stage, reason)) => Err(reject(receipt, content, stage, reason)),
        }
    }

    /// The schema of a record, and how to decode by it.
    async fn schema(
        &self,
        content: &Content,
        receipt: &Receipt,
    ) -> Result<(Option<Arc<SchemaInfo>>, Codec), (Stage, String)> {
        let Some(id) = content.schema_id else {
            self.policy.expect_subject(None)?;
            return Ok((None, if self.policy.raw { Codec::Bytes } else { Codec::Unknown }));
        };
        let key = SchemaKey { id, version: content.schema_version };
        match self.look_up(key, receipt).await {
            Lookup::Found(schema) => {
                self.policy.expect_subject(Some(&schema.info.subject))?;
                let codec = if self.policy.raw { Ok(Codec::Bytes) } else { schema.codec.clone() };
                let codec = codec.map_err(|error| (Stage::Decode, error.to_string()))?;
                Ok((Some(schema.info.clone()), codec))
            }
            Lookup::Missing if self.policy.raw && self.policy.expected_schema_subject.is_none() => {
                Ok((None, Codec::Bytes))
            }
            Lookup::Missing => {
                let version = key.version.map_or_else(|| "latest".to_owned(), |version| version.to_string());
                Err((Stage::Schema, format!("the registry has no schema {id} (version {version})")))
            }
        }
    }

    async fn look_up(&self, key: SchemaKey, receipt: &Receipt) -> Lookup {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            match self.schemas.get(key).await {
                Ok(lookup) => return lookup,
                Err(error) => {
                    tracing::warn!(topic = %self.policy.topic, offset = receipt.offset(), error = %error, "waiting for the schema registry");
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
    }
}

fn reject(receipt: Receipt, content: Content, stage: Stage, reason: String) -> Box<Rejected> {
    Box::new(Rejected { receipt, content, stage, reason, attempts: 0, counted: false })
}

fn sorted(attributes: std::collections::HashMap<String, String>) -> Vec<(String, String)> {
    let mut attributes: Vec<_> = attributes.into_iter().collect();
    attributes.sort_unstable();
    attributes
}
