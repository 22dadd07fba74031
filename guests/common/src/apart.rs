//! Finds the bad rows of a batch that the target refuses as a whole.

use std::{iter, ops::Range, time::Duration};

use danube_sink::{Error, Outcomes, Result};

use crate::CallTime;

/// Why rows were not written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it means. Only `Rejected` is taken apart.
    pub error: Error,
    /// The row that the target blames, counted from the first one that it was given. It may be wrong: the row is tried alone.
    pub suspect: Option<usize>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, suspect: None }
    }
}

/// Writes `len` rows with `write`, which gets their positions and how long a request may take: all of them at once if the target takes them. When it rejects several rows together, none
/// of them was written: the one that it blames is tried alone, or else the halves are, until each bad row is rejected with
/// the target's own words and all others are written. That takes 3 requests for a bad row that the target names, and
/// about twice the logarithm of the batch for one that it does not.
///
/// Rows are written in their order, and none behind one that has to be tried again. When the call's time runs short, the
/// rest is to be tried again.
///
/// # Errors
///
/// What `write` says of all rows at once, and `Fatal`.
pub fn write_apart(
    len: usize,
    time: &mut CallTime,
    mut write: impl FnMut(Range<usize>, Duration) -> Result<(), Refusal>,
) -> Result<Outcomes> {
    let mut outcomes = Outcomes::written();
    let mut unwritten: Vec<_> = iter::once(0..len).collect();
    while let Some(range) = unwritten.pop() {
        if range.is_empty() {
            continue;
        }
        if range.start > 0 && time.is_short() {
            // The host may call again at once, and loses no retry on it because something got through.
            let reason = "the target is slow, and a call has only so much time";
            outcomes.retry(range.start..len, reason, Some(Duration::ZERO));
            return Ok(outcomes);
        }
        let timeout = time.timeout();
        match time.spend(|| write(range.clone(), timeout)) {
            Ok(()) => {}
            Err(Refusal { error: Error::Rejected { reason: _ }, suspect }) if range.len() > 1 => {
                unwritten.extend(parts(&range, suspect).into_iter().rev());
            }
            Err(Refusal { error, suspect: _ }) => match error {
                Error::Rejected { reason } => outcomes.reject(range, &reason),
                // Nothing was written yet, and nothing said of any row.
                error @ Error::Retryable { .. } if range.start == 0 => return Err(error),
                Error::Retryable { reason, after } => {
                    outcomes.retry(range.start..len, &reason, after);
                    return Ok(outcomes);
                }
                error @ Error::Fatal { .. } => return Err(error),
            },
        }
    }
    Ok(outcomes)
}

/// What a refused range is tried in.
fn parts(range: &Range<usize>, suspect: Option<usize>) -> Vec<Range<usize>> {
    match suspect.map(|suspect| range.start + suspect) {
        Some(suspect) if range.contains(&suspect) => {
            vec![range.start..suspect, suspect..suspect + 1, suspect + 1..range.end]
        }
        Some(_) | None => {
            let middle = range.start + range.len() / 2;
            vec![range.start..middle, middle..range.end]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Writes rows to a target that refuses some, and returns the outcome and the requests that it took.
    fn write(
        len: usize,
        mut target: impl FnMut(Range<usize>) -> Result<(), Refusal>,
    ) -> (Result<Outcomes>, Vec<Range<usize>>) {
        let mut requests = Vec::new();
        let outcomes = write_apart(len, &mut CallTime::start(HOUR, HOUR), |range, _| {
            requests.push(range.clone());
            target(range)
        });
        (outcomes, requests)
    }

    fn bad(rows: &'static [usize], says_which: bool) -> impl FnMut(Range<usize>) -> Result<(), Refusal> {
        move |range| match rows.iter().find(|row| range.contains(row)) {
            Some(row) => {
                let suspect = says_which.then_some(row - range.start);
                Err(Refusal { error: Error::rejected(format!("row {row} is bad")), suspect })
            }
            None => Ok(()),
        }
    }

    fn failed(outcomes: Result<Outcomes>) -> Vec<(usize, String)> {
        let outcomes = outcomes.expect("some were written");
        outcomes.failures().map(|(index, failure)| (index, failure.reason().to_owned())).collect()
    }

    #[test]
    fn rows_go_together() {
        let (outcomes, requests) = write(1000, |_| Ok(()));
        assert_eq!(outcomes, Ok(Outcomes::written()));
        assert_eq!(requests.len(), 1);
    }

    #[test]
    fn a_bad_row_is_found_and_rejected_alone() {
        for says_which in [true, false] {
            for rows in [&[0][..], &[999], &[500], &[3, 4, 700], &[0, 999]] {
                let (outcomes, requests) = write(1000, bad(rows, says_which));
                let expected: Vec<_> = rows.iter().map(|row| (*row, format!("row {row} is bad"))).collect();
                assert_eq!(failed(outcomes), expected);
                let most = if says_which { 1 + 3 * rows.len() } else { 1 + 20 * rows.len() };
                assert!(requests.len() <= most, "{requests:?}");
            }
        }
    }

    #[test]
    fn a_target_that_blames_the_wrong_row_is_not_believed() {
        let (outcomes, _) = write(100, |range| match range.contains(&70) {
            true => Err(Refusal { error: Error::rejected("bad"), suspect: Some(1) }),
            false => Ok(()),
        });
        assert_eq!(failed(outcomes), [(70, "bad".to_owned())]);
        let (outcomes, _) = write(2, |_| Err(Refusal { error: Error::rejected("bad"), suspect: Some(7) }));
        assert_eq!(failed(outcomes).len(), 2);
    }

    #[test]
    fn nothing_is_written_behind_a_row_that_has_to_wait() {
        let mut target = bad(&[10], true);
        let (outcomes, requests) =
            write(100, |range| if range == (11..100) { Err(Error::retryable("down").into()) } else { target(range) });
        assert_eq!(requests, [0..100, 0..10, 10..11, 11..100]);
        let failed = failed(outcomes);
        assert_eq!((failed.len(), &failed[0].1, &failed[1].1), (90, &"row 10 is bad".to_owned(), &"down".to_owned()));
    }

    #[test]
    fn what_is_true_of_all_rows_is_said_of_the_batch() {
        for error in [Error::retryable("down").after(HOUR), Error::fatal("no such table")] {
            assert_eq!(write(3, |_| Err(error.clone().into())).0, Err(error));
        }
        let mut target = bad(&[10], true);
        let (outcomes, _) =
            write(100, |range| if range == (11..100) { Err(Error::fatal("dropped").into()) } else { target(range) });
        assert_eq!(outcomes, Err(Error::fatal("dropped")));
    }

    #[test]
    fn what_the_time_does_not_suffice_for_is_written_in_the_next_call() {
        let mut target = bad(&[1], true);
        let mut time = CallTime::start(Duration::ZERO, HOUR);
        let outcomes = write_apart(4, &mut time, |range, _| target(range)).expect("the first was written");
        assert_eq!(
            outcomes.failures().map(|(index, failure)| (index, failure.is_retry())).collect::<Vec<_>>(),
            [(1, true), (2, true), (3, true)]
        );
    }
}
