//! A message as JSON text, with a bound on its depth: `google.protobuf.Any` is decoded while it is written, so that
//! decoding can't bound it.

use std::io::{self, Write};

use prost_reflect::{DynamicMessage, SerializeOptions};
use serde_json::ser::Formatter;

/// How deep messages, lists and maps may stand in each other. JSON libraries of guests give up at 128.
const DEEPEST: usize = 100;

/// Fields that can't be absent are written even if they are zero, so that every record has them.
const OPTIONS: SerializeOptions = SerializeOptions::new().skip_default_fields(false);

pub(super) fn write(message: &DynamicMessage) -> Result<String, String> {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Bounded { depth: 0 });
    message.serialize_with_options(&mut serializer, &OPTIONS).map_err(|error| error.to_string())?;
    String::from_utf8(out).map_err(|error| error.to_string())
}

/// Compact JSON that fails where it is nested too deep.
struct Bounded {
    depth: usize,
}

impl Bounded {
    fn open(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(io::Error::other(format!("nested deeper than {DEEPEST} levels")));
        }
        out.write_all(bracket)
    }

    fn close(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        out.write_all(bracket)
    }
}

impl Formatter for Bounded {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }
}
