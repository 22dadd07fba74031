//! Which dead letters are meant: every filter that is given must match.

use std::time::SystemTime;

use crate::broker::{Letter, header};

/// What a letter must be like.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Filter {
    /// Only letters of this stage; `broker`: those that the broker made itself.
    #[arg(long, value_enum)]
    stage: Option<Stage>,
    /// Only letters whose reason holds this text.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only letters of records of this topic (or partition).
    #[arg(long, value_name = "TOPIC")]
    original_topic: Option<String>,
    /// Only letters of this connector.
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// Only letters with this routing key.
    #[arg(long)]
    key: Option<String>,
    /// Only letters not older than this: a time (2026-01-31T12:00:00Z, UTC) or how long ago (2h).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<SystemTime>,
    /// Only letters not younger than this.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<SystemTime>,
    /// Only the first so many of them, oldest place first.
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
}

/// What a record did not survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Stage {
    Decode,
    Schema,
    Process,
    Trap,
    Broker,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Schema => "schema",
            Self::Process => "process",
            Self::Trap => "trap",
            Self::Broker => "broker",
        }
    }
}

/// What a letter shows as its stage.
pub(super) fn stage(letter: &Letter) -> Option<&str> {
    letter.header(header::STAGE).or_else(|| letter.header(header::POISON_POLICY).map(|_| "broker"))
}

impl Filter {
    /// Whether a letter is meant. The limit is the caller's to count.
    pub(super) fn matches(&self, letter: &Letter) -> bool {
        let Self { stage: wanted, reason, original_topic, connector, key, since, until, limit: _ } = self;
        let is_topic = |wanted: &str| {
            letter.header(header::TOPIC) == Some(wanted)
                || letter.original_topic().is_some_and(|(topic, _)| topic == wanted)
        };
        wanted.is_none_or(|wanted| stage(letter) == Some(wanted.name()))
            && reason.as_ref().is_none_or(|text| letter.header(header::REASON).unwrap_or_default().contains(text))
            && original_topic.as_deref().is_none_or(is_topic)
            && connector.as_ref().is_none_or(|name| letter.header(header::CONNECTOR) == Some(name))
            && key.as_ref().is_none_or(|key| letter.content.routing_key.as_ref() == Some(key))
            && since.is_none_or(|since| letter.time() >= since)
            && until.is_none_or(|until| letter.time() <= until)
    }
}

fn moment(text: &str) -> Result<SystemTime, String> {
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return Ok(time);
    }
    let ago = humantime::parse_duration(text).ok().and_then(|ago| SystemTime::now().checked_sub(ago));
    ago.ok_or_else(|| "neither a time, as in 2026-01-31T12:00:00Z, nor how long ago, as in 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        let time = moment("2026-01-31T12:00:00Z").unwrap();
        assert_eq!(moment("2026-01-31 12:00:00").unwrap(), time);
        let ago = SystemTime::now().duration_since(moment("2h").unwrap()).unwrap();
        assert!((7199..7260).contains(&ago.as_secs()), "{ago:?}");
        assert!(moment("yesterday").unwrap_err().contains("2h"));
        assert!(time > SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    }
}
