//! The answer to `explain`: allowed or not, and what decided it, in the order in which it is decided.

use std::fmt;

use serde_json::{Value, json};

/// Whether something may be reached, and why.
#[derive(Debug)]
pub(super) struct Answer {
    allowed: bool,
    subject: String,
    /// What decided, and how.
    reasons: Vec<(&'static str, String)>,
    help: Option<String>,
}

impl Answer {
    pub(super) fn allow(subject: String) -> Self {
        Self { allowed: true, subject, reasons: Vec::new(), help: None }
    }

    pub(super) fn deny(subject: String) -> Self {
        Self { allowed: false, ..Self::allow(subject) }
    }

    pub(super) fn because(mut self, rule: &'static str, text: String) -> Self {
        self.reasons.push((rule, text));
        self
    }

    pub(super) fn help(mut self, help: String) -> Self {
        self.help = Some(help);
        self
    }

    /// A later decision went against it.
    pub(super) fn but_deny(mut self) -> Self {
        self.allowed = false;
        self
    }

    pub(super) fn is_allowed(&self) -> bool {
        self.allowed
    }

    pub(super) fn to_json(&self) -> Value {
        let Self { allowed, subject, reasons, help } = self;
        let reasons: Vec<Value> = reasons.iter().map(|(rule, text)| json!({ "rule": rule, "text": text })).collect();
        json!({ "allowed": allowed, "subject": subject, "reasons": reasons, "help": help })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", if self.allowed { "allow" } else { "deny" }, self.subject)?;
        for (rule, text) in &self.reasons {
            writeln!(f, "  {rule:8} {text}")?;
        }
        self.help.iter().try_for_each(|help| writeln!(f, "help: {help}"))
    }
}
