//! The failure policy of a subscription: when a record counts as failed, when it is sent again, when it is given up.

use std::time::Duration;

/// What becomes of records that are not acknowledged. It is read when a subscription is first created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailurePolicy {
    /// How often a record is sent again after its first send. With 5 it is sent six times in all.
    pub max_redelivery_count: u32,
    /// How long the broker waits for an answer to one send.
    pub ack_timeout: Duration,
    /// The pause before the first redelivery.
    pub base_redelivery_delay: Duration,
    /// The longest pause, whoever asks for it.
    pub max_redelivery_delay: Duration,
    /// How the pause grows.
    pub backoff: Backoff,
    /// What becomes of a record that has been sent too often.
    pub poison: Poison,
    /// Where [`Poison::DeadLetter`] publishes.
    pub dead_letter_topic: Option<String>,
}

/// How the pause before a redelivery grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// Not at all.
    Fixed,
    /// It doubles with every send.
    Exponential,
}

/// What becomes of a record that has been sent too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poison {
    /// It is published to the dead-letter topic and then counts as acknowledged.
    DeadLetter,
    /// It stays, keeps its slot in the window, and nothing new is sent past it.
    Block,
    /// It counts as acknowledged.
    Drop,
}

impl Poison {
    /// As dead letters name it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead_letter",
            Self::Block => "block",
            Self::Drop => "drop",
        }
    }
}

impl Default for FailurePolicy {
    fn default() -> Self {
        Self {
            max_redelivery_count: 5,
            ack_timeout: Duration::from_secs(30),
            base_redelivery_delay: Duration::from_secs(1),
            max_redelivery_delay: Duration::from_secs(60),
            backoff: Backoff::Exponential,
            poison: Poison::Block,
            dead_letter_topic: None,
        }
    }
}

impl FailurePolicy {
    /// Whether a record that failed after this many sends is given up.
    pub(crate) fn gives_up(&self, sends: u32) -> bool {
        sends > self.max_redelivery_count
    }

    /// The pause after a record failed for the `sends`th time: the longer of the policy's and the requested one, but
    /// never more than the policy's maximum.
    pub(crate) fn delay(&self, sends: u32, requested: Option<Duration>) -> Duration {
        let own = match self.backoff {
            Backoff::Fixed => self.base_redelivery_delay,
            Backoff::Exponential => {
                let factor = 1u32.checked_shl(sends.max(1) - 1).unwrap_or(u32::MAX);
                self.base_redelivery_delay.saturating_mul(factor)
            }
        };
        own.max(requested.unwrap_or_default()).min(self.max_redelivery_delay)
    }

    /// The rule that the broker checks when a policy is set and when it is used.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        let named = self.dead_letter_topic.as_ref().is_some_and(|topic| !topic.trim().is_empty());
        if self.poison == Poison::DeadLetter && !named {
            return Err("dead_letter_topic must be configured when poison_policy is DeadLetter");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(policy: &FailurePolicy, requested: Option<u64>) -> Vec<u64> {
        (1..=9).map(|sends| policy.delay(sends, requested.map(Duration::from_secs)).as_secs()).collect()
    }

    #[test]
    fn delay_is_one_second_doubling_up_to_sixty() {
        assert_eq!(seconds(&FailurePolicy::default(), None), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn requested_delay_counts_only_where_it_is_longer_and_is_capped() {
        assert_eq!(seconds(&FailurePolicy::default(), Some(10)), [10, 10, 10, 10, 16, 32, 60, 60, 60]);
        assert_eq!(seconds(&FailurePolicy::default(), Some(600)), [60; 9]);
    }

    #[test]
    fn fixed_backoff_does_not_grow() {
        let policy = FailurePolicy { backoff: Backoff::Fixed, ..FailurePolicy::default() };
        assert_eq!(seconds(&policy, None), [1; 9]);
    }

    #[test]
    fn five_redeliveries_mean_six_sends() {
        let policy = FailurePolicy::default();
        assert!(!policy.gives_up(5));
        assert!(policy.gives_up(6));
    }

    #[test]
    fn dead_letter_needs_a_topic() {
        let mut policy = FailurePolicy { poison: Poison::DeadLetter, ..FailurePolicy::default() };
        assert!(policy.validate().is_err());
        policy.dead_letter_topic = Some("/default/dead".to_owned());
        assert!(policy.validate().is_ok());
    }
}
