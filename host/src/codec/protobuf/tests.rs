//! Messages of Google's own library, definitions in every form, and what no library would write.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::Protobuf;

const ORDER: &str = include_str!("vectors/order.proto");
const ORDER_SET: &[u8] = include_bytes!("vectors/order.bin");
const OLD: &str = include_str!("vectors/old.proto");

fn protobuf(definition: &str) -> Protobuf {
    Protobuf::new(definition.as_bytes(), None).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(definition: &str) -> String {
    Protobuf::new(definition.as_bytes(), None).expect_err("a definition of no use")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn messages_of_other_libraries_become_the_json_that_those_make_of_them() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/vectors.json")).unwrap();
    assert!(vectors.len() > 3);
    for vector in vectors {
        let protobuf = protobuf(if vector["definition"] == "old.proto" { OLD } else { ORDER });
        let payload = hex::decode(vector["hex"].as_str().unwrap()).unwrap();
        let decoded = protobuf.decode(&payload).unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
        assert_eq!(json(&decoded), vector["json"], "{}", vector["name"]);
    }
}

#[test]
fn integers_of_64_bits_are_strings_of_all_their_digits() {
    let protobuf = protobuf("syntax = \"proto3\"; message M { uint64 u = 1; int64 i = 2; double d = 3; }");
    let payload = hex::decode("08ffffffffffffffffff011080808080808080808001199a9999999999b93f").unwrap();
    let expected = r#"{"u":"18446744073709551615","i":"-9223372036854775808","d":0.1}"#;
    assert_eq!(protobuf.decode(&payload).as_deref(), Ok(expected));
}

#[test]
fn a_definition_is_text_or_a_set_of_descriptors() {
    let packed = STANDARD.encode(ORDER_SET);
    let lines: Vec<&str> = packed.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    for definition in [ORDER.as_bytes(), ORDER_SET, packed.as_bytes(), lines.join("\n").as_bytes()] {
        let protobuf = Protobuf::new(definition, Some("DefaultMessage")).unwrap();
        assert_eq!(protobuf.message.full_name(), "shop.Order");
    }
    let lonely = "syntax = \"proto3\"; import \"other.proto\"; message M {}";
    let error = refused(lonely);
    assert!(error.contains("other.proto") && error.contains("--include_imports"), "{error}");
    assert!(Protobuf::new(&[0xff, 0xfe], None).is_err());
    assert!(refused("{\"not\": \"proto\"}").contains("schema.proto:1:1"), "{}", refused("{}"));
}

#[test]
fn the_message_is_the_named_one_or_the_one_that_holds_the_others() {
    let name = |definition: &str, named| {
        Protobuf::new(definition.as_bytes(), named).map(|protobuf| protobuf.message.full_name().to_owned())
    };
    let nested =
        "syntax = \"proto3\"; package p; message Item { Item next = 1; } message Order { repeated Item items = 1; }";
    assert_eq!(name(nested, None).as_deref(), Ok("p.Order"));
    assert_eq!(name(nested, Some("Item")).as_deref(), Ok("p.Item"));
    assert_eq!(name(nested, Some("p.Item")).as_deref(), Ok("p.Item"));
    assert_eq!(name(nested, Some("DefaultMessage")).as_deref(), Ok("p.Order"));
    let maps = "syntax = \"proto3\"; message V {} message Order { map<string, V> by = 1; message In { V v = 1; } }";
    assert_eq!(name(maps, None).as_deref(), Ok("Order"));
    let two = "syntax = \"proto3\"; message Created {} message Deleted {}";
    let error = name(two, None).unwrap_err();
    assert!(error.contains("`Created`, `Deleted`") && error.contains("subject of its own"), "{error}");
    let circle = "syntax = \"proto3\"; message A { B b = 1; } message B { A a = 1; }";
    assert!(name(circle, None).is_err());
    assert_eq!(name("syntax = \"proto3\"; enum E { X = 0; }", None), Err("the file defines no message".to_owned()));
}

#[test]
fn a_message_without_a_required_field_is_refused() {
    let protobuf = protobuf(OLD);
    assert_eq!(protobuf.decode(b"").unwrap_err(), "`Reading`: required field `sensor` is missing");
    let nested = "syntax = \"proto2\"; message O { repeated I items = 1; } message I { required int32 n = 1; }";
    let nested = Protobuf::new(nested.as_bytes(), None).unwrap();
    assert_eq!(nested.decode(&[0x0a, 0]).unwrap_err(), "`O`: required field `items.n` is missing");
    assert_eq!(nested.decode(&[0x0a, 2, 8, 0]).as_deref(), Ok(r#"{"items":[{"n":0}]}"#));
}

#[test]
fn what_is_not_a_message_is_refused() {
    let protobuf = protobuf("syntax = \"proto3\"; message M { string s = 1; int32 n = 2; }");
    for payload in ["0a05", "0a01ff", "0a", "12", "1001", "ffffffffffffffffffffff", "0b", "0affffffffffffffffff01"] {
        let payload = hex::decode(payload).unwrap();
        let is_fine = payload == [0x10, 1];
        assert_eq!(protobuf.decode(&payload).is_ok(), is_fine, "{payload:?}");
    }
}

/// A length-delimited field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        bytes.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
    [bytes.as_slice(), content].concat()
}

#[test]
fn depth_has_an_end() {
    let list = protobuf("syntax = \"proto3\"; message M { M next = 1; }");
    let nested = |depth: usize| (0..depth).fold(Vec::new(), |inside, _| field(1, &inside));
    assert!(list.decode(&nested(90)).is_ok());
    assert!(list.decode(&nested(5_000)).is_err());
    // Groups that the definition does not know.
    assert!(list.decode(&[vec![0x13; 1_000_000], vec![0x14; 1_000_000]].concat()).is_err());

    let any = protobuf(
        "syntax = \"proto3\"; import \"google/protobuf/any.proto\"; message M { google.protobuf.Any any = 1; }",
    );
    let nested = |depth: usize| {
        (0..depth).fold(Vec::new(), |inside, _| field(1, &[field(1, b"x/M"), field(2, &inside)].concat()))
    };
    assert!(any.decode(&nested(20)).is_ok());
    assert!(any.decode(&nested(5_000)).unwrap_err().contains("nested deeper than 100 levels"));
    let unknown = field(1, &field(1, b"x/Unknown"));
    assert!(any.decode(&unknown).unwrap_err().contains("Unknown"));
}

#[test]
fn definitions_can_not_be_endless_either() {
    assert!(refused(&"message M {".repeat(5_000)).contains("nested deeper"));
    let messages = ["message M {".repeat(100), "}".repeat(100)].concat();
    assert!(!refused(&messages).is_empty());
    assert!(!refused(&format!("option (x) = {}", "[".repeat(100_000))).is_empty());
}
