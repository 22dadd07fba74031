//! A datum of binary Avro becomes JSON in one pass. apache-avro's own reader is not used for it: it takes what a record
//! ends within for null, recurses as deep as the data says, reserves memory before it has seen the items, and forgets the
//! order of a map (0.22). Here nothing is believed that the bytes don't show.

use super::{
    fault::{Budget, Fault},
    leaf,
    shape::{Id, Shape, Shapes},
};

/// Values that may stand in no bytes at all, beside a fair number for each byte.
const VALUES_FOR_FREE: usize = 65_536;
const VALUES_FOR_A_BYTE: usize = 8;

/// Reads exactly one datum.
pub(super) fn read(shapes: &Shapes, datum: &[u8]) -> Result<String, Fault> {
    let budget = Budget::new(VALUES_FOR_FREE + VALUES_FOR_A_BYTE * datum.len());
    let mut reader =
        Reader { shapes, cursor: Cursor::new(datum), budget, out: String::with_capacity(2 * datum.len() + 64) };
    reader.value(shapes.root, 0)?;
    match reader.cursor.rest().len() {
        0 => Ok(reader.out),
        left => Err(format!("{left} bytes follow behind the end").into()),
    }
}

struct Reader<'a> {
    shapes: &'a Shapes,
    cursor: Cursor<'a>,
    budget: Budget,
    out: String,
}

impl Reader<'_> {
    fn value(&mut self, id: Id, depth: usize) -> Result<(), Fault> {
        self.budget.spend(1, depth)?;
        match self.shapes.get(id) {
            Shape::Null => self.out.push_str("null"),
            Shape::Boolean => match self.cursor.byte()? {
                0 => self.out.push_str("false"),
                1 => self.out.push_str("true"),
                other => return Err(format!("{other} is not a boolean").into()),
            },
            Shape::Int(meaning) => leaf::int(&mut self.out, self.cursor.int()?, *meaning)?,
            Shape::Long(meaning) => leaf::long(&mut self.out, self.cursor.long()?, *meaning)?,
            Shape::Float => leaf::float(&mut self.out, f32::from_le_bytes(self.cursor.array()?)),
            Shape::Double => leaf::double(&mut self.out, f64::from_le_bytes(self.cursor.array()?)),
            Shape::Bytes(meaning) => leaf::bytes(&mut self.out, self.cursor.prefixed()?, *meaning)?,
            Shape::Fixed { size, meaning } => leaf::bytes(&mut self.out, self.cursor.take(*size)?, *meaning)?,
            Shape::String => leaf::string(&mut self.out, self.cursor.string()?),
            Shape::Enum(symbols) => {
                let index = self.cursor.int()?;
                let symbol = usize::try_from(index).ok().and_then(|index| symbols.get(index));
                let symbol = symbol.ok_or_else(|| format!("{index} is none of the {} symbols", symbols.len()))?;
                leaf::string(&mut self.out, symbol);
            }
            Shape::Union(branches) => {
                let index = self.cursor.long()?;
                let branch = usize::try_from(index).ok().and_then(|index| branches.get(index));
                let branch = branch.ok_or_else(|| format!("{index} is none of the {} types", branches.len()))?;
                self.value(branch.shape, depth + 1)?;
            }
            Shape::Record(fields) => {
                self.out.push('{');
                for (index, field) in fields.iter().enumerate() {
                    self.comma(index);
                    self.out.push_str(&field.label);
                    self.value(field.shape, depth + 1).map_err(|fault| fault.inside(&field.name))?;
                }
                self.out.push('}');
            }
            Shape::Array(items) => self.blocks(('[', ']'), |reader, index| {
                reader.value(*items, depth + 1).map_err(|fault| fault.inside_item(index))
            })?,
            Shape::Map(values) => self.blocks(('{', '}'), |reader, _| {
                let key = reader.cursor.string()?;
                leaf::string(&mut reader.out, key);
                reader.out.push(':');
                reader.value(*values, depth + 1).map_err(|fault| fault.inside(key))
            })?,
        }
        Ok(())
    }

    /// The blocks of an array or a map, up to the one that is empty.
    fn blocks(
        &mut self,
        (open, close): (char, char),
        mut item: impl FnMut(&mut Self, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.out.push(open);
        let mut index = 0;
        loop {
            let count = self.cursor.long()?;
            if count < 0 {
                // The size of the block in bytes, for readers that want to pass over it.
                self.cursor.long()?;
            }
            for _ in 0..count.unsigned_abs() {
                self.comma(index);
                item(self, index)?;
                index += 1;
            }
            if count == 0 {
                self.out.push(close);
                return Ok(());
            }
        }
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.out.push(',');
        }
    }
}

/// Reads Avro's primitive types off a slice.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

const ENDS: &str = "the data ends within it";

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ENDS)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ENDS)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.array().map(|[byte]| byte)
    }

    /// Seven bits in each byte, the lowest first, and the sign in the lowest bit of all.
    pub(super) fn long(&mut self) -> Result<i64, String> {
        let mut bits = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            bits |= part << shift;
            if byte < 0x80 {
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        Err("an integer of more than 64 bits".to_owned())
    }

    fn int(&mut self) -> Result<i32, String> {
        let number = self.long()?;
        i32::try_from(number).map_err(|_| format!("{number} is not an integer of 32 bits"))
    }

    /// Bytes with their length in front.
    pub(super) fn prefixed(&mut self) -> Result<&'a [u8], String> {
        let length = self.long()?;
        let length = usize::try_from(length).map_err(|_| format!("{length} is not a length"))?;
        self.take(length)
    }

    pub(super) fn string(&mut self) -> Result<&'a str, String> {
        std::str::from_utf8(self.prefixed()?).map_err(|error| format!("not UTF-8: {error}"))
    }
}
