//! The grammar: `scheme://host[/length][:port[-port]][/path]`, taken apart from left to right. The URL parser reads host
//! names and paths; ranges of addresses and of ports, which no URL has, are read here.

use std::{
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use url::{Host, ParseError};

use super::{Error, HostPattern, Ports, Scheme, path};

/// What a text consists of.
pub(super) struct Parts {
    pub(super) scheme: Scheme,
    pub(super) host: HostPattern,
    pub(super) ports: Ports,
    pub(super) path: String,
}

pub(super) fn parts(text: &str) -> Result<Parts, Error> {
    let (scheme, rest) = text.split_once("://").ok_or(Error::NoScheme)?;
    let scheme = Scheme::named(scheme).ok_or(Error::Scheme)?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Error::User);
    }
    if rest.contains(['?', '#']) {
        return Err(Error::Query);
    }
    let (host, rest) = host(rest)?;
    let (port, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let ports = ports(scheme, port)?;
    let path = match path {
        "" => "/".into(),
        _ if !scheme.is_http() => return Err(Error::SocketPath),
        path => path::normal(path).map_err(Error::UrlPath)?,
    };
    Ok(Parts { scheme, host, ports, path })
}

/// The host, and what follows it.
fn host(text: &str) -> Result<(HostPattern, &str), Error> {
    if let Some(inner) = text.strip_prefix('[') {
        let (inner, rest) = inner.split_once(']').ok_or(Error::Url(ParseError::InvalidIpv6Address))?;
        let (ip, length) = inner.split_once('/').map_or((inner, None), |(ip, length)| (ip, Some(length)));
        let ip: Ipv6Addr = ip.parse().map_err(|_| Error::Url(ParseError::InvalidIpv6Address))?;
        return match length {
            Some(length) => Ok((HostPattern::range(ip.into(), length)?, rest)),
            None => address(ip.into(), rest),
        };
    }
    let (name, rest) = text.split_at(text.find([':', '/']).unwrap_or(text.len()));
    match Host::parse(name).map_err(Error::Url)? {
        // `010.0.0.1` is 8.0.0.1 to a URL parser and 10.0.0.1 to most people.
        Host::Ipv4(ip) if ip.to_string() != name => Err(Error::OddAddress),
        Host::Ipv4(ip) => address(ip.into(), rest),
        Host::Ipv6(ip) => address(ip.into(), rest),
        Host::Domain(name) => Ok((HostPattern::named(&name)?, rest)),
    }
}

/// An address, or the range that it and a prefix length behind it make.
fn address(ip: IpAddr, rest: &str) -> Result<(HostPattern, &str), Error> {
    match prefix_length(rest) {
        Some((length, rest)) => Ok((HostPattern::range(ip, length)?, rest)),
        None => Ok((HostPattern::address(ip)?, rest)),
    }
}

/// Behind an address, a slash and digits up to the end, a colon or a slash are a prefix length, never a path.
fn prefix_length(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('/')?;
    let (digits, rest) = text.split_at(text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len()));
    (!digits.is_empty() && (rest.is_empty() || rest.starts_with([':', '/']))).then_some((digits, rest))
}

fn ports(scheme: Scheme, text: &str) -> Result<Ports, Error> {
    match text.strip_prefix(':') {
        Some(ports) => Ports::parse(ports),
        None if text.is_empty() => scheme.default_port().map(Ports::one).ok_or(Error::NoPort),
        // Something behind a bracket.
        None => Err(Error::Url(ParseError::InvalidPort)),
    }
}

/// A number in decimal digits; `parse` alone would take a sign.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
