//! The connector files. Three stages, three types: as written (`raw`), resolved ([`Config`]), built (elsewhere).
//! Comes in: paths and the environment. Goes out: a [`Config`] that is sound in itself, or every mistake with its line and
//! the way out. Reads config and secret files; never touches the network, the broker or a component.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

mod broker;
mod capability;
mod caution;
mod ceiling;
mod conceal;
mod dirs;
mod environment;
mod error;
#[cfg(test)]
mod golden;
mod grant;
mod help;
mod http_header;
mod limits;
mod load;
mod mapping;
mod mistake;
mod mode;
mod policy;
mod print;
mod processing;
mod raw;
mod resolve;
mod resolver;
mod secret;
mod settings;
mod shape;
mod snippet;
#[cfg(test)]
mod tests;
mod topic;
mod units;

pub use self::{
    broker::{Broker, Identity, Tls, Token},
    capability::Capabilities,
    caution::Caution,
    environment::Environment,
    error::{Error, Errors, Mistake, Warning},
    grant::{GrantTls, HttpGrant, SocketGrant},
    http_header::HttpHeader,
    limits::Limits,
    load::{host_files, load, load_each},
    mapping::TopicMapping,
    mode::Mode,
    policy::{Policy, Rule},
    print::print_config,
    processing::{Processing, Retry},
    secret::Guarded,
    settings::Settings,
    topic::{NotATopic, TopicPattern},
};
pub use crate::record::{OnReject, PayloadFormat, SubscriptionType};

use self::{load::Loaded, resolver::Resolver, shape::Mistakes, snippet::Source};

/// Takes the place of `connector_name`.
const NAME_VARIABLE: &str = "CONNECTOR_NAME";

/// One connector, as its file describes it: sound in itself, with defaults filled in and references resolved. `Debug`
/// shows no secrets.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file, as it was named.
    pub(crate) file: PathBuf,
    /// Letters, digits, `.`, `_` and `-`; unique among the files that are loaded together.
    pub(crate) connector_name: String,
    /// Lanes for each topic; 1 to 64.
    pub(crate) instances: u32,
    /// How to reach the broker.
    pub(crate) broker: Broker,
    /// What to run.
    pub(crate) component: Component,
    /// The connector's own table.
    pub(crate) settings: Settings,
    /// The subscriptions that the file names, in its order.
    pub(crate) mappings: Vec<TopicMapping>,
    /// What the guest may reach besides.
    pub(crate) capabilities: Capabilities,
    /// What one instance may use.
    pub(crate) limits: Limits,
    /// How often and when records are tried again.
    pub(crate) retry: Retry,
    /// How records are collected, and how the connector is watched.
    pub(crate) processing: Processing,
    /// What becomes of a record that can never be written.
    pub(crate) on_reject: OnReject,
    /// What becomes of a record without the schema that its mapping expects.
    pub(crate) on_mismatch: OnReject,
    /// Where bad records go; there if one of the two above asks for it.
    pub(crate) dead_letter: Option<DeadLetter>,
    /// What works but is probably not meant.
    pub(crate) warnings: Vec<Warning>,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The `.wasm` file; absolute.
    pub path: PathBuf,
    /// What its bytes must have for a digest.
    pub sha256: Option<[u8; 32]>,
    /// The name of the connector's own table.
    pub settings_table: String,
}

/// Where bad records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// `/namespace/topic`; no mapping consumes it.
    pub topic: String,
}

impl Config {
    /// Reads a config from a text, as if it stood in the file, without a policy. Relative paths start from the file's
    /// folder.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text.
    pub fn parse(file: &Path, text: &str, environment: &Environment) -> Result<Self, Error> {
        Self::read(file, text, environment, &Policy::default()).map(|loaded| loaded.config)
    }

    fn read(file: &Path, text: &str, environment: &Environment, policy: &Policy) -> Result<Loaded, Error> {
        let source = Arc::new(Source::new(file, text));
        let refused = |mistakes: Mistakes| Error::new(Arc::clone(&source), mistakes);
        let written = shape::read(text).map_err(refused)?;
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        let mut resolver = Resolver::new(environment, &source, folder, &written.tables, policy);
        let resolved = Self::resolve(file.to_owned(), &written, &mut resolver);
        let Resolver { mistakes, mut cautions, .. } = resolver;
        cautions.sort_by_key(|(place, _)| place.order());
        let Some((mut config, name)) = resolved.filter(|_| mistakes.is_empty()) else { return Err(refused(mistakes)) };
        let warning = |(place, caution)| Warning::new(Arc::clone(&source), place, caution);
        config.warnings = cautions.into_iter().map(warning).collect();
        Ok(Loaded { config, source, name })
    }
}
