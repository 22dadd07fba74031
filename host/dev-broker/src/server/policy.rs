//! Failure policies between the admin API's messages and our own type.

use std::time::Duration;

use danube_core::admin_proto::{SubscriptionBackoffStrategy, SubscriptionFailurePolicy, SubscriptionPoisonPolicy};
use tonic::Status;

use crate::policy::{Backoff, FailurePolicy, Poison};

/// Reads a policy.
pub(super) fn from_proto(policy: SubscriptionFailurePolicy) -> Result<FailurePolicy, Status> {
    let backoff = match SubscriptionBackoffStrategy::try_from(policy.backoff_strategy) {
        Ok(SubscriptionBackoffStrategy::Fixed) => Backoff::Fixed,
        Ok(SubscriptionBackoffStrategy::Exponential) => Backoff::Exponential,
        Err(_) => return Err(Status::invalid_argument("invalid backoff_strategy value")),
    };
    let poison = match SubscriptionPoisonPolicy::try_from(policy.poison_policy) {
        Ok(SubscriptionPoisonPolicy::DeadLetter) => Poison::DeadLetter,
        Ok(SubscriptionPoisonPolicy::Block) => Poison::Block,
        Ok(SubscriptionPoisonPolicy::Drop) => Poison::Drop,
        Err(_) => return Err(Status::invalid_argument("invalid poison_policy value")),
    };
    let policy = FailurePolicy {
        max_redelivery_count: policy.max_redelivery_count,
        ack_timeout: Duration::from_millis(policy.ack_timeout_ms),
        base_redelivery_delay: Duration::from_millis(policy.base_redelivery_delay_ms),
        max_redelivery_delay: Duration::from_millis(policy.max_redelivery_delay_ms),
        backoff,
        poison,
        dead_letter_topic: policy.dead_letter_topic,
    };
    policy.validate().map_err(Status::invalid_argument)?;
    Ok(policy)
}

/// Writes a policy.
pub(super) fn to_proto(policy: FailurePolicy) -> SubscriptionFailurePolicy {
    let FailurePolicy {
        max_redelivery_count,
        ack_timeout,
        base_redelivery_delay,
        max_redelivery_delay,
        backoff,
        poison,
        dead_letter_topic,
    } = policy;
    let backoff = match backoff {
        Backoff::Fixed => SubscriptionBackoffStrategy::Fixed,
        Backoff::Exponential => SubscriptionBackoffStrategy::Exponential,
    };
    let poison = match poison {
        Poison::DeadLetter => SubscriptionPoisonPolicy::DeadLetter,
        Poison::Block => SubscriptionPoisonPolicy::Block,
        Poison::Drop => SubscriptionPoisonPolicy::Drop,
    };
    SubscriptionFailurePolicy {
        max_redelivery_count,
        ack_timeout_ms: millis(ack_timeout),
        base_redelivery_delay_ms: millis(base_redelivery_delay),
        max_redelivery_delay_ms: millis(max_redelivery_delay),
        backoff_strategy: backoff.into(),
        dead_letter_topic,
        poison_policy: poison.into(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
