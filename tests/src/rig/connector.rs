//! Connector files, put together key by key.

use std::{collections::BTreeSet, path::PathBuf, sync::Mutex, thread, time::Duration};

use danube_wasm::guest::{CodeCache, CompileLimits, Engine, EngineOptions};
use tokio::runtime::Builder;
use toml::{Table, Value};

use super::{CACHE, Rig, SCALED_ACK_TIMEOUT, Topic, unique};
use crate::guests;

/// A connector's file.
#[derive(Debug, Clone)]
pub struct Connector {
    name: String,
    table: Table,
}

impl Connector {
    /// `connector_name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets a key, as in `.set("retry.max_retries", 1)`.
    #[must_use]
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        let mut table = &mut self.table;
        let (folders, key) = path.rsplit_once('.').unwrap_or(("", path));
        for folder in folders.split('.').filter(|folder| !folder.is_empty()) {
            let entry = table.entry(folder).or_insert_with(|| Value::Table(Table::new()));
            table = entry.as_table_mut().expect("a table");
        }
        table.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a topic mapping.
    #[must_use]
    pub fn consume(mut self, topic: &Topic) -> Self {
        let mut mapping = Table::new();
        mapping.insert("topic".to_owned(), topic.name().into());
        mapping.insert("subscription".to_owned(), topic.subscription().into());
        mapping.insert("flush_interval_ms".to_owned(), 50.into());
        let entry = self.settings().entry("topic_mappings").or_insert_with(|| Value::Array(Vec::new()));
        entry.as_array_mut().expect("an array").push(mapping.into());
        self
    }

    /// Sets a key of the topic mapping that was added last.
    #[must_use]
    pub fn mapping(mut self, key: &str, value: impl Into<Value>) -> Self {
        let mappings = self.settings().get_mut("topic_mappings").and_then(Value::as_array_mut).expect("no mapping yet");
        let mapping = mappings.last_mut().and_then(Value::as_table_mut).expect("no mapping yet");
        mapping.insert(key.to_owned(), value.into());
        self
    }

    /// Sets what goes with a broker of [`scaled`](super::scaled) times.
    #[must_use]
    pub fn scaled(self) -> Self {
        let millis = |duration: Duration| format!("{}ms", duration.as_millis());
        self.set("broker.ack_timeout", millis(SCALED_ACK_TIMEOUT))
            .set("limits.call_timeout", millis(SCALED_ACK_TIMEOUT * 2 / 3))
    }

    fn settings(&mut self) -> &mut Table {
        let entry = self.table.entry("settings").or_insert_with(|| Value::Table(Table::new()));
        entry.as_table_mut().expect("a table")
    }
}

impl Rig {
    /// The `http` sink, posting a topic's records to the endpoint.
    pub fn http(&self, topic: &Topic) -> Connector {
        self.connector(guests::SINK_HTTP)
            .set("capabilities.http", vec![self.endpoint.url()])
            .set("settings.url", format!("{}/ingest", self.endpoint.url()))
            .consume(topic)
    }

    /// The scripted sink, posting to the endpoint what its records do not tell it otherwise.
    pub fn scripted(&self, topic: &Topic) -> Connector {
        self.connector(guests::GUEST_SCRIPTED)
            .set("capabilities.http", vec![self.endpoint.url()])
            .set("settings.url", self.endpoint.url())
            .consume(topic)
    }

    /// A component without settings, grants and topics. Its pauses are short.
    pub fn connector(&self, component: &str) -> Connector {
        // Others may be what no host can compile.
        if guests::ALL.contains(&component) {
            compile(component);
        }
        let name = unique("connector");
        Connector { name: name.clone(), table: Table::new() }
            .set("connector_name", name)
            .set("danube_service_url", self.broker_url())
            .set("component.path", component)
            .set("retry.retry_backoff_ms", 20)
            .set("retry.max_backoff_ms", 200)
    }

    /// Writes a connector's file.
    pub fn write(&self, connector: &Connector) -> PathBuf {
        self.file(&format!("{}.toml", connector.name), connector.table.to_string())
    }
}

/// Compiles a component before the first host needs it. A host of each of the tests that begin at the same time would compile
/// it otherwise.
pub fn compile(component: &str) {
    static COMPILED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // A test that fails in here poisons it: so do the others.
    let mut compiled = COMPILED.lock().unwrap();
    if compiled.insert(component.to_owned()) {
        let compiling = || {
            let options = EngineOptions { cache: CodeCache::open(CACHE.as_ref()).ok(), ..EngineOptions::default() };
            let engine = Engine::new(options).unwrap();
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let limits = CompileLimits { time: crate::PATIENCE, ..CompileLimits::default() };
            runtime.block_on(engine.compile_file(component.as_ref(), None, &limits)).unwrap();
        };
        // Tests are on threads that have a runtime already.
        thread::scope(|scope| scope.spawn(compiling).join()).unwrap();
    }
}
