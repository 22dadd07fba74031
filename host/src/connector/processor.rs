//! A guest as the pipeline's processor: makes instances when they are needed, retires them when they have broken or
//! grown, and translates what they say.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::{
    guest::{self, Component, Instance, InstanceOptions},
    pipeline::{ProcessError, Processor},
    record::{Batch, Verdict},
};

/// An instance whose memory has grown past this share of its limit is replaced between two batches: several guest
/// languages leak, and a new instance costs about a millisecond.
const RETIRE_ABOVE: f64 = 0.75;

/// How long a guest may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// One guest instance at a time, always the same number.
pub(super) struct GuestProcessor {
    component: Component,
    options: InstanceOptions,
    started: Counter,
    instance: Option<Instance>,
}

impl GuestProcessor {
    pub(super) fn new(component: Component, options: InstanceOptions, started: Counter) -> Self {
        Self { component, options, started, instance: None }
    }

    /// The instance, made and initialized if there is none.
    pub(super) async fn instance(&mut self) -> Result<&mut Instance, guest::Error> {
        let instance = match self.instance.take() {
            Some(instance) => instance,
            None => {
                self.started.inc();
                Instance::start(&self.component, &self.options).await?
            }
        };
        Ok(self.instance.insert(instance))
    }

    /// Drops an instance that can't be called any more, or that has grown too much.
    async fn retire(&mut self) {
        let Some(instance) = &mut self.instance else { return };
        if !instance.is_usable() {
            self.instance = None;
        } else if instance.memory_bytes() as f64 > RETIRE_ABOVE * self.options.limits.memory as f64 {
            tracing::debug!(connector = %self.options.connector_name, memory = instance.memory_bytes(), "replacing an instance that has grown");
            self.shutdown().await;
        }
    }
}

impl Processor for GuestProcessor {
    async fn process(&mut self, batch: &Batch, limit: Duration) -> Result<Vec<Verdict>, ProcessError> {
        let call_timeout = self.options.call_timeout;
        let instance = self.instance().await.map_err(at_start)?;
        let result =
            instance.process_batch(batch, Some(limit)).await.map_err(|error| in_a_batch(error, limit < call_timeout));
        self.retire().await;
        result
    }

    async fn health_check(&mut self) -> Result<(), ProcessError> {
        let instance = self.instance().await.map_err(at_start)?;
        let result = instance.health_check().await.map_err(in_a_call);
        self.retire().await;
        result
    }

    async fn shutdown(&mut self) {
        let Some(instance) = self.instance.take() else { return };
        if let Err(error) = instance.shutdown(Some(GOODBYE)).await {
            tracing::warn!(connector = %self.options.connector_name, error = %error, "the guest's shutdown failed");
        }
    }
}

/// What a failed start means for the batch that waits for the instance: it is not the batch's fault.
fn at_start(error: guest::Error) -> ProcessError {
    match in_a_call(error) {
        ProcessError::Broken { reason } => ProcessError::Retryable { reason, after: None },
        ProcessError::Rejected { reason } => ProcessError::Fatal { reason },
        error @ (ProcessError::Retryable { .. } | ProcessError::Fatal { .. }) => error,
    }
}

/// A guest that did not get the time that its config gives it is not to blame for needing more than it got.
fn in_a_batch(error: guest::Error, cut_short: bool) -> ProcessError {
    if cut_short && matches!(error, guest::Error::Deadline { .. }) {
        return ProcessError::Retryable { reason: error.to_string(), after: None };
    }
    in_a_call(error)
}

fn in_a_call(error: guest::Error) -> ProcessError {
    if let guest::Error::Trap { backtrace, .. } = &error {
        // Functions have names of the component's choice: escaped. Most builds leave numbers of them.
        tracing::debug!(?backtrace, "where the guest crashed");
    }
    match error {
        guest::Error::Retryable { reason, after } => ProcessError::Retryable { reason, after },
        guest::Error::Rejected { reason } => ProcessError::Rejected { reason },
        guest::Error::Fatal { reason } => ProcessError::Fatal { reason },
        error @ (guest::Error::Trap { .. }
        | guest::Error::Deadline { .. }
        | guest::Error::OutOfMemory { .. }
        | guest::Error::Exceeded { .. }
        | guest::Error::Contract { .. }
        | guest::Error::Unusable) => ProcessError::Broken { reason: error.to_string() },
        error @ (guest::Error::Read { .. }
        | guest::Error::Digest { .. }
        | guest::Error::NotAComponent { .. }
        | guest::Error::Compile { .. }
        | guest::Error::TooLarge { .. }
        | guest::Error::CompileTimeout { .. }
        | guest::Error::CompileMemory { .. }
        | guest::Error::CodeSize { .. }
        | guest::Error::World { .. }
        | guest::Error::Link { .. }
        | guest::Error::Engine { .. }) => ProcessError::Fatal { reason: error.to_string() },
    }
}
