//! The host part of a grant: a name, everything below a name, or an address.

use std::{fmt, net::IpAddr};

use url::Host;

use super::Error;

/// Which hosts a grant is for. Names are in lower case and punycode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This name.
    Name(String),
    /// Every name below this one, at any depth, but not the name itself.
    Below(String),
    /// This address, written as such.
    Ip(IpAddr),
}

impl HostPattern {
    pub(super) fn parse(host: &Host<&str>) -> Result<Self, Error> {
        let name = match host {
            Host::Ipv4(ip) => return Self::address((*ip).into()),
            Host::Ipv6(ip) => return Self::address((*ip).into()),
            Host::Domain(name) => name,
        };
        match name.strip_prefix("*.") {
            _ if !name.contains('*') => Ok(Self::Name((*name).into())),
            // `*.com` would be the whole Internet, near enough.
            Some(parent) if !parent.contains('*') && parent.trim_matches('.').contains('.') => {
                Ok(Self::Below(parent.into()))
            }
            Some(_) | None => Err(Error::Wildcard),
        }
    }

    fn address(ip: IpAddr) -> Result<Self, Error> {
        // In the clothes of IPv6 it is no better.
        if ip.to_canonical().is_unspecified() { Err(Error::Unspecified) } else { Ok(Self::Ip(ip)) }
    }

    pub(super) fn matches(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (Self::Name(name), Host::Domain(host)) => name == host,
            (Self::Below(parent), Host::Domain(host)) => {
                host.strip_suffix(parent.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Self::Ip(ip), Host::Ipv4(host)) => ip == host,
            (Self::Ip(ip), Host::Ipv6(host)) => ip == host,
            (Self::Name(_) | Self::Below(_), Host::Ipv4(_) | Host::Ipv6(_)) | (Self::Ip(_), Host::Domain(_)) => false,
        }
    }

    /// Whether this is the address `ip`, written as such.
    pub fn is_ip(&self, ip: IpAddr) -> bool {
        *self == Self::Ip(ip)
    }

    /// Whether this is `localhost`.
    pub fn is_localhost(&self) -> bool {
        matches!(self, Self::Name(name) if name == "localhost")
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Below(parent) => write!(f, "*.{parent}"),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}
