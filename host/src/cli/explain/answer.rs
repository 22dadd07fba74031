//! The answer to `explain`: allowed or not, and what decided it, in the order in which it is decided.

use std::fmt;

use serde_json::{Value, json};

use crate::{
    capability::{
        address::Scope,
        decision::{Denial, Reached},
    },
    config::{Config, Rule},
};

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

    /// What nothing grants.
    pub(super) fn denied(config: &Config, key: &str, subject: &str, Denial { why, suggestion }: &Denial) -> Self {
        let file = config.file.display();
        Self::deny(format!("`{subject}`"))
            .because("grant", format!("{file} does not grant it{why}"))
            .help(format!("add to [capabilities] of {file}: {key} = [{suggestion}]"))
    }

    /// What nothing grants, and is let through because the file only observes.
    pub(super) fn observed(config: &Config, key: &str, subject: &str, denial: &Denial) -> Self {
        let denied = Self::denied(config, key, subject, denial);
        Self { allowed: true, ..denied }
            .because("mode", "`observe` lets it through to public addresses, and counts it".to_owned())
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
    fn but_deny(mut self) -> Self {
        self.allowed = false;
        self
    }

    /// What the operator's policy says about granting it.
    pub(super) fn policy(self, bound: Option<(Rule, bool)>) -> Self {
        match bound {
            Some((rule, true)) => self.because("policy", format!("{rule}: the operator allows to grant it")),
            Some((rule, false)) => self.because("policy", format!("{rule}: the operator does not allow to grant it")),
            None => self,
        }
    }

    /// What becomes of the addresses that it has now. None that is allowed is a denial.
    pub(super) fn addresses(self, reached: Result<Reached, String>) -> Self {
        let Reached { allowed, refused } = match reached {
            Ok(reached) => reached,
            Err(reason) => return self.but_deny().because("address", format!("nothing to connect to: {reason}")),
        };
        let answer = if allowed.is_empty() { self.but_deny() } else { self };
        let answer = allowed
            .iter()
            .fold(answer, |answer, ip| answer.because("address", format!("{ip} ({}): allowed", Scope::of(*ip))));
        refused.iter().fold(answer, |answer, (ip, scope)| {
            let why = "the grant neither names it nor lists it in `addresses`";
            answer.because("address", format!("{ip} ({scope}): refused, {why}"))
        })
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
