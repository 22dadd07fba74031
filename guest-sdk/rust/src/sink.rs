//! The trait that a connector implements.

use serde::de::DeserializeOwned;

use crate::{Batch, ConsumerConfig, Context, Error, Outcomes, Record, Result};

/// A sink: where records go.
///
/// Write [`initialize`](Self::initialize) and either [`process`](Self::process) or
/// [`process_batch`](Self::process_batch), then [`register!`](crate::register) the type. An instance is called by one
/// caller at a time and may be dropped and made anew between any two calls: state that must survive belongs into the
/// target system.
pub trait Sink: Sized + 'static {
    /// The connector's settings: its own table of the connector's file. With `#[serde(deny_unknown_fields)]` a typing
    /// error in the file is an error at the start. A sink without settings takes [`serde::de::IgnoredAny`].
    type Config: DeserializeOwned;

    /// Makes an instance: checks the settings, prepares clients. Called once, first.
    ///
    /// # Errors
    ///
    /// `Fatal` for settings that make no sense; `Retryable` to be started again after a pause. No need to retry here.
    fn initialize(config: Self::Config, context: &Context) -> Result<Self>;

    /// Which subscriptions to consume. By default those of the settings' `topic_mappings`.
    ///
    /// # Errors
    ///
    /// Any error but `Retryable` stops the connector.
    fn consumer_configs(&self, context: &Context) -> Result<Vec<ConsumerConfig>> {
        context.consumer_configs()
    }

    /// Writes one record. When it returns `Ok`, the record must be safe in the target: the host acknowledges it.
    ///
    /// # Errors
    ///
    /// `Retryable`, to be given this record again; `Rejected`, if it is bad; `Fatal`, to stop the connector.
    fn process(&mut self, record: &Record) -> Result<()> {
        let sink = std::any::type_name::<Self>();
        Err(Error::fatal(format!(
            "`{sink}` implements neither `process` nor `process_batch`: {} stays unwritten",
            record.id()
        )))
    }

    /// Writes a batch. When it returns, every record that the outcomes do not name must be safe in the target: the host
    /// acknowledges those. By default [`process`](Self::process) is called for each, as
    /// [`Batch::process_each`] describes.
    ///
    /// # Errors
    ///
    /// They hold for the whole batch: `Retryable`, to be given all of it again; `Rejected`, if all of it is bad;
    /// `Fatal`, to stop the connector.
    fn process_batch(&mut self, batch: &Batch) -> Result<Outcomes> {
        batch.process_each(|record| self.process(record))
    }

    /// Whether the target would take records now. Called while the host waits for a target that failed; it must not
    /// write records.
    ///
    /// # Errors
    ///
    /// `Retryable` while the target is down: the host goes on waiting. Any other error stops the connector.
    fn health_check(&mut self) -> Result<()> {
        Ok(())
    }

    /// Finishes what is under way. Called once before the host drops the instance in good order, not after a crash.
    ///
    /// # Errors
    ///
    /// The host logs them.
    fn shutdown(&mut self) -> Result<()> {
        Ok(())
    }
}
