//! A running guest: called by one caller at a time, within deadlines, and gone after a crash.

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use wasmtime::Store;

use super::{
    Component, ConsumerConfig, Error, InstanceLimits, abi,
    clock::{Clock, Ticking},
    state::State,
};
use crate::{
    capability::{files::Folders, http::Gate, limit::Limit, logging::LogOptions, sockets::Sockets},
    record::{Batch, Verdict},
    stages,
};

/// What sets the limit of a call that had less time than `call_timeout`.
const CUT_SHORT: &str = "limits.call_timeout, or what was left of the broker's ack timeout";

/// What an instance is started with. The same options start it anew.
#[derive(Debug, Clone)]
pub struct InstanceOptions {
    /// The connector's name.
    pub connector_name: Arc<str>,
    /// Which of the connector's instances it is, from 0.
    pub instance: u32,
    /// The connector's own settings, a JSON object.
    pub settings: SecretString,
    /// The environment that it sees.
    pub env: Vec<(String, SecretString)>,
    /// What it may hold.
    pub limits: InstanceLimits,
    /// How long any one call may take, what the host does for the guest included.
    pub call_timeout: Duration,
    /// How long making the instance and `initialize` may take together.
    pub start_timeout: Duration,
    /// Its way out for HTTP.
    pub gate: Arc<Gate>,
    /// Its way out for sockets.
    pub sockets: Arc<Sockets>,
    /// The folders that it may use.
    pub folders: Folders,
    /// How much of its output is logged.
    pub log: LogOptions,
}

/// A running guest.
#[derive(Debug)]
pub struct Instance {
    live: Option<Live>,
    call_timeout: Duration,
    clock: Arc<Clock>,
}

struct Live {
    store: Store<State>,
    guest: abi::Guest,
    /// While it is called.
    ticking: Option<Ticking>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("memory", &self.store.data().memory).finish_non_exhaustive()
    }
}

impl Instance {
    /// Makes an instance and initializes it.
    ///
    /// # Errors
    /// [`Error::Retryable`] or [`Error::Fatal`] as the guest says; [`Error::Trap`], [`Error::Deadline`] and
    /// [`Error::OutOfMemory`] as they happen.
    pub async fn start(component: &Component, options: &InstanceOptions) -> Result<Self, Error> {
        let InstanceOptions { connector_name, instance, settings, call_timeout, start_timeout, .. } = options;
        let mut store = State::store(component.engine(), options);
        store.data_mut().memory.take(component.weight())?;
        let clock = Arc::clone(component.clock());
        let _ticking = clock.ticking();
        let starting = async {
            let guest = component.instantiate(&mut store).await?;
            let answer = guest.initialize(&mut store, connector_name, *instance, settings.expose_secret()).await?;
            Ok((guest, answer))
        };
        let started = tokio::time::timeout(*start_timeout, starting).await;
        let by = Limit::StartTimeout;
        let (guest, answer) = ended(&store, started, *start_timeout, Some(by))?;
        answer.map_err(without_batch)?;
        Ok(Self { live: Some(Live { store, guest, ticking: None }), call_timeout: *call_timeout, clock })
    }

    /// Which subscriptions the guest wants.
    ///
    /// # Errors
    /// As [`Self::start`], and [`Error::Contract`] for an unreasonable number of them.
    pub async fn consumer_configs(&mut self) -> Result<Vec<ConsumerConfig>, Error> {
        let (mut live, limit) = self.begin(None)?;
        let outcome = tokio::time::timeout(limit, live.guest.consumer_configs(&mut live.store)).await;
        self.finish(live, outcome, limit).map_err(without_batch)
    }

