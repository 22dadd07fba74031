//! How far a subscription is acknowledged without a gap.

use std::collections::BTreeSet;

/// The highest offset up to which everything is confirmed. Offsets may be confirmed in any order; one that never is
/// (a skipped record) holds the cursor back for ever, as in the released broker.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    first: Option<u64>,
    safe: Option<u64>,
    /// Confirmed, but with a gap before them.
    ahead: BTreeSet<u64>,
}

impl Cursor {
    /// Tells where the subscription begins; only the first call counts.
    pub(crate) fn begin_at(&mut self, offset: u64) {
        self.first.get_or_insert(offset);
    }

    /// Counts an offset as done.
    pub(crate) fn confirm(&mut self, offset: u64) {
        let next = self.next();
        if next != Some(offset) {
            self.ahead.insert(offset);
            return;
        }
        let mut safe = offset;
        while self.ahead.remove(&(safe + 1)) {
            safe += 1;
        }
        self.safe = Some(safe);
    }

    /// The highest offset before which nothing is missing.
    pub(crate) fn safe(&self) -> Option<u64> {
        self.safe
    }

    /// The first offset that is not confirmed, if the subscription has begun.
    pub(crate) fn next(&self) -> Option<u64> {
        self.safe.map_or(self.first, |safe| Some(safe + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_passes_only_what_is_confirmed_without_a_gap() {
        let mut cursor = Cursor::default();
        cursor.begin_at(4);
        cursor.confirm(6);
        assert_eq!((cursor.safe(), cursor.next()), (None, Some(4)));
        cursor.confirm(4);
        assert_eq!(cursor.safe(), Some(4));
        cursor.confirm(5);
        assert_eq!((cursor.safe(), cursor.next()), (Some(6), Some(7)));
    }
}
