//! What works but is probably not meant. `Display` is the headline, [`Caution::help`] the way out.

use std::path::PathBuf;

/// Something in a file that works but is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Caution {
    /// `poll_interval_ms` is for sources.
    #[error("`poll_interval_ms` has no effect: only source connectors poll")]
    PollInterval,
    /// Nothing says what becomes of bad records.
    #[error("the first record that is rejected stops this connector")]
    StopsOnReject,
    /// A batch that the broker's window never fills.
    #[error("a batch of {batch_size} records never fills: the broker hands out at most 10000 unanswered records")]
    BatchBeyondWindow {
        /// As written.
        batch_size: u32,
    },
    /// A time within which the broker gives the records out again.
    #[error("`{key}` is not shorter than `ack_timeout`: the broker delivers the same records again meanwhile")]
    OutlivesAck {
        /// The key.
        key: &'static str,
    },
    /// The first pause of a retry is longer than the longest.
    #[error("`retry_backoff_ms` is longer than `max_backoff_ms`, which limits it")]
    BackoffLimited,
    /// Lanes that stand by all the time.
    #[error("on a Failover subscription one of {instances} instances works, the others stand by")]
    IdleLanes {
        /// As written.
        instances: u32,
    },
    /// A key of a mapping that is nearly one of the host's.
    #[error("`{key}` is left to the connector: the host does not know it")]
    NearKey {
        /// The key.
        key: String,
        /// What it is like.
        nearest: String,
    },
    /// A URL of the broker without a port.
    #[error("without a port the broker is sought at {port}, and Danube listens at 6650")]
    DefaultPort {
        /// The port that the scheme stands for.
        port: u16,
    },
    /// A token that stands in the file.
    #[error("`token` stands in the file in clear text")]
    TokenInFile,
    /// A secret of a header that stands in the file.
    #[error("`{key}` stands in the file in clear text")]
    SecretInFile {
        /// The key.
        key: &'static str,
    },
    /// A secret that is sent without TLS.
    #[error("what is added for `{url}` travels in clear text")]
    SecretInClear {
        /// The URL, as written.
        url: String,
    },
    /// Dead letters that the connector may consume.
    #[error("the grant `{pattern}` lets the connector consume its own dead letters")]
    DeadLetterGranted {
        /// The pattern of `[capabilities] topics`.
        pattern: String,
    },
    /// Grants that are not enforced.
    #[error("in `mode = \"observe\"` the component reaches public addresses that nothing grants")]
    Observes,
    /// Two connectors on one subscription.
    #[error("the subscription `{subscription}` of `{topic}` is consumed by `{}:{line}` as well", file.display())]
    SubscriptionShared {
        /// The topic.
        topic: String,
        /// The subscription.
        subscription: String,
        /// The other file.
        file: PathBuf,
        /// The line there, from 1.
        line: usize,
    },
}

impl Caution {
    /// What to write instead, or where to look.
    pub fn help(&self) -> String {
        match self {
            Self::PollInterval => "remove it".into(),
            Self::StopsOnReject => {
                "name a topic for bad records under `[dead_letter]`, or choose `on_reject = \"skip\"` or `\"stop\"` under `[processing]`".into()
            }
            Self::BatchBeyondWindow { .. } => "batches go out when the window is full, whatever the size; write `batch_size = 10000` or less".into(),
            Self::OutlivesAck { .. } => "make it shorter, or give the broker a longer `ack_timeout` and say so under `[broker]`".into(),
            Self::BackoffLimited => "make `retry_backoff_ms` the shorter one".into(),
            Self::IdleLanes { .. } => "write `instances = 1`, or a Shared or Key-Shared subscription to use them all".into(),
            Self::NearKey { nearest, .. } => format!("did you mean `{nearest}`?"),
            Self::DefaultPort { .. } => "write the port, as in `http://127.0.0.1:6650`".into(),
            Self::TokenInFile => "write `token = \"${env:DANUBE_TOKEN}\"`, or `token_file = \"...\"`".into(),
            Self::SecretInFile { key } => format!("write `{key} = \"${{env:NAME}}\"` or `{key} = \"${{file:PATH}}\"`"),
            Self::SecretInClear { .. } => "write an `https://` URL, in the grant as well".into(),
            Self::DeadLetterGranted { .. } => "choose a dead-letter topic outside of the grant".into(),
            Self::Observes => {
                "let it do all that it does, write the grants that are printed when it stops, and remove the line".into()
            }
            Self::SubscriptionShared { .. } => "each of the two gets a part of the records; give each its own `subscription` if both need all".into(),
        }
    }
}
