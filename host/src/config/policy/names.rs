//! Patterns of the names of environment variables.

use std::fmt;

use crate::config::{mistake::Mistake, raw, resolver::Resolver, snippet::Place, topic::glob};

/// A name, or a pattern of names in which `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct NamePattern(String);

impl NamePattern {
    pub(super) fn resolve(written: &raw::Text, resolver: &mut Resolver<'_>) -> Option<Self> {
        let name = resolver.plain("env", written)?;
        let pattern = Self::of(&name);
        if pattern.is_none() {
            resolver.refuse(Place::Span(written.span()), Mistake::BadNamePattern { name });
        }
        pattern
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        (!name.is_empty() && !name.contains(['=', '\0'])).then(|| Self(name.to_owned()))
    }

    pub(in crate::config) fn matches(&self, name: &str) -> bool {
        glob(&self.0, name)
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