    /// Has the guest write a batch. Gives one verdict per record, in the order of the records. `deadline` holds for this
    /// call if it is shorter than the call timeout; the guest is told which limit holds.
    ///
    /// # Errors
    /// [`Error::Retryable`], [`Error::Rejected`] and [`Error::Fatal`] are the guest's answers, [`Error::Contract`] is for
    /// answers that it may not give; the instance can be called again. After every other error it is gone.
    pub async fn process_batch(&mut self, batch: &Batch, deadline: Option<Duration>) -> Result<Vec<Verdict>, Error> {
        let (mut live, limit) = self.begin(deadline)?;
        live.store.data_mut().call = stages::on().then(stages::Call::begin);
        let outcome = tokio::time::timeout(limit, live.guest.process_batch(&mut live.store, batch, limit)).await;
        if let Some(call) = live.store.data_mut().call.take() {
            call.end();
        }
        self.finish(live, outcome, limit)
    }

    /// Whether the target would take records now. A guest that does not say is healthy.
    ///
    /// # Errors
    /// The guest's answer, of whatever kind, is that it would not. Else as [`Self::process_batch`].
    pub async fn health_check(&mut self) -> Result<(), Error> {
        let (mut live, limit) = self.begin(None)?;
        let outcome = tokio::time::timeout(limit, live.guest.health_check(&mut live.store)).await;
        self.finish(live, outcome, limit)
    }

    /// Lets the guest say goodbye, within `deadline` if that is shorter than the call timeout, and drops the instance.
    ///
    /// # Errors
    /// As [`Self::process_batch`]; the instance is gone in any case.
    pub async fn shutdown(mut self, deadline: Option<Duration>) -> Result<(), Error> {
        let (mut live, limit) = self.begin(deadline)?;
        let outcome = tokio::time::timeout(limit, live.guest.shutdown(&mut live.store)).await;
        self.finish(live, outcome, limit)
    }

    /// Bytes of all its memories and tables together; 0 once it is gone.
    pub fn memory_bytes(&self) -> u64 {
        self.live.as_ref().map_or(0, |live| live.store.data().memory.used())
    }

    /// Whether it can be called.
    pub fn is_usable(&self) -> bool {
        self.live.is_some()
    }

    /// Takes the guest out for a call. If the call is dropped half way, it stays out, which is right: wasmtime can't
    /// continue such a guest.
    fn begin(&mut self, deadline: Option<Duration>) -> Result<(Live, Duration), Error> {
        let mut live = self.live.take().ok_or(Error::Unusable)?;
        live.store.data_mut().memory.start_call();
        live.ticking = Some(self.clock.ticking());
        Ok((live, deadline.unwrap_or(Duration::MAX).min(self.call_timeout)))
    }

    fn finish<T>(&mut self, mut live: Live, outcome: Timed<Result<T, Error>>, limit: Duration) -> Result<T, Error> {
        let whole = limit == self.call_timeout;
        let answer = ended(&live.store, outcome, limit, whole.then_some(Limit::CallTimeout))?;
        live.ticking = None;
        self.live = Some(live);
        answer
    }
}

type Timed<T> = Result<wasmtime::Result<T>, tokio::time::error::Elapsed>;

/// What came of a call into the guest, whatever it was. `timeout` is which limit its time was, unless it had less.
fn ended<T>(store: &Store<State>, outcome: Timed<T>, limit: Duration, timeout: Option<Limit>) -> Result<T, Error> {
    let State { log, memory, .. } = store.data();
    log.flush();
    match outcome {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let error = Error::from_call(&error, memory);
            if let Error::Exceeded { of, .. } = &error {
                memory.hits().hit(*of);
            }
            Err(error)
        }
        Err(_) => {
            if let Some(timeout) = timeout {
                memory.hits().hit(timeout);
            }
            Err(Error::Deadline { limit, set_by: timeout.map_or(CUT_SHORT, Limit::key) })
        }
    }
}

/// Where there is no batch, there is nothing to reject: the contract takes it for fatal.
fn without_batch(error: Error) -> Error {
    if let Error::Rejected { reason } = error { Error::Fatal { reason } } else { error }
}
