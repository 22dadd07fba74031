//! What an instance has learned by its own lookups: which address stands for which name, and by which grants.

use std::{collections::VecDeque, net::IpAddr};

use url::Host;

/// How many addresses an instance remembers. The oldest are forgotten first; the guest can look them up again.
const ROOM: usize = 1024;

/// An address that a lookup gave.
#[derive(Debug)]
pub(super) struct Answer {
    ip: IpAddr,
    /// What was looked up.
    pub(super) host: Host<String>,
    /// Which of the connector's grants name it and allow the address.
    pub(super) grants: Vec<usize>,
}

/// The answers, the newest last.
#[derive(Debug, Default)]
pub(super) struct Known(VecDeque<Answer>);

impl Known {
    /// Remembers an answer as the newest.
    pub(super) fn remember(&mut self, host: &Host<String>, ip: IpAddr, grants: Vec<usize>) {
        self.0.retain(|known| known.ip != ip || known.host != *host);
        if self.0.len() >= ROOM {
            self.0.pop_front();
        }
        self.0.push_back(Answer { ip, host: host.clone(), grants });
    }

    /// The names that `ip` stands for, the newest first.
    pub(super) fn of(&self, ip: IpAddr) -> impl Iterator<Item = &Answer> {
        self.0.iter().rev().filter(move |known| known.ip == ip)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn names(known: &Known, ip: IpAddr) -> Vec<String> {
        known.of(ip).map(|answer| answer.host.to_string()).collect()
    }

    #[test]
    fn the_oldest_answers_are_forgotten() {
        let ip = |n: usize| IpAddr::from(Ipv4Addr::from_bits(u32::try_from(n).unwrap()));
        let [a, b] = ["a", "b"].map(|name| Host::Domain(name.to_owned()));
        let mut known = Known::default();
        for n in 0..ROOM {
            known.remember(&a, ip(n), vec![0]);
        }
        // The first becomes the newest, so that the second is the oldest.
        known.remember(&a, ip(0), vec![0]);
        known.remember(&b, ip(0), vec![1]);
        assert_eq!(names(&known, ip(0)), ["b", "a"]);
        assert!(names(&known, ip(1)).is_empty());
        assert_eq!(names(&known, ip(2)), ["a"]);
        assert_eq!(known.0.len(), ROOM);
    }
}
