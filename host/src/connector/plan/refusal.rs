//! Why a guest does not get to consume what it asked for, and what to write if it is to.

use std::time::Duration;

use crate::record::SubscriptionType;

/// Why a guest does not get what it asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "the component asked for topic `{topic}` with subscription `{subscription}`, which {file} does not grant\n\
         help: add a mapping with `topic = \"{topic}\"` and `subscription = \"{subscription}\"` to [[{table}.topic_mappings]], \
         or `topics = [\"{topic}\"]` to [capabilities] (then the subscription must start with `{connector}`)"
    )]
    NotGranted { topic: String, subscription: String, file: String, table: String, connector: String },
    #[error(
        "the component asked for subscription `{subscription}` of `{topic}`, which belongs to connector `{owner}`\n\
         help: add a mapping with both to [[{table}.topic_mappings]] of {file} if the two are to share its records"
    )]
    Anothers { topic: String, subscription: String, owner: String, file: String, table: String },
    #[error(
        "the component asked for {topics} topics, and {file} gives it {most} lanes with `instances = {instances}`\n\
         help: set `max_lanes = {lanes}` under [limits] if it is to have so many"
    )]
    TooManyLanes { topics: usize, instances: u32, lanes: u64, most: u32, file: String },
    #[error(
        "the component asked for batches of {asked} {} on `{topic}`, and {file} allows {most}\n\
         help: set `{}` under [limits] if it is to have them",
        limit.unit(),
        limit.line(*asked)
    )]
    BatchTooLarge { topic: String, file: String, limit: BatchLimit, asked: u64, most: u64 },
    #[error("the component asked for {asked} key filters on `{topic}`, more than {most}")]
    TooManyFilters { topic: String, asked: usize, most: usize },
    #[error("the component asked for a key filter of {bytes} bytes on `{topic}`, longer than {most}")]
    FilterTooLong { topic: String, bytes: usize, most: usize },
    #[error("the component asked for a flush interval of {asked:?} on `{topic}`, outside {least:?} to {most:?}")]
    FlushInterval { topic: String, asked: Duration, least: Duration, most: Duration },
    #[error(
        "the component asked for {asked:?} on `{topic}`, and its mapping in {file} says {written:?}\n\
         help: change `subscription_type` there, or leave it out"
    )]
    OtherType { topic: String, file: String, asked: SubscriptionType, written: SubscriptionType },
    #[error("the component asked for topic `{topic}` with subscription `{subscription}` twice")]
    Twice { topic: String, subscription: String },
    #[error(
        "the component asked for an Exclusive subscription on `{topic}`, which allows one consumer, and `instances` is {instances}\n\
         help: set `instances = 1`, or use Failover, Shared or Key-Shared"
    )]
    ExclusiveWithInstances { topic: String, instances: u32 },
    #[error(
        "the component asked for no topics\n\
         help: components built with an SDK ask for what stands in [[{table}.topic_mappings]]"
    )]
    Nothing { table: String },
}

/// What a batch can have too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchLimit {
    Records,
    Bytes,
}

impl BatchLimit {
    fn unit(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Bytes => "bytes",
        }
    }

    /// The line of a file that allows so many.
    fn line(self, most: u64) -> String {
        match self {
            Self::Records => format!("max_batch_size = {most}"),
            Self::Bytes => format!("max_batch_bytes = \"{most}B\""),
        }
    }
}
