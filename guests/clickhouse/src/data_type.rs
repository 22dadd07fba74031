//! ClickHouse's types, as far as values are checked against them before they are sent.
//!
//! The server itself does not check all: it stores 300 in a `UInt8` as 44, cuts digits off decimals, and makes 2106 of the
//! year 2300, without a word.

/// The type of a column, of an element of an array and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DataType {
    Int {
        signed: bool,
        bits: u16,
    },
    Float {
        bits: u16,
    },
    Decimal {
        precision: u32,
        scale: u32,
    },
    Text,
    FixedText {
        bytes: usize,
    },
    Bool,
    Date {
        wide: bool,
    },
    DateTime,
    /// `DateTime64`.
    Instant,
    Nullable(Box<DataType>),
    Array(Box<DataType>),
    /// A map, with the type of its values. Its keys are text in JSON, whatever they are in the table.
    Map(Box<DataType>),
    /// Takes any JSON, null included.
    Json,
    /// What the server checks itself: `UUID`, `Enum8`, `IPv4`, `Tuple` and so on.
    Other,
}

impl DataType {
    /// Reads a type as `system.columns` shows it.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim();
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name.trim(), rest.strip_suffix(')').unwrap_or(rest)),
            None => (text, ""),
        };
        let inner = || Box::new(Self::parse(arguments));
        let digits = |position: usize| arguments.split(',').nth(position).and_then(|text| text.trim().parse().ok());
        match name {
            "LowCardinality" => Self::parse(arguments),
            "SimpleAggregateFunction" => arguments.split_once(',').map_or(Self::Other, |(_, inner)| Self::parse(inner)),
            "Nullable" => Self::Nullable(inner()),
            "Array" => Self::Array(inner()),
            "Map" => last_argument(arguments).map_or(Self::Other, |values| Self::Map(Box::new(Self::parse(values)))),
            "String" => Self::Text,
            "FixedString" => digits(0).map_or(Self::Other, |bytes: u32| Self::FixedText { bytes: bytes as usize }),
            "Bool" => Self::Bool,
            "Date" => Self::Date { wide: false },
            "Date32" => Self::Date { wide: true },
            "DateTime" => Self::DateTime,
            "DateTime64" => Self::Instant,
            "Float32" => Self::Float { bits: 32 },
            "Float64" => Self::Float { bits: 64 },
            "Decimal" => match (digits(0), digits(1)) {
                (Some(precision), scale) => Self::Decimal { precision, scale: scale.unwrap_or(0) },
                (None, _) => Self::Other,
            },
            "JSON" | "Dynamic" | "Variant" => Self::Json,
            other => Self::integer(other).unwrap_or(Self::Other),
        }
    }

    /// The type without a `Nullable` around it.
    pub(crate) fn inner(&self) -> &Self {
        if let Self::Nullable(inner) = self { inner } else { self }
    }

    fn integer(name: &str) -> Option<Self> {
        let (signed, bits) = match name.strip_prefix("UInt") {
            Some(bits) => (false, bits),
            None => (true, name.strip_prefix("Int")?),
        };
        let bits = bits.parse().ok()?;
        matches!(bits, 8 | 16 | 32 | 64 | 128 | 256).then_some(Self::Int { signed, bits })
    }
}

/// What stands behind the last comma that is not inside of brackets or quotes.
fn last_argument(arguments: &str) -> Option<&str> {
    let (mut depth, mut quoted, mut escaped, mut comma) = (0_usize, false, false, None);
    for (position, c) in arguments.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => comma = Some(position),
            _ => {}
        }
    }
    comma.and_then(|comma| arguments.get(comma + 1..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_the_server_shows_them() {
        for (text, expected) in [
            ("UInt8", DataType::Int { signed: false, bits: 8 }),
            ("Int256", DataType::Int { signed: true, bits: 256 }),
            ("Int7", DataType::Other),
            ("Float32", DataType::Float { bits: 32 }),
            ("Decimal(18, 4)", DataType::Decimal { precision: 18, scale: 4 }),
            ("Decimal(5)", DataType::Decimal { precision: 5, scale: 0 }),
            ("LowCardinality(Nullable(String))", DataType::Nullable(Box::new(DataType::Text))),
            ("FixedString(16)", DataType::FixedText { bytes: 16 }),
            ("DateTime('Europe/Berlin')", DataType::DateTime),
            ("DateTime64(6, 'UTC')", DataType::Instant),
            ("Date32", DataType::Date { wide: true }),
            (
                "Array(Array(Int8))",
                DataType::Array(Box::new(DataType::Array(Box::new(DataType::Int { signed: true, bits: 8 })))),
            ),
            (
                "Map(LowCardinality(String), Map(String, Bool))",
                DataType::Map(Box::new(DataType::Map(Box::new(DataType::Bool)))),
            ),
            (r"Map(Enum8('a,\'(' = 1, 'b' = 2), String)", DataType::Map(Box::new(DataType::Text))),
            ("SimpleAggregateFunction(max, UInt64)", DataType::Int { signed: false, bits: 64 }),
            ("JSON(max_dynamic_paths=10)", DataType::Json),
            ("Tuple(a Int8, b String)", DataType::Other),
            ("UUID", DataType::Other),
            ("", DataType::Other),
        ] {
            assert_eq!(DataType::parse(text), expected, "{text}");
        }
    }
}
