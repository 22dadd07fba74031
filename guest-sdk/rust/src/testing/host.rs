//! A host that drives a sink natively, and an HTTP endpoint to go with it.

use std::{cell::RefCell, time::Duration};

use serde_json::Value;

use super::record::{RecordBuilder, TIME_LIMIT, contract_batch};
use crate::{
    ConsumerConfig, Context, Order, Outcomes, Result, Sink,
    bindings::exports::danube::sink::sink,
    http::{self, Request, Response},
    instance::Instance,
};

/// Plays the host for one instance of a sink, by the same code that a component runs.
pub struct Host<S> {
    instance: Instance<S>,
    time_limit: Duration,
}

impl<S: Sink> Host<S> {
    /// Initialises the sink with `settings`, the connector's own table of its file.
    ///
    /// # Errors
    ///
    /// `Fatal` for settings that don't fit the sink's `Config`; whatever the sink says.
    pub fn start(settings: &Value) -> Result<Self> {
        let raw = sink::Context { connector_name: "test".to_owned(), instance: 0, settings: settings.to_string() };
        Ok(Self { instance: Instance::start(Context::new(raw))?, time_limit: TIME_LIMIT })
    }

    /// The same with another [time limit](crate::Batch::time_limit) for each batch: 20 seconds by default. The sink is only
    /// told; nothing ends a call that takes longer.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// What the sink wants to consume.
    ///
    /// # Errors
    ///
    /// Whatever the sink says.
    pub fn consumer_configs(&self) -> Result<Vec<ConsumerConfig>> {
        self.instance.consumer_configs()
    }

    /// Gives the sink a batch for the first time. Its [order](crate::Batch::order) is what the sink's subscription of the
    /// topic promises.
    ///
    /// # Errors
    ///
    /// What the sink says of the batch as a whole.
    pub fn deliver(&mut self, topic: &str, records: impl IntoIterator<Item = RecordBuilder>) -> Result<Outcomes> {
        let batch = contract_batch(topic, self.order(topic), self.time_limit, records);
        self.instance.process(batch)
    }

    fn order(&self, topic: &str) -> Order {
        // A sink that does not want the topic at all can still be tested with records of it.
        let configs = self.consumer_configs().unwrap_or_default();
        let config = configs.iter().find(|config| config.topic == topic);
        config.map_or(Order::Any, |config| config.subscription_type.order())
    }

    /// The sink itself.
    pub fn sink(&mut self) -> &mut S {
        &mut self.instance.sink
    }
}

type Endpoint = Box<dyn FnMut(&Request) -> Result<Response, http::Error>>;

thread_local! {
    static ENDPOINT: RefCell<Option<Endpoint>> = const { RefCell::new(None) };
}

/// Has `endpoint` answer the requests that this thread sends from now on. Without it they fail to connect.
pub fn answer_http(endpoint: impl FnMut(&Request) -> Result<Response, http::Error> + 'static) {
    ENDPOINT.set(Some(Box::new(endpoint)));
}

/// The answer to a request that a sink sends natively.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn answer(request: &Request) -> Result<Response, http::Error> {
    ENDPOINT.with_borrow_mut(|endpoint| match endpoint {
        Some(endpoint) => endpoint(request),
        None => Err(http::Error::Connect("no endpoint: call `danube_sink::testing::answer_http` first".to_owned())),
    })
}
