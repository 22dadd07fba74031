//! Names and texts in queries. Whatever comes from settings or data passes here before it stands in one.

/// How a target quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `` `name` `` and `'text'`, each with backslashes before its quotes and backslashes.
    ClickHouse,
    /// `"name"` and `'text'`, each with its quotes doubled. Texts need `standard_conforming_strings`, which is on by default.
    Postgres,
}

/// PostgreSQL cuts longer names off without a word.
const POSTGRES_NAME_BYTES: usize = 63;

impl Dialect {
    /// A name of a table, a column and so on, quoted.
    ///
    /// # Errors
    ///
    /// Says why the target can have nothing of that name.
    pub fn identifier(self, name: &str) -> Result<String, String> {
        let too_long = match self {
            Self::ClickHouse => false,
            Self::Postgres => name.len() > POSTGRES_NAME_BYTES,
        };
        if name.is_empty() {
            Err("a name must not be empty".to_owned())
        } else if name.contains('\0') {
            Err(format!("{name:?} is no name: it has a NUL"))
        } else if too_long {
            Err(format!("`{name}` is no name: it has more than {POSTGRES_NAME_BYTES} bytes"))
        } else {
            Ok(match self {
                Self::ClickHouse => backslashed(name, '`'),
                Self::Postgres => doubled(name, '"'),
            })
        }
    }

    /// A text, quoted. For what cannot be a parameter of the query.
    ///
    /// # Errors
    ///
    /// Says why the target can have no such text.
    pub fn text(self, text: &str) -> Result<String, String> {
        match self {
            Self::ClickHouse => Ok(backslashed(text, '\'')),
            Self::Postgres if text.contains('\0') => Err("PostgreSQL has no text with a NUL".to_owned()),
            Self::Postgres => Ok(doubled(text, '\'')),
        }
    }
}

fn doubled(text: &str, quote: char) -> String {
    let mut quoted = String::from(quote);
    for c in text.chars() {
        quoted.push(c);
        if c == quote {
            quoted.push(quote);
        }
    }
    quoted.push(quote);
    quoted
}

fn backslashed(text: &str, quote: char) -> String {
    let mut quoted = String::from(quote);
    for c in text.chars() {
        match c {
            '\0' => quoted.push_str("\\0"),
            '\\' => quoted.push_str("\\\\"),
            c if c == quote => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_quotes() {
        for (dialect, name, expected) in [
            (Dialect::ClickHouse, "a`; DROP TABLE x", r"`a\`; DROP TABLE x`"),
            (Dialect::ClickHouse, r"a\", r"`a\\`"),
            (Dialect::Postgres, r#"a"; DROP TABLE x"#, r#""a""; DROP TABLE x""#),
            (Dialect::Postgres, r"Größe\", r#""Größe\""#),
        ] {
            assert_eq!(dialect.identifier(name).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_text_cannot_end_its_quotes() {
        assert_eq!(Dialect::ClickHouse.text("it's \\ \0").as_deref(), Ok(r"'it\'s \\ \0'"));
        assert_eq!(Dialect::Postgres.text(r"it's \").as_deref(), Ok(r"'it''s \'"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for dialect in [Dialect::ClickHouse, Dialect::Postgres] {
            assert_eq!(dialect.identifier(""), Err("a name must not be empty".to_owned()));
            assert_eq!(dialect.identifier("a\0"), Err(r#""a\0" is no name: it has a NUL"#.to_owned()));
        }
        assert!(Dialect::Postgres.identifier(&"a".repeat(63)).is_ok());
        assert!(Dialect::Postgres.identifier(&"ü".repeat(32)).is_err());
        assert!(Dialect::Postgres.text("\0").is_err());
    }
}
