//! What at-least-once leaves of a promised order, told from the offsets in the order in which they were written.

use std::fmt;

/// A broken order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    what: String,
    /// The records that it shows in.
    pub(crate) offsets: Vec<u64>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// The writes of a row are a walk: each is that of the next record, or a step back from which all is written again. At
/// least once allows steps back; what it does not allow is an old record by itself behind a newer one.
pub(crate) fn walk(writes: &[u64], owed: &[u64]) -> Option<Broken> {
    let mut next = 0;
    for (index, offset) in writes.iter().enumerate() {
        // What is not owed was dead-lettered although it was written, which is told elsewhere.
        let Ok(position) = owed.binary_search(offset) else { continue };
        if position > next {
            let missing = owed[next];
            let around = &writes[index.saturating_sub(8)..(index + 4).min(writes.len())];
            let what = format!("{offset} was written where {missing} was due: ... {around:?} ...");
            let before = index.checked_sub(1).map(|index| writes[index]);
            return Some(Broken { what, offsets: before.into_iter().chain([missing, *offset]).collect() });
        }
        next = position + 1;
    }
    let missing = *owed.get(next)?;
    let what = format!("it ends before {missing}, which was not written again");
    Some(Broken { what, offsets: writes.last().copied().into_iter().chain([missing]).collect() })
}

/// A guest that is careless about order writes newer records before older ones. In the end the newest must stand all the
/// same: the last writes of all records are in order.
pub(crate) fn last_writes(writes: &[u64]) -> Option<Broken> {
    let is_last = |(index, offset): &(usize, &u64)| !writes[index + 1..].contains(offset);
    let last: Vec<u64> = writes.iter().enumerate().filter(is_last).map(|(_, offset)| *offset).collect();
    let pair = last.windows(2).find(|pair| pair[0] > pair[1])?;
    Some(Broken { what: format!("{} was written last after {} was", pair[1], pair[0]), offsets: pair.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_back_are_fine_and_lone_old_writes_are_not() {
        let owed = [0, 1, 2, 4];
        assert_eq!(walk(&[0, 1, 2, 4], &owed), None);
        assert_eq!(walk(&[0, 1, 0, 1, 2, 1, 2, 2, 4], &owed), None);
        assert!(walk(&[0, 2, 1, 4], &owed).is_some(), "passed over");
        assert!(walk(&[0, 1, 2, 1, 4], &owed).is_some(), "alone, then on");
        assert!(walk(&[0, 1, 2, 4, 1], &owed).is_some(), "alone, at the end");
    }

    #[test]
    fn last_writes_count_where_the_guest_is_careless() {
        assert_eq!(last_writes(&[0, 2, 3, 1, 2, 3]), None);
        assert!(last_writes(&[0, 2, 3, 1, 3]).is_some());
    }
}
