//! What is decided on what a guest tries, and of what no grant allows: why, which grant would, and the log line that says
//! so once for each destination.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use super::{address::Scope, destination::Grant, observe::Observer};

/// How many different denials are logged; a guest that makes up hosts must not fill the log, nor the memory.
const LOGGED: usize = 256;

/// Why no grant covers something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Words to follow `is not granted`; may be empty.
    pub why: String,
    /// The grant to write.
    pub suggestion: String,
}

impl Denial {
    pub(super) fn new(why: String, suggestion: &Grant) -> Self {
        Self { why, suggestion: suggestion.to_string() }
    }
}

/// What is decided on an attempt by where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The grant at this place covers it.
    Granted(usize),
    /// No grant covers it, and the observer lets it through.
    Observed(Denial),
    /// No grant covers it.
    Denied(Denial),
}

/// What becomes of the addresses of a destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// Those that may be connected to.
    pub allowed: Vec<IpAddr>,
    /// Those that may not.
    pub refused: Vec<(IpAddr, Scope)>,
}

/// A connector's denials of one kind.
#[derive(Debug)]
pub(super) struct Denials {
    connector: Arc<str>,
    file: String,
    key: &'static str,
    observer: Option<Arc<Observer>>,
    logged: Mutex<HashSet<String>>,
}

impl Denials {
    /// For what the key of `[capabilities]` in the connector's file grants.
    pub(super) fn new(connector: Arc<str>, file: String, key: &'static str, observer: Option<Arc<Observer>>) -> Self {
        Self { connector, file, key, observer, logged: Mutex::default() }
    }

    pub(super) fn connector(&self) -> &str {
        &self.connector
    }

    /// Who takes note of what nothing grants, where the connector only observes.
    pub(super) fn observer(&self) -> Option<&Observer> {
        self.observer.as_deref()
    }

    /// Logs a refusal, and what to write, the first time that something is refused `about` this. The text is for the guest:
    /// where a name leads inside, what else is granted, and what files are called is nothing to it.
    pub(super) fn refuse(&self, about: String, subject: &str, denial: &Denial) -> String {
        if let Some(observer) = &self.observer {
            observer.refused(self.key, &denial.suggestion);
        }
        if self.first_time(about) {
            tracing::warn!(connector = %self.connector, "{}", self.text(subject, denial));
        }
        format!(
            "`{subject}` is not granted to connector `{}`\nhelp: the host's log says what would grant it",
            self.connector
        )
    }

    /// Logs what is let through although nothing grants it, likewise.
    pub(super) fn let_through(&self, about: String, subject: &str, denial: &Denial) {
        if self.first_time(about) {
            tracing::warn!(connector = %self.connector, "let through: {}", self.text(subject, denial));
        }
    }

    /// Whether this was not asked before. Never again once there was too much.
    pub(super) fn first_time(&self, about: String) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        logged.len() < LOGGED && logged.insert(about)
    }

    fn text(&self, subject: &str, Denial { why, suggestion }: &Denial) -> String {
        let Self { connector, file, key, .. } = self;
        format!(
            "`{subject}` is not granted to connector `{connector}`{why}\n\
             help: add to [capabilities] of {file}: {key} = [{suggestion}]"
        )
    }
}
