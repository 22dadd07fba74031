//! Data of other libraries, the two encodings held against each other, and what no library would write.

use serde_json::{Value, json};

use super::Avro;

fn avro(schema: &Value) -> Avro {
    Avro::new(&schema.to_string()).unwrap_or_else(|error| panic!("{schema}: {error}"))
}

fn decode(schema: &Value, payload: &[u8]) -> Result<String, String> {
    avro(schema).decode(payload)
}

fn record(fields: &Value) -> Value {
    json!({ "type": "record", "name": "R", "fields": fields })
}

/// A length or a number as Avro writes it.
fn long(number: i64) -> Vec<u8> {
    let mut bits = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while bits > 0x7f {
        bytes.push(bits.to_le_bytes()[0] | 0x80);
        bits >>= 7;
    }
    bytes.push(bits.to_le_bytes()[0]);
    bytes
}

#[test]
fn data_of_other_libraries_becomes_json_digit_by_digit() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/vectors.json")).unwrap();
    assert!(vectors.len() > 10);
    for vector in vectors {
        let payload = hex::decode(vector["hex"].as_str().unwrap()).unwrap();
        let decoded = decode(&vector["schema"], &payload);
        assert_eq!(decoded.as_deref(), Ok(vector["json"].as_str().unwrap()), "{}", vector["name"]);
    }
}

#[test]
fn data_cut_off_anywhere_or_longer_is_never_read() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/vectors.json")).unwrap();
    for vector in vectors.iter().filter(|vector| vector["schema"].is_object()) {
        let (avro, payload) = (avro(&vector["schema"]), hex::decode(vector["hex"].as_str().unwrap()).unwrap());
        if payload[0] == b'{' {
            continue;
        }
        for end in 0..payload.len() {
            let error = avro.decode(&payload[..end]).expect_err("cut off");
            let is_told = ["ends", "cut off", "not a length", "follow"].iter().any(|told| error.contains(told));
            assert!(is_told, "{}: {error}", vector["name"]);
        }
        let longer = [payload.as_slice(), &[0]].concat();
        assert!(avro.decode(&longer).is_err(), "{}", vector["name"]);
    }
}

#[test]
fn decimals_keep_all_their_digits() {
    let decimal = |scale| json!({ "type": "bytes", "logicalType": "decimal", "precision": 38, "scale": scale });
    let table: [(usize, &[u8], &str); 7] = [
        (0, &[0x00], "0"),
        (2, &[0xff], "-0.01"),
        (2, &[0x00, 0xff], "2.55"),
        (3, &[], "0.000"),
        (38, &[0x01], "0.00000000000000000000000000000000000001"),
        (
            0,
            &[0x4b, 0x3b, 0x4c, 0xa8, 0x5a, 0x86, 0xc4, 0x7a, 0x09, 0x8a, 0x22, 0x3f, 0xff, 0xff, 0xff, 0xff],
            "99999999999999999999999999999999999999",
        ),
        (
            37,
            &[0xb4, 0xc4, 0xb3, 0x57, 0xa5, 0x79, 0x3b, 0x85, 0xf6, 0x75, 0xdd, 0xc0, 0x00, 0x00, 0x00, 0x01],
            "-9.9999999999999999999999999999999999999",
        ),
    ];
    for (scale, bytes, expected) in table {
        let payload = [long(i64::try_from(bytes.len()).unwrap()).as_slice(), bytes].concat();
        assert_eq!(decode(&decimal(scale), &payload), Ok(format!("\"{expected}\"")));
    }
    let longest = [long(2000), vec![1; 2000]].concat();
    assert_eq!(decode(&decimal(0), &longest), Err("a decimal of 2000 bytes is longer than 1024".to_owned()));
}

