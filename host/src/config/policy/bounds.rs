//! Upper bounds of limits, whatever their unit.

use std::{collections::HashMap, ops::Range, time::Duration};

/// Upper bounds of limits, by their keys.
#[derive(Debug, Default)]
pub(in crate::config) struct Bounds(HashMap<String, Bound>);

#[derive(Debug)]
pub(super) struct Bound {
    /// In the smallest unit.
    pub(super) most: u128,
    /// As people write it.
    pub(super) shown: String,
    pub(super) place: Range<usize>,
}

impl Bounds {
    pub(super) fn get(&self, key: &str) -> Option<&Bound> {
        self.0.get(key)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::config) fn set<T: Measure>(&mut self, key: &str, value: T, shown: String, place: Range<usize>) {
        self.0.insert(key.to_owned(), Bound { most: value.measure(), shown, place });
    }
}

/// What can be bounded: a number, or something that is one in its smallest unit.
pub(in crate::config) trait Measure: PartialOrd + Copy {
    fn measure(self) -> u128;
    /// The value that measures so much. Never more than a value of this type measured.
    fn of(measure: u128) -> Self;
}

impl Measure for u32 {
    fn measure(self) -> u128 {
        self.into()
    }

    fn of(measure: u128) -> Self {
        Self::try_from(measure).unwrap_or(Self::MAX)
    }
}

impl Measure for u64 {
    fn measure(self) -> u128 {
        self.into()
    }

    fn of(measure: u128) -> Self {
        Self::try_from(measure).unwrap_or(Self::MAX)
    }
}

impl Measure for Duration {
    fn measure(self) -> u128 {
        self.as_nanos()
    }

    fn of(measure: u128) -> Self {
        Self::from_nanos(u64::try_from(measure).unwrap_or(u64::MAX))
    }
}
