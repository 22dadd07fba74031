//! The way out of each mistake: the line to write, or the word that was probably meant.

use super::mistake::Mistake;
use crate::capability::http::HeaderError;

impl Mistake {
    /// What to write instead, or where to look. One line, or several lines of TOML.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::NothingGiven => "name files or folders, as in `danube-wasm run config/`, or set `CONNECTOR_CONFIG_PATH`".into(),
            Self::EmptyFolder { .. } => "folders are not searched recursively; name the files, or the folder below".into(),
            Self::OneNameForMany { .. } => "unset it: every file has a `connector_name` of its own".into(),
            Self::NameTaken { .. } => "choose another: metrics, consumers and logs go by it".into(),
            Self::UnknownKey { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::UnknownKey { known, .. } => format!("this table knows {}", list(known)),
            Self::UnknownTable { name, .. } if name == "policy" => {
                "the policy is the operator's: it stands in the file that `--host-config` names".into()
            }
            Self::UnknownTable { nearest: Some(nearest), .. } => format!("did you mean `[{nearest}]`?"),
            Self::UnknownTable { name, .. } => {
                format!("if it is the connector's own table, write `settings = \"{name}\"` under `[component]`")
            }
            Self::Missing { key, example } => match key.split_once('.') {
                Some((table, _)) => format!("write `{example}` under `[{table}]`"),
                None => format!("write `{example}`"),
            },
            Self::NoTopics { table } => format!(
                "write `[[{table}.topic_mappings]]` with `topic` and `subscription`, or grant `topics` under `[capabilities]`"
            ),
            Self::NoSettings { table } => format!("add the table `[{table}]`, or correct `settings`"),
            Self::SettingsReserved { .. } => "name the table after the connector, as in `settings = \"clickhouse\"`".into(),
            Self::NotJson { .. } => "write a finite number, or the value as a string".into(),
            Self::Schemas => {
                "remove `[[schemas]]`: records bring their schema; a mapping may check it with `expected_schema_subject`".into()
            }
            Self::BadReference { .. } => "write `${env:NAME}` or `${file:PATH}`; for a literal `${` write `$${`".into(),
            Self::Unresolved { .. } => "references are resolved when the file is loaded, by the host's own process".into(),
            Self::ReferenceInName { .. } => "write the value itself; for a literal `${` write `$${`".into(),
            Self::NoUnit { key, example, .. } => format!("write a unit, as in `{key} = \"{example}\"`"),
            Self::Malformed { example, .. } => format!("write {example}"),
            Self::UnknownWord { value, allowed, .. } => match nearest(value, allowed.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`? It takes {}", list(allowed)),
                None => format!("it takes {}", list(allowed)),
            },
            Self::BadName { .. } => "use letters, digits, `.`, `_` and `-`, at least one of them".into(),
            Self::BadUrl { help, .. } | Self::BadGrant { help, .. } => help.clone(),
            Self::BadGuestPath { better, .. } => format!("write `guest = \"{better}\"`"),
            Self::FoldersMeet { .. } => "give each folder a path of its own, none within another".into(),
            Self::QuotaUnused => "remove it, or write `mode = \"rw\"`".into(),
            Self::HeaderNotGranted { url } => {
                format!("write a URL below a granted one, or grant this one under [capabilities]: http = [\"{url}\"]")
            }
            Self::BadHeader { reason: HeaderError::Connection, .. } => "remove it: the host sets it as the connection needs it".into(),
            Self::BadHeader { reason: HeaderError::Signature, .. } => {
                "write `sign = \"aws-sigv4\"` with `service`, `region` and the keys instead of `header` and `value`".into()
            }
            Self::BadHeader { reason: HeaderError::Name | HeaderError::Value, .. } => {
                "write it like `header = \"Authorization\"`".into()
            }
            Self::BadSecret { .. } => {
                "look at what its reference stands for: one line, without a blank at its ends; an empty variable leaves one".into()
            }
            Self::NotBeside { .. } => "write `header` and `value`, or `sign` with its keys, one table for each".into(),
            Self::HeaderTwice { .. } => "remove one; of URLs that differ the longer path wins".into(),
            Self::BadVariable { .. } => "use letters, digits and `_`".into(),
            Self::BadTopic { pattern: false, .. } => {
                "write `/namespace/topic`, of letters, digits, `_` and `-`".into()
            }
            Self::BadTopic { pattern: true, .. } => {
                "write `/namespace/topic`, of letters, digits, `_`, `-` and `*`, as in `/events/*`".into()
            }
            Self::FiltersWithoutKeys => "write `subscription_type = \"Key-Shared\"`, or remove `key_filters`".into(),
            Self::ExclusiveShared { .. } => "write `instances = 1`, or another `subscription_type`".into(),
            Self::TooManyLanes { lanes, .. } => {
                format!("write `max_lanes = {lanes}` under `[limits]` if they are meant: each has an instance of its own")
            }
            Self::BeyondLimit { limit, value, .. } => {
                format!("write less, or `{limit} = {value}` under `[limits]`")
            }
            Self::MappingTwice { .. } => "remove one, or use `instances` for more lanes".into(),
            Self::NoDeadLetterTopic { .. } => "write\n[dead_letter]\ntopic = \"/default/orders-dlq\"".into(),
            Self::DeadLetterConsumed { .. } => "choose a topic that no mapping consumes".into(),
            Self::TokenInClear => "use an `https://` URL with `ca_cert` under `[broker.tls]`, or remove the token".into(),
            Self::TwoTokens => "keep `token_file` if the token changes while the host runs: it is read again every second".into(),
            Self::TlsWithoutHttps => "write `https://` in `danube_service_url`, or remove the table".into(),
            Self::NoAuthority => {
                "write\n[broker.tls]\nca_cert = \"ca.pem\" # for a public certificate: /etc/ssl/certs/ca-certificates.crt".into()
            }
            Self::HalfIdentity { missing, .. } => format!("write `{missing} = \"...\"` too"),
            Self::NoEffect { help, .. } => (*help).into(),
            Self::BeyondPolicy { help, .. } => help.clone(),
            Self::BadReferenceBound { .. } => {
                "write `env:ORDERS_*`, or `file:/etc/danube-wasm/secrets` for a file, or a folder with all that is below".into()
            }
            Self::BadNamePattern { .. } => "write a name such as `TZ`, or `APP_*` for all that begin with `APP_`".into(),
            Self::Unreadable { .. } | Self::NotToml { .. } | Self::WrongType { .. } | Self::OutOfRange { .. } => return None,
        })
    }
}

/// The candidate most like the word, if one is like it at all.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    let near = |(distance, candidate): &(usize, &str)| *distance <= (candidate.len() / 3).max(1);
    candidates.into_iter().map(|candidate| (distance(candidate), candidate)).filter(near).min().map(|(_, word)| word)
}

fn list(words: &[impl AsRef<str>]) -> String {
    words.iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>().join(", ")
}
