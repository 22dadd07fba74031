//! Version 0.1 of the contract: calls into a guest, and the host's side of what it imports.

use std::time::Duration;

use wasmtime::{
    Store,
    component::{ComponentNamedList, Instance, InstancePre, Lift, Lower, types},
};

use super::Outcome;
use crate::{
    capability::logging::deceives,
    guest::{ConsumerConfig, Error, state::State},
    record::{Batch, Verdict},
};

mod bindings;
mod convert;
mod imports;

pub(super) use imports::add_to_linker;

use bindings::{danube::sink::records, exports::danube::sink as exports};

pub(super) const SINK: &str = "danube:sink/sink@0.1.0";
pub(super) const LIFECYCLE: &str = "danube:sink/lifecycle@0.1.0";

/// Answers are taken whole, and this many subscriptions are more than any connector has.
const MAX_CONSUMERS: usize = 1_000;

/// Names longer than this, in bytes, are of no topic, subscription, consumer or subject.
const MAX_NAME: usize = 1024;

type Answer<T> = (Result<T, records::SinkError>,);

/// Whether the exports have this version's functions, with its types.
pub(super) fn check(
    engine: &wasmtime::Engine,
    component: &types::Component,
    sink: &types::ComponentInstance,
    lifecycle: Option<&types::ComponentInstance>,
) -> Result<(), String> {
    let at = Place { engine, component };
    at.has::<(exports::sink::Context<'_>,), Answer<()>>(sink, SINK, "initialize")?;
    at.has::<(), Answer<Vec<records::ConsumerConfig>>>(sink, SINK, "consumer-configs")?;
    at.has::<(records::Batch<'_>,), Answer<Vec<records::RecordFailure>>>(sink, SINK, "process-batch")?;
    if let Some(lifecycle) = lifecycle {
        at.has::<(), Answer<()>>(lifecycle, LIFECYCLE, "health-check")?;
        at.has::<(), Answer<()>>(lifecycle, LIFECYCLE, "shutdown")?;
    }
    Ok(())
}

struct Place<'a> {
    engine: &'a wasmtime::Engine,
    component: &'a types::Component,
}

impl Place<'_> {
    fn has<P, R>(&self, interface: &types::ComponentInstance, at: &str, name: &str) -> Result<(), String>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let item = interface.get_export(self.engine, name).map(|found| found.ty);
        let Some(types::ComponentItem::ComponentFunc(function)) = item else {
            return Err(format!("{at} lacks the function `{name}`"));
        };
        let same = function.typecheck::<P, R>(&self.component.instance_type());
        same.map_err(|error| format!("`{name}` of {at} has another type than in the contract: {error:#}"))
    }
}

/// Where a component keeps this version's functions.
pub(in crate::guest) struct Exports {
    sink: exports::sink::GuestIndices,
    lifecycle: Option<exports::lifecycle::GuestIndices>,
}

impl Exports {
    pub(super) fn new(pre: &InstancePre<State>, has_lifecycle: bool) -> wasmtime::Result<Self> {
        let sink = exports::sink::GuestIndices::new(pre)?;
        let lifecycle = has_lifecycle.then(|| exports::lifecycle::GuestIndices::new(pre)).transpose()?;
        Ok(Self { sink, lifecycle })
    }

    pub(super) fn has_lifecycle(&self) -> bool {
        self.lifecycle.is_some()
    }

    pub(super) fn load(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<Guest> {
        let Self { sink, lifecycle } = self;
        let sink = sink.load(&mut *store, instance)?;
        let lifecycle = lifecycle.as_ref().map(|lifecycle| lifecycle.load(store, instance)).transpose()?;
        Ok(Guest { sink, lifecycle })
    }
}

/// This version's functions in one instance.
pub(in crate::guest) struct Guest {
    sink: exports::sink::Guest,
    lifecycle: Option<exports::lifecycle::Guest>,
}

impl Guest {
    pub(super) async fn initialize(
        &self,
        store: &mut Store<State>,
        connector_name: &str,
        instance: u32,
        settings: &str,
    ) -> Outcome<()> {
        let context = exports::sink::Context { connector_name, instance, settings };
        Ok(self.sink.call_initialize(store, context).await?.map_err(Error::from))
    }

    pub(super) async fn consumer_configs(&self, store: &mut Store<State>) -> Outcome<Vec<ConsumerConfig>> {
        let configs = match self.sink.call_consumer_configs(store).await? {
            Ok(configs) => configs,
            Err(error) => return Ok(Err(error.into())),
        };
        if configs.len() > MAX_CONSUMERS {
            let what = format!("it wants {} subscriptions, more than {MAX_CONSUMERS}", configs.len());
            return Ok(Err(Error::Contract { what }));
        }
        let configs: Vec<_> = configs.into_iter().map(ConsumerConfig::from).collect();
        if configs.iter().flat_map(ConsumerConfig::names).any(|name| name.len() > MAX_NAME || name.contains(deceives)) {
            let what = format!("it uses a name with control characters, or of more than {MAX_NAME} bytes");
            return Ok(Err(Error::Contract { what }));
        }
        Ok(Ok(configs))
    }

    pub(super) async fn process_batch(
        &self,
        store: &mut Store<State>,
        batch: &Batch,
        limit: Duration,
    ) -> Outcome<Vec<Verdict>> {
        let parts = convert::Parts::of(batch);
        let records = parts.records(batch);
        let lowered = records::Batch {
            topic: &batch.topic,
            attempt: batch.attempt,
            order: batch.order.into(),
            time_limit_ms: u32::try_from(limit.as_millis()).unwrap_or(u32::MAX),
            schemas: &parts.schemas,
            records: &records,
        };
        Ok(match self.sink.call_process_batch(store, lowered).await? {
            Ok(failures) => convert::verdicts(failures, batch.records.len()),
            Err(error) => Err(error.into()),
        })
    }

    pub(super) async fn health_check(&self, store: &mut Store<State>) -> Outcome<()> {
        match &self.lifecycle {
            Some(lifecycle) => Ok(lifecycle.call_health_check(store).await?.map_err(Error::from)),
            None => Ok(Ok(())),
        }
    }

    pub(super) async fn shutdown(&self, store: &mut Store<State>) -> Outcome<()> {
        match &self.lifecycle {
            Some(lifecycle) => Ok(lifecycle.call_shutdown(store).await?.map_err(Error::from)),
            None => Ok(Ok(())),
        }
    }
}
