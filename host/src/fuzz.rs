//! What the targets in `host/fuzz` call: untrusted bytes against the codecs, the config, the compiler and the guest's
//! side of the contract. The tests run the same functions on changed copies of the targets' corpus, so that the targets
//! can't rot.

use std::{path::Path, sync::LazyLock};

use bytes::Bytes;
use serde::de::IgnoredAny;

mod guests;

pub use guests::{answers, components};

use crate::{
    codec::Codec,
    config::{Config, Environment, Policy},
    record::Payload,
};

/// The definitions that the first byte of an input chooses from.
const SCHEMAS: [(&str, &str); 6] = [
    ("json_schema", "{}"),
    ("number", ""),
    ("avro", include_str!("fuzz/order.avsc")),
    ("avro", include_str!("fuzz/tree.avsc")),
    ("protobuf", include_str!("codec/protobuf/vectors/order.proto")),
    ("protobuf", include_str!("codec/protobuf/vectors/old.proto")),
];

static CODECS: LazyLock<Vec<Codec>> = LazyLock::new(|| {
    SCHEMAS.iter().filter_map(|(schema_type, definition)| Codec::new(schema_type, definition.as_bytes()).ok()).collect()
});

/// A payload against a schema. The first byte chooses one of the schemas here, or says that a definition follows, with
/// its length in two bytes in front of it.
///
/// # Panics
///
/// When a codec gives out JSON that is none, or does not say the same of the same bytes twice.
pub fn codecs(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    let own = |schema_type, rest: &[u8]| {
        let (length, rest) = rest.split_first_chunk()?;
        let (definition, payload) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        Some((Codec::new(schema_type, definition).ok()?, Bytes::copy_from_slice(payload)))
    };
    let chosen = match choice {
        0xfe => own("avro", rest),
        0xff => own("protobuf", rest),
        _ => {
            CODECS.get(usize::from(*choice) % SCHEMAS.len()).map(|codec| (codec.clone(), Bytes::copy_from_slice(rest)))
        }
    };
    let Some((codec, payload)) = chosen else { return };
    let decoded = codec.decode(payload.clone());
    if let Ok(Payload::Json(json)) = &decoded {
        assert!(serde_json::from_str::<IgnoredAny>(json).is_ok(), "not JSON: {json}");
    }
    assert_eq!(decoded.is_ok(), codec.decode(payload).is_ok());
}

/// A connector's file, or an operator's. What is wrong with it must be sayable. Nothing outside of the file is read.
pub fn config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if text.contains("${") {
        return;
    }
    let environment = Environment::from_pairs([("DANUBE_SERVICE_URL", "http://127.0.0.1:6650")]);
    match Config::parse(Path::new("connector.toml"), text, &environment) {
        Ok(config) => config.warnings.iter().for_each(|warning| drop(warning.to_string())),
        Err(error) => drop(error.to_string()),
    }
    if let Err(error) = Policy::parse(Path::new("host.toml"), text, &environment) {
        drop(error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    /// A copy with some bytes replaced, dropped, repeated or put in from elsewhere.
    fn changed(input: &[u8], others: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..random.random_range(1..=4) {
            let at = random.random_range(0..=bytes.len());
            let end = random.random_range(at..=bytes.len().min(at + 8));
            match random.random_range(0..6) {
                0 if at < bytes.len() => bytes[at] = random.random(),
                1 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
                2 => drop(bytes.drain(at..end)),
                3 => drop(bytes.splice(at..at, bytes[at..end].repeat(random.random_range(1..=64)))),
                4 => bytes.truncate(at),
                _ => {
                    let other = &others[random.random_range(0..others.len())];
                    let from = random.random_range(0..=other.len());
                    drop(bytes.splice(at..end, other[from..other.len().min(from + 16)].to_vec()));
                }
            }
        }
        bytes
    }

    fn smoke(target: &str, run: fn(&[u8]), changes: usize) {
        let corpus = corpus(target);
        assert!(corpus.len() > 3, "{target}");
        let mut random = StdRng::seed_from_u64(1);
        for input in &corpus {
            run(input);
            for _ in 0..changes {
                let bytes = changed(input, &corpus, &mut random);
                if let Err(panic) = std::panic::catch_unwind(|| run(&bytes)) {
                    eprintln!("input of {target}: {}", hex::encode(&bytes));
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }

    #[test]
    fn codecs_take_anything() {
        assert_eq!(CODECS.len(), SCHEMAS.len());
        smoke("codecs", codecs, 1000);
    }

    #[test]
    fn configs_take_anything() {
        smoke("config", config, 300);
    }

    #[test]
    fn components_are_refused_or_run() {
        smoke("components", components, 600);
    }

    #[test]
    fn answers_are_taken_or_refused() {
        smoke("answers", answers, 250);
    }

    #[test]
    fn the_corpus_is_decoded() {
        let reaches = |input: &Vec<u8>| {
            let codec = CODECS.get(usize::from(input[0]));
            codec.is_some_and(|codec| codec.decode(Bytes::copy_from_slice(&input[1..])).is_ok())
        };
        assert!(corpus("codecs").iter().filter(|input| reaches(input)).count() >= SCHEMAS.len());
    }
}
