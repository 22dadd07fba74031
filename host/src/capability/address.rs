//! Which resolved addresses a guest may be connected to. A granted name alone is not enough: whoever controls that name
//! could point it at the host's own network. Everything but public unicast is refused unless the grant says otherwise.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;

use super::destination::Grant;

#[cfg(test)]
mod tests;

/// What kind of network an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Public unicast: allowed for any granted name.
    Public,
    /// The machine itself.
    Loopback,
    /// RFC 1918.
    Private,
    /// The local link, RFC 3927 and `fe80::/10`.
    LinkLocal,
    /// `fc00::/7` and the deprecated site-local `fec0::/10`.
    UniqueLocal,
    /// Carrier-grade NAT, RFC 6598.
    Shared,
    /// Where clouds serve credentials to the machines in them.
    Metadata,
    /// A group, or the whole network.
    Multicast,
    /// `0.0.0.0/8` and `::`: on most systems another name for the machine itself.
    Unspecified,
    /// An IPv4 address in the clothes of an IPv6 one: mapped, compatible, NAT64, 6to4, Teredo or ISATAP.
    Embedded,
    /// Set aside for documentation, benchmarks, or nothing yet.
    Reserved,
}

impl Scope {
    /// The kind of network that `ip` belongs to.
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    // After IANA's registries of special-purpose addresses, and what clouds document.
    fn of_v4(ip: Ipv4Addr) -> Self {
        match ip.octets() {
            // What most clouds answer on; Amazon's for containers and for pods, Tencent's, Scaleway's.
            [169, 254, 169, 254] | [169, 254, 170, 2 | 23] | [169, 254, 0, 23] | [169, 254, 42, 42] => Self::Metadata,
            // Azure's, which is public by its range; Oracle's and Alibaba's.
            [168, 63, 129, 16] | [192, 0, 0, 192] | [100, 100, 100, 200] => Self::Metadata,
            [0, ..] => Self::Unspecified,
            [127, ..] => Self::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            [169, 254, ..] => Self::LinkLocal,
            [100, 64..=127, ..] => Self::Shared,
            [224..=239, ..] | [255, 255, 255, 255] => Self::Multicast,
            // Protocol assignments, documentation, benchmarks.
            [192, 0, 0 | 2, _] | [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => Self::Reserved,
            // Anycast to whoever is near: 6to4 relays, multicast relays, the sink for reverse lookups.
            [192, 88, 99, _] | [192, 52, 193, _] | [192, 31, 196, _] | [192, 175, 48, _] => Self::Reserved,
            [240..=255, ..] => Self::Reserved,
            [..] => Self::Public,
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        match ip.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Unspecified,
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            // Amazon's for machines and for pods, Google's, Oracle's, Scaleway's, Linode's, OpenStack's.
            [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254 | 0x0023] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254] => {
                Self::Metadata
            }
            [0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe] | [0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042] => Self::Metadata,
            [0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1] | [0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe] => Self::Metadata,
            // Compatible, mapped, translated (RFC 2765).
            [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Self::Embedded,
            // NAT64 (well-known, then local use), Teredo, 6to4.
            [0x64, 0xff9b, ..] | [0x2001, 0, ..] | [0x2002, ..] => Self::Embedded,
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Self::UniqueLocal,
            [0xff00..=0xffff, ..] => Self::Multicast,
            // IETF protocol assignments (2001::/23), documentation, the sink for reverse lookups.
            [0x2001, 0..=0x1ff, ..] | [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Self::Reserved,
            [0x2620, 0x004f, 0x8000, ..] => Self::Reserved,
            // ISATAP, below any network's prefix.
            [_, _, _, _, 0 | 0x0200, 0x5efe, ..] => Self::Embedded,
            [0x2000..=0x3fff, ..] => Self::Public,
            [..] => Self::Reserved,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::UniqueLocal => "unique-local",
            Self::Shared => "carrier-grade NAT",
            Self::Metadata => "cloud metadata",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Embedded => "IPv4 inside IPv6",
            Self::Reserved => "reserved",
        })
    }
}

/// The one kind of private address that naming `range` opens: that of both its ends. `None` if they differ, or are
/// public: `0.0.0.0/0` opens nothing private. So a metadata service is opened by its very address only, and not by the
/// range around it.
pub fn opened(range: &IpNet) -> Option<Scope> {
    let [first, last] = [range.network(), range.broadcast()].map(Scope::of);
    (first == last && first != Scope::Public).then_some(first)
}

/// Whether `grant`, which is known to name the host that `ip` stands for, lets a connection go to `ip`.
///
/// Public addresses are always allowed; any other only if the grant names that very address, names or lists a range that
/// opens its kind and covers it, or is for `localhost` and the address is a loopback one. `localhost` never leads off the
/// machine.
pub fn allowed(ip: IpAddr, grant: &Grant) -> bool {
    let scope = Scope::of(ip);
    let named = grant.host().as_range();
    if named.iter().chain(grant.addresses()).any(|range| range.contains(&ip) && opened(range) == Some(scope)) {
        return true;
    }
    match scope {
        Scope::Public => !grant.host().is_localhost(),
        Scope::Loopback => grant.host().is_localhost(),
        Scope::Private
        | Scope::LinkLocal
        | Scope::UniqueLocal
        | Scope::Shared
        | Scope::Metadata
        | Scope::Multicast
        | Scope::Unspecified
        | Scope::Embedded
        | Scope::Reserved => false,
    }
}
