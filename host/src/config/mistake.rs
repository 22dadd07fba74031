//! What can be wrong with a connector's file: one variant per mistake. `Display` is the headline, [`Mistake::help`] (in
//! `help.rs`) the way out. Values stand here as the file writes them, so a resolved secret never gets in.

use std::{fmt, ops::RangeInclusive, path::PathBuf};

use super::policy::Rule;
use crate::capability::{destination, http::HeaderError};

/// One mistake in a connector's file, or in what was asked to be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// No path was given and `CONNECTOR_CONFIG_PATH` is not set.
    #[error("no config file was given")]
    NothingGiven,
    /// A file or folder cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
    /// A folder holds no `*.toml`.
    #[error("the folder `{}` holds no `*.toml` file", path.display())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// `CONNECTOR_NAME` would give several connectors the same name.
    #[error("`CONNECTOR_NAME` is set, but {files} files are to be loaded")]
    OneNameForMany {
        /// How many.
        files: usize,
    },
    /// Two files name their connector alike.
    #[error("the name `{name}` is taken by `{}:{line}`", file.display())]
    NameTaken {
        /// The name.
        name: String,
        /// The file that has it.
        file: PathBuf,
        /// The line there, from 1.
        line: usize,
    },
    /// The text is not TOML.
    #[error("not valid TOML: {message}")]
    NotToml {
        /// The parser's words.
        message: String,
    },
    /// A key that its table does not know.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// The known key that is most like it.
        nearest: Option<String>,
        /// All keys that the table knows.
        known: Vec<String>,
    },
    /// A table at the top level that is neither the host's nor the connector's own.
    #[error("unknown table `[{name}]`")]
    UnknownTable {
        /// The table.
        name: String,
        /// The known table that is most like it.
        nearest: Option<String>,
    },
    /// A value of another type than its key takes.
    #[error("`{key}` must be {expected}, not {found}")]
    WrongType {
        /// The key.
        key: String,
        /// What it takes.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A key that must be there is not.
    #[error("`{key}` is missing")]
    Missing {
        /// The key, with its table.
        key: &'static str,
        /// The line to write.
        example: &'static str,
    },
    /// Neither the connector's table nor the grants name a topic.
    #[error("no topic to consume")]
    NoTopics {
        /// The connector's own table.
        table: String,
    },
    /// `settings` names a table that is not there.
    #[error("`settings` names the table `[{table}]`, which the file does not have")]
    NoSettings {
        /// The table.
        table: String,
    },
    /// `settings` names one of the host's own tables.
    #[error("`settings` cannot be `{table}`: that is a key of the host")]
    SettingsReserved {
        /// The table.
        table: String,
    },
    /// A value of the connector's own table that JSON has no form for.
    #[error("`{key}` is {value}, which cannot be handed to the connector as JSON")]
    NotJson {
        /// The key, with its table.
        key: String,
        /// The value.
        value: String,
    },
    /// Schemas are registered by source connectors.
    #[error("sinks do not register schemas")]
    Schemas,
    /// A `${...}` that is not a reference.
    #[error("`{key}` holds a `${{` that begins no reference")]
    BadReference {
        /// The key that it stands in.
        key: String,
    },
    /// A reference to something that is not there.
    #[error("`{key}` refers to `{reference}`, but {reason}")]
    Unresolved {
        /// The key that the reference stands in.
        key: String,
        /// As written.
        reference: String,
        /// Why there is no value.
        reason: String,
    },
    /// A reference where the value is shown to the world.
    #[error("`{key}` cannot hold a reference: its value is shown in logs and metrics")]
    ReferenceInName {
        /// The key.
        key: String,
    },
    /// A number for a key that takes a unit.
    #[error("`{key} = {value}` lacks a unit")]
    NoUnit {
        /// The key.
        key: String,
        /// As written.
        value: String,
        /// A value of this kind.
        example: String,
    },
    /// Not a duration, size or digest.
    #[error("`{value}` is not {kind}: {reason}")]
    Malformed {
        /// As written.
        value: String,
        /// What it should be.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What one looks like.
        example: String,
    },
    /// Too small or too large.
    #[error("`{key}` is {value}, outside {least} to {most}")]
    OutOfRange {
        /// The key.
        key: String,
        /// As written.
        value: String,
        /// The smallest value that it takes.
        least: String,
        /// The largest.
        most: String,
    },
    /// Not one of the words that the key takes.
    #[error("`{key}` cannot be `{value}`")]
    UnknownWord {
        /// The key.
        key: String,
        /// As written.
        value: String,
        /// All that it takes.
        allowed: &'static [&'static str],
    },
    /// A name of forbidden characters, or none.
    #[error("`{value}` cannot be a connector's name")]
    BadName {
        /// As written.
        value: String,
    },
    /// Not a URL that can be used here.
    #[error("`{key}`: {reason}")]
    BadUrl {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What to write instead.
        help: String,
    },
    /// Not a topic, or not a pattern of topics.
    #[error("`{value}` is not a topic")]
    BadTopic {
        /// As written.
        value: String,
        /// Whether `*` may stand in it.
        pattern: bool,
    },
    /// Part of a grant is wrong.
    #[error("{error}")]
    BadGrant {
        /// What is wrong with it.
        error: destination::Error,
        /// What to write instead.
        help: String,
    },
    /// Not what a guest can call a folder.
    #[error("`guest` cannot be `{value}`: it must be absolute and without detours")]
    BadGuestPath {
        /// As written.
        value: String,
        /// What was probably meant.
        better: String,
    },
    /// Two folders that a guest could not tell apart.
    #[error("`{guest}` and the `{other}` of line {line} meet")]
    FoldersMeet {
        /// What the guest calls the second.
        guest: String,
        /// What it calls the first.
        other: String,
        /// The line of the first, from 1.
        line: usize,
    },
    /// A quota where nothing is written.
    #[error("`quota` has no effect on a folder that is only read")]
    QuotaUnused,
    /// A header for requests that the connector can't make.
    #[error("`{url}` is within no `http` grant")]
    HeaderNotGranted {
        /// As written.
        url: String,
    },
    /// A header that no file can set.
    #[error("`{name}` cannot be set here: {reason}")]
    BadHeader {
        /// As written.
        name: String,
        /// Why.
        reason: HeaderError,
    },
    /// A secret that can't be sent. Its text says nothing of it.
    #[error("`{key}` cannot be sent: it is empty, has blanks around it, or holds something else than visible ASCII")]
    BadSecret {
        /// The key that it stands at.
        key: &'static str,
    },
    /// Keys of a header at a signature, or the other way round.
    #[error("`{key}` cannot stand beside `{beside}`")]
    NotBeside {
        /// The key that is too many.
        key: &'static str,
        /// What it stands beside.
        beside: &'static str,
    },
    /// Two values for one header of the same requests.
    #[error("`{header}` is set in line {line} already, for the same URL")]
    HeaderTwice {
        /// The header.
        header: String,
        /// The line of the first, from 1.
        line: usize,
    },
    /// Not the name of an environment variable.
    #[error("`{name}` cannot be the name of a variable")]
    BadVariable {
        /// As written.
        name: String,
    },
    /// Key filters on a subscription that has no keys.
    #[error("`key_filters` work only on a Key-Shared subscription")]
    FiltersWithoutKeys,
    /// Two lanes on a subscription that takes one consumer.
    #[error("`instances = {instances}` cannot share an Exclusive subscription")]
    ExclusiveShared {
        /// As written.
        instances: u32,
    },
    /// More lanes than the connector may have.
    #[error("{topics} topic mappings with `instances = {instances}` make {lanes} lanes, and `max_lanes` is {most}")]
    TooManyLanes {
        /// The number of mappings.
        topics: usize,
        /// As written.
        instances: u32,
        /// The product.
        lanes: u64,
        /// What `max_lanes` says.
        most: u32,
    },
    /// A value beyond one of the connector's own limits.
    #[error("`{key} = {value}` is more than `{limit}`, {most}")]
    BeyondLimit {
        /// The key.
        key: &'static str,
        /// The limit's key.
        limit: &'static str,
        /// The value, as TOML writes it.
        value: String,
        /// The limit's value.
        most: String,
    },
    /// A topic and subscription that stand in the file twice.
    #[error("the subscription `{subscription}` of `{topic}` stands in line {line} already")]
    MappingTwice {
        /// The topic.
        topic: String,
        /// The subscription.
        subscription: String,
        /// The line of the first, from 1.
        line: usize,
    },
    /// Dead letters without a place to go.
    #[error("`{key} = \"dead_letter\"` needs a dead-letter topic")]
    NoDeadLetterTopic {
        /// The key.
        key: &'static str,
    },
    /// Dead letters that would be consumed again.
    #[error("`{topic}` is both consumed and the dead-letter topic")]
    DeadLetterConsumed {
        /// The topic.
        topic: String,
    },
    /// A token without TLS.
    #[error("a token would travel to the broker in clear text")]
    TokenInClear,
    /// A token given twice.
    #[error("`token` and `token_file` cannot both be given")]
    TwoTokens,
    /// TLS keys with a broker that is reached without TLS.
    #[error("`[broker.tls]` has no effect on an `http://` broker")]
    TlsWithoutHttps,
    /// TLS without a certificate authority to trust.
    #[error("an `https://` broker needs `ca_cert`")]
    NoAuthority,
    /// Half of a client certificate.
    #[error("`{given}` needs `{missing}` beside it")]
    HalfIdentity {
        /// The key that is there.
        given: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// A key of a grant where it does nothing.
    #[error("`{key}` has no effect {place}")]
    NoEffect {
        /// The key.
        key: &'static str,
        /// Where, as in `on an http:// grant`.
        place: &'static str,
        /// What to write instead.
        help: &'static str,
    },
    /// More than the operator's policy lets any file have.
    #[error("{what}")]
    BeyondPolicy {
        /// What is asked for, and what is allowed.
        what: String,
        /// The line of the policy.
        rule: Rule,
        /// What to write instead, or whom to ask.
        help: String,
    },
    /// Neither variables nor files that could be referred to.
    #[error("`{text}` bounds no references")]
    BadReferenceBound {
        /// As written.
        text: String,
    },
    /// Not a name of a variable, nor a pattern of such names.
    #[error("`{name}` cannot be a pattern of variables")]
    BadNamePattern {
        /// As written.
        name: String,
    },
}

impl Mistake {
    /// The line of the operator's policy that it goes against, if it does.
    pub fn rule(&self) -> Option<&Rule> {
        if let Self::BeyondPolicy { rule, .. } = self { Some(rule) } else { None }
    }

    pub(super) fn out_of_range<T: fmt::Display>(
        key: &str,
        value: impl fmt::Display,
        range: &RangeInclusive<T>,
    ) -> Self {
        let (least, most) = (range.start().to_string(), range.end().to_string());
        Self::OutOfRange { key: key.to_owned(), value: value.to_string(), least, most }
    }
}
