//! Which Key-Shared consumer gets a key: a ring of hashes, 100 points per consumer, among those whose filters let the
//! key pass. The hash is the released broker's, so that the same consumer ids divide the keys in the same way.

use crate::record::ConsumerId;

const POINTS_PER_CONSUMER: usize = 100;

/// A consumer of the ring with its filters.
#[derive(Debug)]
struct Seat {
    consumer: ConsumerId,
    filters: Vec<String>,
}

/// The consumers of a Key-Shared subscription.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    seats: Vec<Seat>,
    /// Sorted by hash; the second value is an index into `seats`.
    points: Vec<(u32, usize)>,
}

impl Ring {
    /// Adds a consumer. Without filters it takes every key.
    pub(crate) fn add(&mut self, consumer: ConsumerId, filters: Vec<String>) {
        self.seats.push(Seat { consumer, filters });
        self.rebuild();
    }

    /// Removes a consumer; about its share of the keys moves to others.
    pub(crate) fn remove(&mut self, consumer: ConsumerId) {
        self.seats.retain(|seat| seat.consumer != consumer);
        self.rebuild();
    }

    /// The consumer that a key belongs to, or `None` if every filter rejects it.
    pub(crate) fn select(&self, key: &str) -> Option<ConsumerId> {
        let takes = |seat: &Seat| seat.filters.is_empty() || seat.filters.iter().any(|glob| glob_match(key, glob));
        let eligible: Vec<bool> = self.seats.iter().map(takes).collect();
        let hash = ring_hash(key);
        let start = self.points.partition_point(|(point, _)| *point < hash);
        let clockwise = self.points[start..].iter().chain(&self.points[..start]);
        let (_, seat) = clockwise.copied().find(|(_, seat)| eligible[*seat])?;
        Some(self.seats[seat].consumer)
    }

    fn rebuild(&mut self) {
        self.points.clear();
        for (index, seat) in self.seats.iter().enumerate() {
            let points = (0..POINTS_PER_CONSUMER).map(|n| (ring_hash(&format!("{}-{n}", seat.consumer)), index));
            self.points.extend(points);
        }
        self.points.sort_by_key(|(point, _)| *point);
    }
}

/// FNV-1a over 64 bits, folded to 32, then the finalizer of Murmur3: without the last step, names that differ only at
/// the end would land next to each other.
fn ring_hash(key: &str) -> u32 {
    let fnv = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut hash = ((fnv >> 32) ^ fnv) as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// `*` stands for any run of bytes, `?` for one byte.
fn glob_match(text: &str, glob: &str) -> bool {
    let (text, glob) = (text.as_bytes(), glob.as_bytes());
    let (mut at, mut pattern) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match glob.get(pattern) {
            Some(b'*') => {
                star = Some((pattern, at));
                pattern += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == text[at] => {
                at += 1;
                pattern += 1;
            }
            Some(_) | None => {
                let Some((star_pattern, star_at)) = star else { return false };
                star = Some((star_pattern, star_at + 1));
                pattern = star_pattern + 1;
                at = star_at + 1;
            }
        }
    }
    glob[pattern..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(ring: &Ring) -> Vec<Option<ConsumerId>> {
        (0..1000).map(|n| ring.select(&format!("key-{n}"))).collect()
    }

    #[test]
    fn a_key_stays_with_its_consumer_and_only_a_share_moves() {
        let mut ring = Ring::default();
        ring.add(1, vec![]);
        ring.add(2, vec![]);
        let before = owners(&ring);
        assert_eq!(before, owners(&ring));
        ring.add(3, vec![]);
        let moved = before.iter().zip(owners(&ring)).filter(|(old, new)| **old != *new).count();
        assert!((150..550).contains(&moved), "{moved} of 1000 keys moved");
        ring.remove(3);
        assert_eq!(before, owners(&ring));
    }

    #[test]
    fn filters_are_globs_and_a_key_that_none_takes_has_no_owner() {
        let mut ring = Ring::default();
        ring.add(1, vec!["user-*".to_owned()]);
        ring.add(2, vec!["eu-?".to_owned(), "eu-*-x".to_owned()]);
        assert_eq!(ring.select("user-7"), Some(1));
        assert_eq!(ring.select("eu-1"), Some(2));
        assert_eq!(ring.select("eu-12"), None);
        assert_eq!(ring.select("eu-12-x"), Some(2));
        assert_eq!(ring.select("other"), None);
    }

    #[test]
    fn globs() {
        for (text, glob, matches) in [
            ("", "*", true),
            ("", "", true),
            ("a", "", false),
            ("abc", "a*c", true),
            ("abbc", "a*bc", true),
            ("abb", "a*bc", false),
            ("a-b-c", "*-*-*", true),
            ("ab", "?", false),
        ] {
            assert_eq!(glob_match(text, glob), matches, "{text:?} against {glob:?}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_released_broker() {
        for (key, hash) in
            [("", 0xc610ff71), ("order-123", 0xcc728681), ("order-124", 0xf2925914), ("98765432101234-0", 0x6f2d7014)]
        {
            assert_eq!(ring_hash(key), hash, "{key:?}");
        }
    }
}
