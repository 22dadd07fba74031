//! One started sink. The component's exports and the tests of a sink both drive it through this, so that they agree.

use std::time::Duration;

use crate::{
    Batch, ConsumerConfig, Context, Error, Failure, Outcomes, Result, Sink,
    bindings::danube::sink::records::{self, RecordFailure, RetryHint, SinkError},
};

/// A sink that has been initialised, with what the host told it.
pub(crate) struct Instance<S> {
    pub(crate) sink: S,
    context: Context,
}

impl<S: Sink> Instance<S> {
    pub(crate) fn start(context: Context) -> Result<Self> {
        let sink = S::initialize(context.settings()?, &context)?;
        Ok(Self { sink, context })
    }

    pub(crate) fn consumer_configs(&self) -> Result<Vec<ConsumerConfig>> {
        self.sink.consumer_configs(&self.context)
    }

    /// Gives a batch to the sink and checks that what it says of it can be understood.
    pub(crate) fn process(&mut self, batch: records::Batch) -> Result<Outcomes> {
        let batch = Batch::new(batch);
        let outcomes = self.sink.process_batch(&batch)?;
        match outcomes.failures().last() {
            Some((index, _)) if index >= batch.len() => Err(Error::fatal(format!(
                "a bug in the sink: it gave an outcome for record {index} of a batch of {}",
                batch.len()
            ))),
            Some(_) | None => Ok(outcomes),
        }
    }
}

/// The failures as the contract wants them.
pub(crate) fn failures(outcomes: Outcomes) -> Vec<RecordFailure> {
    let failures = outcomes.into_failures().map(|(index, failure)| RecordFailure {
        // A batch lies in wasm's 32-bit memory, so an index of it fits.
        index: u32::try_from(index).unwrap_or(u32::MAX),
        failure: match failure {
            Failure::Retry { reason, after } => records::Failure::Retry(retry_hint(reason, after)),
            Failure::Reject { reason } => records::Failure::Reject(reason),
        },
    });
    failures.collect()
}

fn retry_hint(reason: String, after: Option<Duration>) -> RetryHint {
    RetryHint { reason, after_ms: after.map(|after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX)) }
}

impl From<Error> for SinkError {
    fn from(error: Error) -> Self {
        match error {
            Error::Retryable { reason, after } => Self::Retryable(retry_hint(reason, after)),
            Error::Rejected { reason } => Self::Rejected(reason),
            Error::Fatal { reason } => Self::Fatal(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, de::IgnoredAny};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        Record, SubscriptionType,
        testing::{Host, RecordBuilder},
    };

    const TOPIC: &str = "/default/orders";

    /// Wants the settings to be complete and refuses the record with the payload 1 until later.
    struct Busy;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(rename = "topic_mappings")]
        _topic_mappings: IgnoredAny,
    }

    impl Sink for Busy {
        type Config = Config;

        fn initialize(_: Config, _: &Context) -> Result<Self> {
            Ok(Self)
        }

        fn process(&mut self, record: &Record) -> Result<()> {
            if record.text() == Some("1") { Err(Error::retryable("busy")) } else { Ok(()) }
        }
    }

    fn settings(subscription_type: &str) -> Value {
        json!({ "topic_mappings": [{ "topic": TOPIC, "subscription": "s", "subscription_type": subscription_type }] })
    }

    fn failed(subscription_type: &str) -> Vec<usize> {
        let mut host = Host::<Busy>::start(&settings(subscription_type)).expect("the settings are valid");
        let outcomes = host.deliver(TOPIC, ["0", "1", "2"].map(RecordBuilder::json)).expect("nothing is fatal");
        outcomes.failures().map(|(index, _)| index).collect()
    }

    #[test]
    fn the_order_counts_where_the_subscription_promises_it() {
        assert_eq!(failed("Shared"), [1]);
        // None of the records has a routing key, and all are of one producer.
        for subscription_type in ["Exclusive", "Failover", "Key-Shared"] {
            assert_eq!(failed(subscription_type), [1, 2], "{subscription_type}");
        }
    }

    #[test]
    fn a_sink_consumes_its_topic_mappings() {
        let host = Host::<Busy>::start(&settings("Failover")).expect("the settings are valid");
        let expected =
            ConsumerConfig { subscription_type: SubscriptionType::Failover, ..ConsumerConfig::new(TOPIC, "s") };
        assert_eq!(host.consumer_configs(), Ok(vec![expected]));
    }

    #[test]
    fn settings_that_do_not_fit_are_fatal() {
        let error = Host::<Busy>::start(&json!({ "topics": [] })).map(drop).expect_err("there is no such key");
        assert_eq!(error, Error::fatal("settings: unknown field `topics`, expected `topic_mappings`"));
        let host = Host::<Busy>::start(&json!({ "topic_mappings": [] })).expect("the settings are valid");
        let error = host.consumer_configs().expect_err("there is no topic");
        assert!(error.is_fatal() && error.reason().contains("add an entry to `topic_mappings`"), "{error}");
        let mapping = json!({ "topic_mappings": [{ "topic": TOPIC }] });
        let host = Host::<Busy>::start(&mapping).expect("the sink itself reads no mapping");
        let expected = "settings: `topic_mappings[0]`: missing field `subscription`";
        assert_eq!(host.consumer_configs(), Err(Error::fatal(expected)));
    }

    /// Does what a sink must not do: nothing at all, or speak of records that are not there.
    struct Faulty;

    impl Sink for Faulty {
        type Config = IgnoredAny;

        fn initialize(_: IgnoredAny, _: &Context) -> Result<Self> {
            Ok(Self)
        }

        fn process_batch(&mut self, batch: &Batch) -> Result<Outcomes> {
            match batch.len() {
                1 => batch.process_each(|record| self.process(record)),
                beyond => {
                    let mut outcomes = Outcomes::written();
                    outcomes.reject([beyond], "not there");
                    Ok(outcomes)
                }
            }
        }
    }

    #[test]
    fn a_sink_without_process_is_told_so() {
        let mut host = Host::<Faulty>::start(&json!({})).expect("it takes any settings");
        let error = host.deliver(TOPIC, [RecordBuilder::json("1")]).expect_err("nothing can be written");
        assert!(error.is_fatal() && error.reason().contains("Faulty` implements neither"), "{error}");
    }

    #[test]
    fn an_outcome_of_a_record_that_is_not_there_is_a_bug() {
        let mut host = Host::<Faulty>::start(&json!({})).expect("it takes any settings");
        let error = host.deliver(TOPIC, ["1", "2"].map(RecordBuilder::json)).expect_err("there is no third record");
        assert_eq!(error, Error::fatal("a bug in the sink: it gave an outcome for record 2 of a batch of 2"));
    }

    #[test]
    fn outcomes_cross_the_boundary_with_index_and_pause() {
        let mut outcomes = Outcomes::written();
        outcomes.reject([4], "bad");
        outcomes.retry([1], "busy", Some(Duration::from_millis(1500)));
        outcomes.retry([2], "busy", Some(Duration::MAX));
        let crossed = failures(outcomes);
        assert_eq!(crossed.iter().map(|failure| failure.index).collect::<Vec<_>>(), [1, 2, 4]);
        let pause = |failure: &RecordFailure| match &failure.failure {
            records::Failure::Retry(hint) => hint.after_ms,
            records::Failure::Reject(_) => None,
        };
        assert_eq!(crossed.iter().map(pause).collect::<Vec<_>>(), [Some(1500), Some(u32::MAX), None]);
    }
}
