//! `[capabilities] mode`: whether what nothing grants is refused, or counted and let through.

use std::str::FromStr;

use super::{
    caution::Caution,
    ceiling, raw,
    resolver::{Resolver, Word},
    snippet::Place,
};
use crate::capability::observe::Within;

/// What becomes of what nothing grants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is counted and let through to public addresses, for writing a first file.
    Observe {
        /// The operator's bounds.
        within: Within,
    },
}

impl Mode {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe { within: _ } => "observe",
        }
    }

    pub(super) fn resolve(written: &Option<raw::Text>, resolver: &mut Resolver<'_>) -> Self {
        let mode: Self = resolver.word("mode", written).unwrap_or_default();
        let (Self::Observe { .. }, Some(written)) = (&mode, written) else { return Self::Enforce };
        resolver.warn(Place::Span(written.span()), Caution::Observes);
        Self::Observe { within: ceiling::observation(written.span(), resolver) }
    }
}

impl FromStr for Mode {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::Enforce, Self::Observe { within: Within::default() }]
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .ok_or(())
    }
}

impl Word for Mode {
    const ALLOWED: &'static [&'static str] = &["enforce", "observe"];
}
