//! An Avro schema made ready for reading data: names are resolved to places in a list, logical types stand at the types
//! that they annotate, and names of fields are already JSON.

use std::collections::HashMap;

use apache_avro::{
    Schema,
    schema::{InnerDecimalSchema, Name, NamespaceRef, UuidSchema},
};

/// The place of a shape in [`Shapes`].
pub(super) type Id = usize;

/// What a value of a type looks like.
#[derive(Debug)]
pub(super) enum Shape {
    Null,
    Boolean,
    Int(IntAs),
    Long(LongAs),
    Float,
    Double,
    Bytes(BytesAs),
    String,
    Fixed { size: usize, meaning: BytesAs },
    Enum(Vec<String>),
    Array(Id),
    Map(Id),
    Union(Vec<Branch>),
    Record(Vec<Field>),
}

/// What a 32-bit integer means.
#[derive(Debug, Clone, Copy)]
pub(super) enum IntAs {
    Number,
    Date,
    TimeMillis,
}

/// What a 64-bit integer means.
#[derive(Debug, Clone, Copy)]
pub(super) enum LongAs {
    Number,
    TimeMicros,
    Timestamp(Unit),
    LocalTimestamp(Unit),
}

/// What a time is counted in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

/// What bytes mean.
#[derive(Debug, Clone, Copy)]
pub(super) enum BytesAs {
    Base64,
    Decimal { scale: usize },
    BigDecimal,
    Uuid,
    Duration,
}

/// One type of a union, and what its values are wrapped in where they are JSON.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) shape: Id,
}

/// One field of a record.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// `"name":`
    pub(super) label: String,
    pub(super) shape: Id,
    /// As JSON.
    pub(super) default: Option<String>,
}

/// All shapes of a schema.
#[derive(Debug)]
pub(super) struct Shapes {
    all: Vec<Shape>,
    pub(super) root: Id,
}

impl Shapes {
    /// The shapes of a schema that apache-avro has parsed.
    pub(super) fn of(schema: &Schema) -> Result<Self, String> {
        let mut builder = Builder::default();
        let root = builder.add(schema, None)?;
        Ok(Self { all: builder.all, root })
    }

    pub(super) fn get(&self, id: Id) -> &Shape {
        &self.all[id]
    }
}

#[derive(Default)]
struct Builder {
    all: Vec<Shape>,
    names: HashMap<Name, (Id, String)>,
}

impl Builder {
    fn add(&mut self, schema: &Schema, enclosing: NamespaceRef) -> Result<Id, String> {
        if let Schema::Ref { name } = schema {
            let name = name.fully_qualified_name(enclosing);
            return self.names.get(&*name).map(|(id, _)| *id).ok_or_else(|| format!("type `{name}` is not defined"));
        }
        // Takes its place before what is inside it, which may refer to it.
        let id = self.all.len();
        self.all.push(Shape::Null);
        let own = schema.name().map(|name| name.fully_qualified_name(enclosing).into_owned());
        if let Some(name) = &own {
            self.names.insert(name.clone(), (id, name.to_string()));
        }
        let inside = own.as_ref().map_or(enclosing, |name| name.namespace());
        self.all[id] = self.shape(schema, inside)?;
        Ok(id)
    }

