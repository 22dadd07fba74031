//! JSON arrays as PostgreSQL writes arrays.

use sink_common::Value;

use super::kind::Kind;

/// As many dimensions as the server's arrays have at most.
const DIMENSIONS: usize = 6;

/// `{"1",NULL,"a \"b\""}` for `[1, null, "a \"b\""]`, with an array of arrays as more dimensions.
pub(super) fn literal(json: &str, of: &Kind) -> Result<String, String> {
    let mut literal = String::with_capacity(json.len() + 2);
    write(json, of, DIMENSIONS, &mut literal)?;
    Ok(literal)
}

fn write(json: &str, of: &Kind, dimensions: usize, literal: &mut String) -> Result<(), String> {
    let left = dimensions.checked_sub(1).ok_or(format!("an array has at most {DIMENSIONS} dimensions"))?;
    let elements = Value::elements(json).map_err(|error| error.to_string())?;
    literal.push('{');
    for (position, element) in elements.into_iter().enumerate() {
        if position > 0 {
            literal.push(',');
        }
        match (of, element) {
            (Kind::Plain | Kind::Bytes | Kind::Timestamp | Kind::Array(_), Value::Json(json))
                if json.starts_with('[') =>
            {
                write(&json, of, left, literal)?;
            }
            (_, element) => match of.cell(element, false)? {
                Some(text) => quote(&text, literal),
                None => literal.push_str("NULL"),
            },
        }
    }
    literal.push('}');
    Ok(())
}

fn quote(text: &str, literal: &mut String) {
    literal.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_quoted() {
        for (json, of, expected) in [
            (r#"[1, -2.50, null]"#, Kind::Plain, r#"{"1","-2.50",NULL}"#),
            (r#"["a", "b,}\"\\", "NULL", ""]"#, Kind::Plain, r#"{"a","b,}\"\\","NULL",""}"#),
            ("[]", Kind::Plain, "{}"),
            ("[[1, 2], [3, 4]]", Kind::Plain, r#"{{"1","2"},{"3","4"}}"#),
            (r#"[{"a": "b"}, [1], "t"]"#, Kind::Json, r#"{"{\"a\": \"b\"}","[1]","\"t\""}"#),
            (r#"["AP8Q"]"#, Kind::Bytes, r#"{"\\x00ff10"}"#),
            (r#"[1500000, "2024-02-29"]"#, Kind::Timestamp, r#"{"1970-01-01T00:00:01.500000Z","2024-02-29"}"#),
        ] {
            assert_eq!(literal(json, &of).as_deref(), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_is_no_array_of_the_servers_is_bad_data() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for (json, of) in [(deep.as_str(), Kind::Plain), (r#"["!"]"#, Kind::Bytes), ("[1]", Kind::Bytes)] {
            assert!(literal(json, &of).is_err());
        }
    }
}