#[test]
fn a_big_decimal_brings_its_scale() {
    let schema = json!({ "type": "bytes", "logicalType": "big-decimal" });
    let payload = |unscaled: &[u8], scale| {
        let inside = [long(i64::try_from(unscaled.len()).unwrap()).as_slice(), unscaled, &long(scale)].concat();
        [long(i64::try_from(inside.len()).unwrap()), inside].concat()
    };
    assert_eq!(decode(&schema, &payload(&[0x04, 0xd2], 2)), Ok(r#""12.34""#.to_owned()));
    assert_eq!(decode(&schema, &payload(&[0x05], -3)), Ok(r#""5E3""#.to_owned()));
    assert_eq!(decode(&schema, &payload(&[0x05], i64::MIN)), Ok(r#""5E9223372036854775808""#.to_owned()));
    assert_eq!(decode(&schema, &payload(&[0xfb], i64::MAX)), Ok(r#""-5E-9223372036854775807""#.to_owned()));
}

#[test]
fn times_uuids_and_durations_are_read_by_their_type() {
    let uuid = json!({ "type": "fixed", "name": "U", "size": 16, "logicalType": "uuid" });
    let bytes = hex::decode("f81d4fae7dec11d0a76500a0c91e6bf6").unwrap();
    assert_eq!(decode(&uuid, &bytes), Ok(r#""f81d4fae-7dec-11d0-a765-00a0c91e6bf6""#.to_owned()));
    let duration = json!({ "type": "fixed", "name": "D", "size": 12, "logicalType": "duration" });
    let bytes = hex::decode("0100000002000000bc0b0000").unwrap();
    assert_eq!(decode(&duration, &bytes), Ok(r#""P1M2DT3.004S""#.to_owned()));
    let nanos = json!({ "type": "long", "logicalType": "timestamp-nanos" });
    assert_eq!(decode(&nanos, &long(i64::MIN)), Ok(r#""1677-09-21T00:12:43.145224192Z""#.to_owned()));
    let unknown = json!({ "type": "long", "logicalType": "fortnights" });
    assert_eq!(decode(&unknown, &long(i64::MAX)), Ok(i64::MAX.to_string()));
}

#[test]
fn json_is_read_as_avro_writes_it_and_as_serde_does() {
    let schema = record(&json!([
        { "name": "id", "type": "long" },
        { "name": "price", "type": "double" },
        { "name": "note", "type": ["null", "string"] },
        { "name": "raw", "type": "bytes", "default": "\u{ff}" },
        { "name": "at", "type": { "type": "long", "logicalType": "timestamp-millis" } },
    ]));
    let expected = r#"{"id":9007199254740993,"price":1.10,"note":"x","raw":"/w==","at":"1970-01-01T00:00:00.001Z"}"#;
    for payload in [
        r#"{"id": 9007199254740993, "price": 1.10, "note": {"string": "x"}, "raw": "\u00ff", "at": 1}"#,
        r#" {"at":1,"raw":[255],"note":"x","price":1.10,"id":9007199254740993} "#,
        r#"{"id":9007199254740993,"price":1.10,"note":"x","at":1}"#,
    ] {
        assert_eq!(decode(&schema, payload.as_bytes()).as_deref(), Ok(expected), "{payload}");
    }
    let absent = decode(&schema, br#"{"id":1,"price":"NaN","at":0}"#).unwrap();
    assert_eq!(absent, r#"{"id":1,"price":"NaN","note":null,"raw":"/w==","at":"1970-01-01T00:00:00.000Z"}"#);
}

#[test]
fn json_that_does_not_fit_says_where() {
    let item = json!({ "type": "record", "name": "I", "fields": [{ "name": "n", "type": "int" }] });
    let schema = record(
        &json!([{ "name": "items", "type": { "type": "array", "items": item } }, { "name": "o", "type": ["null", "long"] }]),
    );
    let error = |payload: &str| decode(&schema, payload.as_bytes()).unwrap_err();
    let prefix = "it is JSON that does not fit the schema: ";
    assert_eq!(
        error(r#"{"items":[{"n":1},{"n":2.5}],"o":1}"#),
        format!("{prefix}`items[1].n`: expected an int, found 2.5")
    );
    assert_eq!(
        error(r#"{"items":[{"n":2147483648}],"o":1}"#),
        format!("{prefix}`items[0].n`: expected an int, found 2147483648")
    );
    assert_eq!(error(r#"{"items":[{}],"o":1}"#), format!("{prefix}`items[0].n`: it is missing"));
    assert_eq!(error(r#"{"items":[],"o":1,"x":2}"#), format!("{prefix}the schema has no field `x`"));
    assert_eq!(error(r#"{"items":[],"o":"1"}"#), format!("{prefix}`o`: expected a long, found \"1\""));
    assert!(!error(r#"{"items":["#).contains("JSON"));
}

#[test]
fn where_json_could_be_binary_it_is_binary() {
    assert_eq!(decode(&json!("long"), b"1"), Ok("-25".to_owned()));
    assert!(decode(&json!("string"), br#""x""#).is_err());
    // Valid both ways: `a` of -62 and `b` of 17 characters. Nobody but who wants to deceive writes such binary data.
    let schema = record(&json!([{ "name": "a", "type": "long" }, { "name": "b", "type": "string" }]));
    assert_eq!(decode(&schema, br#"{"a":1,"b":"abcde"}"#), Ok(r#"{"a":1,"b":"abcde"}"#.to_owned()));
}

#[test]
fn unions_in_json_are_told_by_their_wrapper_or_by_what_fits_first() {
    let a = json!({ "type": "record", "name": "n.A", "fields": [{ "name": "x", "type": "int" }] });
    let b = json!({ "type": "record", "name": "n.B", "fields": [{ "name": "y", "type": "int" }] });
    let schema = json!(["null", a, b, { "type": "map", "values": "int" }]);
    assert_eq!(decode(&schema, br#"{"n.B":{"y":1}}"#), Ok(r#"{"y":1}"#.to_owned()));
    assert_eq!(decode(&schema, br#"{"y":1}"#), Ok(r#"{"y":1}"#.to_owned()));
    assert_eq!(decode(&schema, br#"{"z":1}"#), Ok(r#"{"z":1}"#.to_owned()));
    let error = decode(&schema, br#"{"z":"1"}"#).unwrap_err();
    assert!(error.ends_with("it is none of the union's types"), "{error}");
}

#[test]
fn a_container_holds_one_record_of_the_schema_that_is_referred_to() {
    let schema = record(&json!([{ "name": "a", "type": "long" }]));
    let container = |written: &Value, codec: &[u8], data: &[u8], more: &[u8]| {
        let entry = |key: &str, value: &[u8]| {
            let length = |bytes: &[u8]| long(i64::try_from(bytes.len()).unwrap());
            [length(key.as_bytes()), key.as_bytes().to_vec(), length(value), value.to_vec()].concat()
        };
        let header =
            [long(2), entry("avro.schema", written.to_string().as_bytes()), entry("avro.codec", codec), long(0)];
        [b"Obj\x01".as_slice(), &header.concat(), &[7; 16], data, &[7; 16], more].concat()
    };
    let spaced = json!({ "doc": "other words", "name": "R", "type": "record", "fields": schema["fields"] });
    let one = container(&spaced, b"null", &[long(1), long(1), long(5)].concat(), b"");
    assert_eq!(decode(&schema, &one), Ok(r#"{"a":5}"#.to_owned()));
    let other = record(&json!([{ "name": "a", "type": "int" }]));
    let table: [(Vec<u8>, &str); 4] = [
        (container(&other, b"null", &[long(1), long(1), long(5)].concat(), b""), "written with another schema"),
        (container(&schema, b"deflate", &[], b""), "compressed with `deflate`"),
        (container(&schema, b"null", &[long(2), long(2), long(5), long(6)].concat(), b""), "2 records"),
        (container(&schema, b"null", &[long(1), long(1), long(5)].concat(), b"\x02"), "more than one block"),
    ];
    for (payload, expected) in table {
        let error = decode(&schema, &payload).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn depth_has_an_end() {
    let list = record(&json!([{ "name": "next", "type": ["null", "R"] }]));
    let binary = |depth: usize| [vec![2; depth], vec![0]].concat();
    // A union does not count as a level of JSON, but it does here.
    assert!(decode(&list, &binary(40)).is_ok());
    for depth in [1_000, 3_000_000] {
        assert!(decode(&list, &binary(depth)).unwrap_err().ends_with("nested deeper than 100 levels"));
    }
    let text = |depth: usize| [r#"{"next":"#.repeat(depth), "null".to_owned(), "}".repeat(depth)].concat();
    assert!(decode(&list, text(40).as_bytes()).is_ok());
    assert!(decode(&list, text(100_000).as_bytes()).is_err());
    let endless = record(&json!([{ "name": "self", "type": "R" }]));
    assert!(decode(&endless, b"").unwrap_err().contains("nested deeper"));
}

#[test]
fn a_few_bytes_can_not_ask_for_much() {
    let nulls = json!({ "type": "array", "items": "null" });
    assert_eq!(decode(&nulls, &[long(3), long(0)].concat()), Ok("[null,null,null]".to_owned()));
    for count in [1 << 40, i64::MAX, i64::MIN] {
        let payload = [long(count), long(0), long(0)].concat();
        assert!(decode(&nulls, &payload).unwrap_err().contains("far more values than bytes"));
    }
    // Each record holds the next one twice: two to the power of 40 of them in no bytes.
    let innermost = json!({ "type": "record", "name": "R0", "fields": [] });
    let doubled = (1..40).fold(innermost, |inner, n| {
        json!({ "type": "record", "name": format!("R{n}"), "fields": [
            { "name": "a", "type": inner }, { "name": "b", "type": format!("R{}", n - 1) },
        ] })
    });
    assert!(decode(&doubled, b"").unwrap_err().contains("far more values than bytes"));
    for schema in ["string", "bytes"] {
        assert_eq!(decode(&json!(schema), &long(i64::MAX)), Err("the data ends within it".to_owned()));
        assert_eq!(decode(&json!(schema), &long(-1)), Err("-1 is not a length".to_owned()));
    }
    let huge = json!({ "type": "fixed", "name": "F", "size": 1_u64 << 40 });
    assert_eq!(decode(&huge, b"x"), Err("the data ends within it".to_owned()));
    // As JSON: a tower of unions, each level of which could be any of three records.
    let level = |inner: Value, n: usize| {
        let record = |letter: &str, inner: Value| json!({ "type": "record", "name": format!("{letter}{n}"), "fields": [{ "name": "x", "type": inner }] });
        let name = format!("A{n}");
        json!([record("A", inner), record("B", json!(name.clone())), record("C", json!(name))])
    };
    let tower = (0..12).fold(json!("int"), level);
    let text = [r#"{"x":"#.repeat(24), "true".to_owned(), "}".repeat(24)].concat();
    assert!(decode(&tower, text.as_bytes()).is_err());
}

#[test]
fn integers_are_as_long_as_their_type() {
    assert_eq!(decode(&json!("long"), &long(i64::MIN)), Ok(i64::MIN.to_string()));
    assert!(decode(&json!("int"), &long(1 << 31)).unwrap_err().contains("not an integer of 32 bits"));
    assert!(decode(&json!("long"), &[0xff; 11]).unwrap_err().contains("more than 64 bits"));
    assert!(decode(&json!("long"), &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).is_err());
    assert_eq!(decode(&json!("boolean"), &[2]), Err("2 is not a boolean".to_owned()));
    let state = json!({ "type": "enum", "name": "S", "symbols": ["A"] });
    assert_eq!(decode(&state, &long(1)), Err("1 is none of the 1 symbols".to_owned()));
    assert_eq!(decode(&json!(["null", "int"]), &long(-1)), Err("-1 is none of the 2 types".to_owned()));
}

#[test]
fn names_are_found_through_their_namespaces() {
    let schema = json!({ "type": "record", "name": "a.Outer", "fields": [
        { "name": "inner", "type": { "type": "record", "name": "b.Inner", "fields": [
            { "name": "kind", "type": { "type": "enum", "name": "Kind", "symbols": ["X", "Y"] } },
            { "name": "again", "type": "Kind" },
        ] } },
        { "name": "kind", "type": "b.Kind" },
    ] });
    let expected = r#"{"inner":{"kind":"Y","again":"X"},"kind":"Y"}"#;
    assert_eq!(decode(&schema, &[2, 0, 2]), Ok(expected.to_owned()));
    assert!(Avro::new(r#"{"type":"record","name":"R","fields":[{"name":"x","type":"Nowhere"}]}"#).is_err());
}
