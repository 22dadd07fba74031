//! Which Avro schema may follow another one: the released broker's rules, which are laxer than Avro's.

use apache_avro::Schema;

use super::Compatibility;

const BACKWARD: &str = "Reader schema cannot read data written with writer schema";
const FORWARD: &str = "Old schema cannot read data written with new schema";

/// Whether `new` may follow `old`. All modes ask the same: whether the new schema reads what the old one wrote.
pub(super) fn avro(old: &str, new: &str, mode: Compatibility) -> Result<(), &'static str> {
    let (Ok(old), Ok(new)) = (Schema::parse_str(old), Schema::parse_str(new)) else { return Err(BACKWARD) };
    if reads(&new, &old) {
        return Ok(());
    }
    match mode {
        Compatibility::None => Ok(()),
        Compatibility::Backward | Compatibility::Full => Err(BACKWARD),
        Compatibility::Forward => Err(FORWARD),
    }
}

fn reads(reader: &Schema, writer: &Schema) -> bool {
    match (reader, writer) {
        (reader, writer) if reader == writer => true,
        (Schema::Union(_), _)
        | (_, Schema::Union(_))
        | (Schema::Long, Schema::Int)
        | (Schema::Double, Schema::Float | Schema::Long | Schema::Int)
        | (Schema::String, Schema::Bytes)
        | (Schema::Bytes, Schema::String) => true,
        (Schema::Record(reader), Schema::Record(writer)) => {
            let is_known = |name: &str| writer.fields.iter().any(|field| field.name == name);
            let may_lack = |schema: &Schema, has_default| {
                if let Schema::Union(union) = schema { union.is_nullable() } else { has_default }
            };
            let fields = &mut reader.fields.iter();
            reader.name == writer.name
                && fields.all(|field| is_known(&field.name) || may_lack(&field.schema, field.default.is_some()))
        }
        (Schema::Array(reader), Schema::Array(writer)) => reads(&reader.items, &writer.items),
        (Schema::Map(reader), Schema::Map(writer)) => reads(&reader.types, &writer.types),
        _ => false,
    }
}
