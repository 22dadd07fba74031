//! Takes records and does nothing with them. What is left is the cost of everything around a sink: `danube-wasm bench`
//! measures it.

use danube_sink::{Batch, Context, Outcomes, Result, Sink, TopicMappings, register};
use serde::Deserialize;

/// The connector's table in its file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(rename = "topic_mappings")]
    _topic_mappings: TopicMappings,
}

struct Null;

impl Sink for Null {
    type Config = Config;

    fn initialize(_: Config, _: &Context) -> Result<Self> {
        Ok(Self)
    }

    fn process_batch(&mut self, _: &Batch) -> Result<Outcomes> {
        Ok(Outcomes::written())
    }
}

register!(Null);

#[cfg(test)]
mod tests {
    use danube_sink::testing::{Host, RecordBuilder};
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_counts_as_written() {
        let settings = json!({ "topic_mappings": [{ "topic": "/default/orders", "subscription": "null" }] });
        let mut host = Host::<Null>::start(&settings).expect("the settings are valid");
        let records = ["1", "2"].map(RecordBuilder::json);
        assert!(host.deliver("/default/orders", records).expect("it never fails").all_written());
    }
}
