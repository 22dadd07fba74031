//! Whether a grant, or one out of a list, allows all that another one allows.

use ipnet::IpNet;

use super::{Grant, path};
use crate::capability::address;

impl Grant {
    /// Whether it allows everything that `other` allows: every scheme, host, port, method and path, and every address
    /// that connections may lead to.
    pub fn covers(&self, other: &Self) -> bool {
        let Self { scheme, host, ports, methods, path: prefix, addresses: _, shown: _ } = self;
        *scheme == other.scheme
            && host.covers(&other.host)
            && ports.covers(other.ports)
            && methods.as_ref().is_none_or(|methods| {
                other.methods.as_ref().is_some_and(|others| others.iter().all(|other| methods.contains(other)))
            })
            && path::is_within(prefix, &other.path)
            && other.ranges().all(|range| self.opens(&range))
    }

    /// The ranges whose private addresses it opens.
    fn ranges(&self) -> impl Iterator<Item = IpNet> {
        self.host.as_range().into_iter().chain(self.addresses.iter().copied())
    }

    /// Whether all private addresses that a grant of `range` opens are opened by its own ranges, together.
    fn opens(&self, range: &IpNet) -> bool {
        let Some(scope) = address::opened(range) else { return true };
        let own: Vec<_> = self.ranges().filter(|own| address::opened(own) == Some(scope)).collect();
        IpNet::aggregate(&own).iter().any(|own| own.contains(range))
    }
}
