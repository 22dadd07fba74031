//! Which resolved addresses a guest may be connected to. A granted name alone is not enough: whoever controls that name
//! could point it at the host's own network. Everything but public unicast is refused unless the grant says otherwise.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::destination::Grant;

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
    /// An IPv4 address in the clothes of an IPv6 one: mapped, compatible, NAT64, 6to4 or Teredo.
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

    fn of_v4(ip: Ipv4Addr) -> Self {
        match ip.octets() {
            // The address that most clouds answer on, Amazon's for containers, Azure's (which is public by its range).
            [169, 254, 169, 254] | [169, 254, 170, 2] | [168, 63, 129, 16] => Self::Metadata,
            [0, ..] => Self::Unspecified,
            [127, ..] => Self::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            [169, 254, ..] => Self::LinkLocal,
            [100, 64..=127, ..] => Self::Shared,
            [224..=239, ..] | [255, 255, 255, 255] => Self::Multicast,
            [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Self::Reserved,
            [198, 51, 100, _] | [203, 0, 113, _] | [240..=255, ..] => Self::Reserved,
            [..] => Self::Public,
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        match ip.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Unspecified,
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] => Self::Metadata,
            // Compatible, mapped, translated (RFC 2765).
            [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Self::Embedded,
            // NAT64 (well-known, then local use), Teredo, 6to4.
            [0x64, 0xff9b, ..] | [0x2001, 0, ..] | [0x2002, ..] => Self::Embedded,
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Self::UniqueLocal,
            [0xff00..=0xffff, ..] => Self::Multicast,
            // IETF protocol assignments (2001::/23), documentation.
            [0x2001, 0..=0x1ff, ..] | [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Self::Reserved,
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

/// Whether `grant`, which is known to name the host that `ip` stands for, lets a connection go to `ip`.
///
/// Public addresses are always allowed; any other only if the grant names that very address, lists a range that covers
/// it, or is for `localhost` and the address is a loopback one. `localhost` never leads off the machine.
pub fn allowed(ip: IpAddr, grant: &Grant) -> bool {
    if grant.addresses().iter().any(|range| range.contains(&ip)) || grant.host().is_ip(ip) {
        return true;
    }
    match Scope::of(ip) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_range_is_known_at_both_ends() {
        let table = [
            ("1.1.1.1", Scope::Public),
            ("93.184.216.34", Scope::Public),
            ("9.255.255.255", Scope::Public),
            ("11.0.0.0", Scope::Public),
            ("172.15.255.255", Scope::Public),
            ("172.32.0.0", Scope::Public),
            ("192.167.255.255", Scope::Public),
            ("192.169.0.0", Scope::Public),
            ("100.63.255.255", Scope::Public),
            ("100.128.0.0", Scope::Public),
            ("169.253.255.255", Scope::Public),
            ("169.255.0.0", Scope::Public),
            ("223.255.255.255", Scope::Public),
            ("192.0.1.1", Scope::Public),
            ("198.17.255.255", Scope::Public),
            ("198.20.0.0", Scope::Public),
            ("0.0.0.0", Scope::Unspecified),
            ("0.255.255.255", Scope::Unspecified),
            ("10.0.0.0", Scope::Private),
            ("10.255.255.255", Scope::Private),
            ("172.16.0.0", Scope::Private),
            ("172.31.255.255", Scope::Private),
            ("192.168.0.0", Scope::Private),
            ("192.168.255.255", Scope::Private),
            ("100.64.0.0", Scope::Shared),
            ("100.100.100.200", Scope::Shared),
            ("100.127.255.255", Scope::Shared),
            ("127.0.0.1", Scope::Loopback),
            ("127.255.255.255", Scope::Loopback),
            ("169.254.0.0", Scope::LinkLocal),
            ("169.254.255.255", Scope::LinkLocal),
            ("169.254.169.254", Scope::Metadata),
            ("169.254.170.2", Scope::Metadata),
            ("168.63.129.16", Scope::Metadata),
            ("192.0.0.192", Scope::Reserved),
            ("192.0.2.1", Scope::Reserved),
            ("192.88.99.1", Scope::Reserved),
            ("198.18.0.0", Scope::Reserved),
            ("198.19.255.255", Scope::Reserved),
            ("198.51.100.7", Scope::Reserved),
            ("203.0.113.7", Scope::Reserved),
            ("224.0.0.1", Scope::Multicast),
            ("239.255.255.255", Scope::Multicast),
            ("240.0.0.0", Scope::Reserved),
            ("255.255.255.254", Scope::Reserved),
            ("255.255.255.255", Scope::Multicast),
            ("2606:4700::1111", Scope::Public),
            ("2a00:1450::1", Scope::Public),
            ("2001:200::1", Scope::Public),
            ("2001:4860:4860::8888", Scope::Public),
            ("::", Scope::Unspecified),
            ("::1", Scope::Loopback),
            ("::2", Scope::Embedded),
            ("::10.0.0.1", Scope::Embedded),
            ("::ffff:8.8.8.8", Scope::Embedded),
            ("::ffff:127.0.0.1", Scope::Embedded),
            ("::ffff:0:127.0.0.1", Scope::Embedded),
            ("64:ff9b::7f00:1", Scope::Embedded),
            ("64:ff9b:1::a00:1", Scope::Embedded),
            ("2001::1", Scope::Embedded),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Scope::Embedded),
            ("2002:7f00:1::", Scope::Embedded),
            ("2001:2::1", Scope::Reserved),
            ("2001:20::1", Scope::Reserved),
            ("2001:db8::1", Scope::Reserved),
            ("3fff::1", Scope::Reserved),
            ("100::1", Scope::Reserved),
            ("4000::1", Scope::Reserved),
            ("5f00::1", Scope::Reserved),
            ("fe80::1", Scope::LinkLocal),
            ("febf::1", Scope::LinkLocal),
            ("fec0::1", Scope::UniqueLocal),
            ("fc00::1", Scope::UniqueLocal),
            ("fdff::1", Scope::UniqueLocal),
            ("fd00:ec2::254", Scope::Metadata),
            ("ff02::1", Scope::Multicast),
        ];
        for (text, scope) in table {
            assert_eq!(Scope::of(text.parse().unwrap()), scope, "{text}");
        }
    }

    #[test]
    fn a_grant_opens_only_the_addresses_that_it_names() {
        let listed = |url: &str, range: &str| Grant::parse(url).unwrap().with_addresses(vec![range.parse().unwrap()]);
        let plain = |url: &str| Grant::parse(url).unwrap();
        let table = [
            (plain("https://x.example"), "1.1.1.1", true),
            (plain("https://x.example"), "10.0.0.5", false),
            (plain("https://x.example"), "127.0.0.1", false),
            (plain("https://x.example"), "169.254.169.254", false),
            (plain("https://x.example"), "::ffff:1.1.1.1", false),
            (plain("https://x.example"), "64:ff9b::101:101", false),
            (plain("https://*.x.example"), "192.168.0.1", false),
            (plain("http://10.0.0.5"), "10.0.0.5", true),
            (plain("http://10.0.0.5"), "10.0.0.6", false),
            (plain("http://127.0.0.1"), "127.0.0.1", true),
            (plain("http://127.0.0.1"), "::1", false),
            (plain("http://127.0.0.1"), "::ffff:127.0.0.1", false),
            (plain("http://[::1]"), "::1", true),
            (plain("http://169.254.169.254"), "169.254.169.254", true),
            (plain("http://localhost"), "127.0.0.1", true),
            (plain("http://localhost"), "::1", true),
            (plain("http://localhost"), "10.0.0.1", false),
            (plain("http://localhost"), "1.1.1.1", false),
            (listed("https://x.example", "10.0.0.0/8"), "10.0.0.5", true),
            (listed("https://x.example", "10.0.0.0/8"), "192.168.0.1", false),
            (listed("https://x.example", "10.0.0.0/8"), "1.1.1.1", true),
            (listed("https://x.example", "10.0.0.0/8"), "::ffff:10.0.0.5", false),
            (listed("https://x.example", "64:ff9b::/96"), "64:ff9b::a00:1", true),
            (listed("https://x.example", "fd00::/8"), "fd12::1", true),
        ];
        for (grant, ip, expected) in table {
            assert_eq!(allowed(ip.parse().unwrap(), &grant), expected, "{grant} -> {ip}");
        }
    }
}
