//! Writes orders to an HTTP API, those of a batch in one request.

use danube_sink::{Batch, Context, Outcomes, Result, Sink, TopicMappings, http::Request, info, register};
use serde::{Deserialize, Serialize};

/// The table `[my-sink]` of the connector's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    url: String,
    topic_mappings: TopicMappings,
}

/// What a record must be. What does not fit is rejected.
#[derive(Deserialize, Serialize)]
struct Order {
    order: u64,
    customer: String,
    item: String,
    quantity: u32,
    price: f64,
}

struct MySink {
    config: Config,
}

impl Sink for MySink {
    type Config = Config;

    fn initialize(config: Config, context: &Context) -> Result<Self> {
        let topics = config.topic_mappings.iter().count();
        info!("{} writes {topics} topics to {}", context.connector_name(), config.url);
        Ok(Self { config })
    }

    fn process_batch(&mut self, batch: &Batch) -> Result<Outcomes> {
        let mut outcomes = Outcomes::written();
        let mut orders: Vec<Order> = Vec::new();
        for (index, record) in batch.iter().enumerate() {
            match record.as_type() {
                Ok(order) => orders.push(order),
                Err(error) => outcomes.set(index, Err(error))?,
            }
        }
        if !orders.is_empty() {
            // A refused connection or 503: all of the batch is tried again. 400: all of it is rejected.
            Request::post(&self.config.url).json(&orders).send()?.check_status()?;
        }
        Ok(outcomes)
    }
}

register!(MySink);