    fn shape(&mut self, schema: &Schema, enclosing: NamespaceRef) -> Result<Shape, String> {
        Ok(match schema {
            Schema::Null => Shape::Null,
            Schema::Boolean => Shape::Boolean,
            Schema::Int => Shape::Int(IntAs::Number),
            Schema::Date => Shape::Int(IntAs::Date),
            Schema::TimeMillis => Shape::Int(IntAs::TimeMillis),
            Schema::Long => Shape::Long(LongAs::Number),
            Schema::TimeMicros => Shape::Long(LongAs::TimeMicros),
            Schema::TimestampMillis => Shape::Long(LongAs::Timestamp(Unit::Millis)),
            Schema::TimestampMicros => Shape::Long(LongAs::Timestamp(Unit::Micros)),
            Schema::TimestampNanos => Shape::Long(LongAs::Timestamp(Unit::Nanos)),
            Schema::LocalTimestampMillis => Shape::Long(LongAs::LocalTimestamp(Unit::Millis)),
            Schema::LocalTimestampMicros => Shape::Long(LongAs::LocalTimestamp(Unit::Micros)),
            Schema::LocalTimestampNanos => Shape::Long(LongAs::LocalTimestamp(Unit::Nanos)),
            Schema::Float => Shape::Float,
            Schema::Double => Shape::Double,
            Schema::Bytes => Shape::Bytes(BytesAs::Base64),
            Schema::String | Schema::Uuid(UuidSchema::String) => Shape::String,
            Schema::BigDecimal => Shape::Bytes(BytesAs::BigDecimal),
            Schema::Uuid(UuidSchema::Bytes) => Shape::Bytes(BytesAs::Uuid),
            Schema::Uuid(UuidSchema::Fixed(fixed)) => Shape::Fixed { size: fixed.size, meaning: BytesAs::Uuid },
            Schema::Duration(fixed) => Shape::Fixed { size: fixed.size, meaning: BytesAs::Duration },
            Schema::Fixed(fixed) => Shape::Fixed { size: fixed.size, meaning: BytesAs::Base64 },
            Schema::Decimal(decimal) => {
                let meaning = BytesAs::Decimal { scale: decimal.scale };
                match &decimal.inner {
                    InnerDecimalSchema::Bytes => Shape::Bytes(meaning),
                    InnerDecimalSchema::Fixed(fixed) => Shape::Fixed { size: fixed.size, meaning },
                }
            }
            Schema::Enum(symbols) => Shape::Enum(symbols.symbols.clone()),
            Schema::Array(array) => Shape::Array(self.add(&array.items, enclosing)?),
            Schema::Map(map) => Shape::Map(self.add(&map.types, enclosing)?),
            Schema::Union(union) => {
                let branch =
                    |schema| Ok(Branch { name: branch_name(schema, enclosing), shape: self.add(schema, enclosing)? });
                Shape::Union(union.variants().iter().map(branch).collect::<Result<_, String>>()?)
            }
            Schema::Record(record) => {
                let field = |field: &apache_avro::schema::RecordField| {
                    Ok(Field {
                        name: field.name.clone(),
                        label: format!("\"{}\":", field.name),
                        shape: self.add(&field.schema, enclosing)?,
                        default: field.default.as_ref().map(ToString::to_string),
                    })
                };
                Shape::Record(record.fields.iter().map(field).collect::<Result<_, String>>()?)
            }
            Schema::Ref { name } => return Err(format!("type `{name}` is not defined")),
        })
    }
}

/// What Avro's JSON encoding calls the type of a union's value: the full name, or the name of the underlying type.
fn branch_name(schema: &Schema, enclosing: NamespaceRef) -> String {
    let name = match schema {
        Schema::Null => "null",
        Schema::Boolean => "boolean",
        Schema::Int | Schema::Date | Schema::TimeMillis => "int",
        Schema::Float => "float",
        Schema::Double => "double",
        Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => "bytes",
        Schema::String | Schema::Uuid(UuidSchema::String) => "string",
        Schema::Array(_) => "array",
        Schema::Map(_) => "map",
        Schema::Union(_) => "union",
        Schema::Long
        | Schema::TimeMicros
        | Schema::TimestampMillis
        | Schema::TimestampMicros
        | Schema::TimestampNanos
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => "long",
        Schema::Record(_)
        | Schema::Enum(_)
        | Schema::Fixed(_)
        | Schema::Duration(_)
        | Schema::Decimal(_)
        | Schema::Uuid(UuidSchema::Fixed(_))
        | Schema::Ref { .. } => match schema.name() {
            Some(name) => return name.fullname(enclosing),
            None => "bytes",
        },
    };
    name.to_owned()
}
