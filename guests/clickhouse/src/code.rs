//! ClickHouse's error codes and what they mean for the records. The README shows the same table.

use sink_common::Class;

/// Codes of one kind, and what they have in common.
pub(crate) struct Group {
    pub(crate) class: Class,
    pub(crate) codes: &'static [u32],
}

/// What is known of ClickHouse's codes. Any other is retried: nothing is lost by that, and a person sees it.
pub(crate) const GROUPS: [Group; 6] = [
    // The server, its disk or its cluster is not able to now.
    Group {
        class: Class::Retry,
        codes: &[
            74, 75, 76, 159, 160, 198, 201, 202, 203, 204, 209, 210, 225, 236, 241, 242, 243, 252, 279, 285, 286, 319,
            394, 425, 439, 473, 999,
        ],
    },
    // A value does not fit its column, or is no value of its type.
    Group {
        class: Class::Reject,
        codes: &[
            6, 25, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 321, 349, 376, 407, 441, 457, 467, 469, 675, 676,
            691,
        ],
    },
    // Wrong, expired or missing credentials, or too few rights.
    Group { class: Class::Fatal, codes: &[164, 192, 193, 194, 195, 291, 497, 516] },
    // No such table, database or column.
    Group { class: Class::Fatal, codes: &[8, 10, 16, 47, 60, 81] },
    // A setting or a query that the server does not know.
    Group { class: Class::Fatal, codes: &[36, 48, 62, 115, 137, 344, 452] },
    // The columns of the table are of another kind than the settings need.
    Group { class: Class::Fatal, codes: &[20, 44, 50] },
];

/// Rows for more partitions of the table than one request may have: fewer rows have fewer.
const TOO_MANY_PARTS: u32 = 252;
const PARTITIONS: &str = "partitions for single INSERT";

/// What an error means.
pub(crate) fn class(code: u32, message: &str) -> Class {
    if code == TOO_MANY_PARTS && message.contains(PARTITIONS) {
        return Class::Reject;
    }
    GROUPS.iter().find(|group| group.codes.contains(&code)).map_or(Class::Retry, |group| group.class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_class_and_stands_in_the_readme() {
        let readme = include_str!("../README.md");
        for Group { class: expected, codes } in &GROUPS {
            let list = codes.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            let row = readme.lines().find(|line| line.contains(&list));
            let word = match expected {
                Class::Retry => "retried",
                Class::Reject => "rejected",
                Class::Fatal => "the connector stops",
            };
            assert!(row.is_some_and(|row| row.contains(word)), "no row for {list}: {word}");
            codes.iter().for_each(|code| assert_eq!(class(*code, ""), *expected, "{code}"));
        }
        assert_eq!(class(424_242, ""), Class::Retry);
        let partitions = "Too many partitions for single INSERT block (more than 100)";
        assert_eq!((class(252, partitions), class(252, "Too many parts (300)")), (Class::Reject, Class::Retry));
    }

    #[test]
    fn no_code_has_two_classes() {
        let mut all: Vec<u32> = GROUPS.iter().flat_map(|group| group.codes).copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
