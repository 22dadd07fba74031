//! The ports of a grant: one, or a range with both ends in it.

use std::fmt;

use url::ParseError;

use super::{Error, parse};

/// Ports from the first to the last, both included. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// Just this one, which must not be 0.
    pub(super) fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Reads `8000` or `8000-8010`.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let ports = Self { first: number(first)?, last: number(last)? };
        if ports.first > ports.last { Err(Error::PortOrder) } else { Ok(ports) }
    }

    /// The first and the last one.
    pub fn bounds(self) -> (u16, u16) {
        (self.first, self.last)
    }

    /// The port, if it is only one.
    pub fn single(self) -> Option<u16> {
        (self.first == self.last).then_some(self.first)
    }

    /// Whether `port` is one of them.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Whether all of `other` are among them.
    pub fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

fn number(text: &str) -> Result<u16, Error> {
    match parse::number(text) {
        Some(0) => Err(Error::Port),
        Some(port) => Ok(port),
        None => Err(Error::Url(ParseError::InvalidPort)),
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}
