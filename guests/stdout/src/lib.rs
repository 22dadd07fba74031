//! The smallest useful sink: prints each record as one line of JSON on standard output, where the host logs it.
//! Copy this file to start a sink of your own.

use std::io::{self, Write};

use danube_sink::{Context, Record, Result, Sink, TopicMappings, register};
use serde::Deserialize;

/// The connector's table in its file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The SDK reads these itself and tells the host what to consume.
    #[serde(rename = "topic_mappings")]
    _topic_mappings: TopicMappings,
    /// Prints the payload alone, without topic, offset and so on.
    #[serde(default)]
    payload_only: bool,
}

struct Stdout {
    payload_only: bool,
}

impl Sink for Stdout {
    type Config = Config;

    fn initialize(config: Config, _: &Context) -> Result<Self> {
        Ok(Self { payload_only: config.payload_only })
    }

    fn process(&mut self, record: &Record) -> Result<()> {
        let line = if self.payload_only { record.json_line().into_owned() } else { record.envelope_line() };
        Ok(writeln!(io::stdout(), "{line}")?)
    }
}

register!(Stdout);

#[cfg(test)]
mod tests {
    use danube_sink::testing::{Host, RecordBuilder};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_record_is_printed() {
        let settings = json!({ "topic_mappings": [{ "topic": "/default/orders", "subscription": "stdout" }] });
        let mut host = Host::<Stdout>::start(&settings).expect("the settings are valid");
        let records =
            [RecordBuilder::json(r#"{"id": 7}"#), RecordBuilder::text("hello"), RecordBuilder::binary([0xff])];
        assert!(host.deliver("/default/orders", records).expect("standard output is open").all_written());
    }

    #[test]
    fn a_typing_error_in_the_settings_is_refused() {
        let error = Host::<Stdout>::start(&json!({ "topic_mappings": [], "payload_onyl": true })).map(drop);
        let expected = "settings: unknown field `payload_onyl`, expected `topic_mappings` or `payload_only`";
        assert_eq!(error.expect_err("there is no such key").reason(), expected);
    }
}
