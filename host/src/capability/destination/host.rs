//! The host part of a grant: a name, everything below a name, an address, or a range of addresses.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use url::Host;

use super::{Error, parse};

/// Which hosts a grant is for. Names are in lower case and punycode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This name.
    Name(String),
    /// Every name below this one, at any depth, but not the name itself.
    Below(String),
    /// This address, written as such.
    Ip(IpAddr),
    /// The addresses of this range, which are two or more, written as such.
    Range(IpNet),
}

impl HostPattern {
    /// Of a name as the URL parser gives it.
    pub(super) fn named(name: &str) -> Result<Self, Error> {
        match name.strip_prefix("*.") {
            _ if !name.contains('*') => Ok(Self::Name(name.into())),
            // `*.com` would be the whole Internet, near enough.
            Some(parent) if !parent.contains('*') && parent.trim_matches('.').contains('.') => {
                Ok(Self::Below(parent.into()))
            }
            Some(_) | None => Err(Error::Wildcard),
        }
    }

    pub(super) fn address(ip: IpAddr) -> Result<Self, Error> {
        // In the clothes of IPv6 it is no better.
        if ip.to_canonical().is_unspecified() { Err(Error::Unspecified) } else { Ok(Self::Ip(ip)) }
    }

    /// Of the first address of a range and the length of its prefix in decimal digits.
    pub(super) fn range(ip: IpAddr, length: &str) -> Result<Self, Error> {
        let range = parse::number(length).and_then(|length| IpNet::new(ip, length).ok()).ok_or(Error::PrefixLength)?;
        if range.network() != ip {
            return Err(Error::HostBits);
        }
        if range.prefix_len() == range.max_prefix_len() { Self::address(ip) } else { Ok(Self::Range(range)) }
    }

    pub(super) fn matches(&self, host: &Host<String>) -> bool {
        match host {
            Host::Domain(host) => self.matches_name(host),
            Host::Ipv4(ip) => self.contains((*ip).into()),
            Host::Ipv6(ip) => self.contains((*ip).into()),
        }
    }

    fn matches_name(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => name == host,
            Self::Below(parent) => {
                host.strip_suffix(parent.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            Self::Ip(_) | Self::Range(_) => false,
        }
    }

    /// Whether this is the address `ip` or a range with it. A name contains none, whatever it resolves to.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.as_range().is_some_and(|range| range.contains(&ip))
    }

    /// The address or range, where it is one.
    pub fn as_range(&self) -> Option<IpNet> {
        match self {
            Self::Ip(ip) => Some((*ip).into()),
            Self::Range(range) => Some(*range),
            Self::Name(_) | Self::Below(_) => None,
        }
    }

    /// Whether this is `localhost`.
    pub fn is_localhost(&self) -> bool {
        matches!(self, Self::Name(name) if name == "localhost")
    }

    /// Whether every host of `other` is one of its own.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match other {
            Self::Name(name) => self.matches_name(name),
            Self::Below(inner) => *self == *other || matches!(self, Self::Below(_)) && self.matches_name(inner),
            Self::Ip(_) | Self::Range(_) => {
                self.as_range().zip(other.as_range()).is_some_and(|(outer, inner)| outer.contains(&inner))
            }
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Below(parent) => write!(f, "*.{parent}"),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Range(IpNet::V4(range)) => write!(f, "{range}"),
            Self::Range(IpNet::V6(range)) => write!(f, "[{range}]"),
        }
    }
}
