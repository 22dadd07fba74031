use super::*;
use crate::record::Kind;

fn columns(keys: usize, others: usize) -> Vec<Column> {
    let column = |index: usize| {
        let source = "a".parse().expect("it is a path");
        let (name, is_key) = (format!("n{index}"), index < keys);
        Column { quoted: format!("\"{name}\""), name, source, kind: Kind::Plain, cast: format!("t{index}"), is_key }
    };
    (0..keys + others).map(column).collect()
}

fn table() -> Name {
    Name { schema: "s".to_owned(), table: "t".to_owned(), quoted: "\"s\".\"t\"".to_owned() }
}

#[test]
fn rows_take_the_place_of_those_with_their_key() {
    assert_eq!(
        statement(&table(), &columns(1, 1), false),
        "WITH given AS (SELECT c0::t0 AS c0, c1::t1 AS c1, n FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u(c0, c1, n)), \
         last AS (SELECT DISTINCT ON (c0) * FROM given ORDER BY c0, n DESC) \
         INSERT INTO \"s\".\"t\" (\"n0\", \"n1\") SELECT c0, c1 FROM last \
         ON CONFLICT (\"n0\") DO UPDATE SET \"n1\" = EXCLUDED.\"n1\""
    );
}

#[test]
fn a_key_alone_has_nothing_to_be_set() {
    assert!(statement(&table(), &columns(2, 0), false).ends_with(" ON CONFLICT (\"n0\", \"n1\") DO NOTHING"));
}

#[test]
fn deletions_go_along() {
    let statement = statement(&table(), &columns(2, 1), true);
    for part in [
        "c2::t2 AS c2, d, n FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[]) WITH ORDINALITY AS u(c0, c1, c2, d, n))",
        ", gone AS (DELETE FROM \"s\".\"t\" AS t USING last WHERE last.d AND t.\"n0\" = last.c0 AND t.\"n1\" = last.c1)",
        " SELECT c0, c1, c2 FROM last WHERE NOT d ON CONFLICT (\"n0\", \"n1\")",
    ] {
        assert!(statement.contains(part), "{statement}");
    }
}
