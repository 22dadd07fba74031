//! Idempotency keys: the same records have the same key each time they are sent, other records have another.

use std::{collections::BTreeMap, fmt::Write};

use danube_sink::Record;
use percent_encoding::{CONTROLS, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// Longer keys are replaced by their digest: servers store keys in columns of 255 characters or fewer.
const MAX_LENGTH: usize = 200;

/// The key of a request that carries `records`, all of one topic: `topic@offsets`, or `topic-part-N@offsets` for each
/// partition with `;` between them, where the offsets are rising runs such as `5-9,12`. A long one becomes
/// `sha256:<hex>` of that text. It does not depend on the order of the records.
pub fn position_key<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
    let mut offsets = BTreeMap::<Option<u32>, Vec<u64>>::new();
    let mut topic = "";
    for record in records {
        topic = record.topic();
        offsets.entry(record.partition()).or_default().push(record.offset());
    }
    let partitions = offsets.into_iter().map(|(partition, offsets)| match partition {
        Some(partition) => format!("{topic}-part-{partition}@{}", runs(offsets)),
        None => format!("{topic}@{}", runs(offsets)),
    });
    let key = partitions.collect::<Vec<_>>().join(";");
    // A topic may have letters that a header may not.
    let key = utf8_percent_encode(&key, CONTROLS).to_string();
    if key.len() > MAX_LENGTH { digest(&key) } else { key }
}

/// `5-9,12` for 5, 6, 7, 8, 9 and 12.
fn runs(mut offsets: Vec<u64>) -> String {
    offsets.sort_unstable();
    offsets.dedup();
    let runs = offsets.chunk_by(|before, after| before + 1 == *after).map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        [only] => only.to_string(),
        [] => String::new(),
    });
    runs.collect::<Vec<_>>().join(",")
}

fn digest(key: &str) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(key) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use danube_sink::testing::RecordBuilder;

    use super::*;

    fn records(positions: &[(Option<u32>, u64)]) -> Vec<Record> {
        let record = |(partition, offset): &(Option<u32>, u64)| {
            let record = RecordBuilder::json("0").topic("/default/orders").offset(*offset);
            partition.map_or(record.clone(), |partition| record.partition(partition)).build()
        };
        positions.iter().map(record).collect()
    }

    fn unpartitioned(offsets: impl IntoIterator<Item = u64>) -> String {
        position_key(&records(&offsets.into_iter().map(|offset| (None, offset)).collect::<Vec<_>>()))
    }

    #[test]
    fn one_record_is_its_own_key() {
        let record = records(&[(Some(3), 9)]);
        assert_eq!(position_key(&record), "/default/orders-part-3@9");
        assert_eq!(position_key(&record), record[0].id());
    }

    #[test]
    fn several_records_are_runs_of_offsets() {
        assert_eq!(unpartitioned([5, 6, 7, 8, 9]), "/default/orders@5-9");
        assert_eq!(unpartitioned([5, 6, 9, 11, 12]), "/default/orders@5-6,9,11-12");
        let mixed = records(&[(Some(1), 4), (Some(0), 8), (Some(1), 5), (Some(0), 2)]);
        assert_eq!(position_key(&mixed), "/default/orders-part-0@2,8;/default/orders-part-1@4-5");
    }

    #[test]
    fn the_order_makes_no_difference() {
        assert_eq!(unpartitioned([9, 5, 6]), unpartitioned([5, 6, 9]));
    }

    #[test]
    fn other_records_have_another_key_however_long() {
        let many = || (0..200).map(|n| n * 2);
        assert_eq!(unpartitioned(many()), unpartitioned(many().rev()));
        assert_ne!(unpartitioned(many()), unpartitioned(many().skip(1)));
        assert_eq!(unpartitioned(many()).len(), "sha256:".len() + 64);
        assert!(unpartitioned(0..100_000).len() < 30);
    }

    #[test]
    fn a_key_is_fit_for_a_header() {
        let record = RecordBuilder::json("0").topic("/default/zürich").offset(1).build();
        assert_eq!(position_key(&[record]), "/default/z%C3%BCrich@1");
    }
}
