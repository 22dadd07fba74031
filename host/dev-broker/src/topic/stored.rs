//! What the broker remembers about a subscription whether or not it is live: in the released broker these are keys of the
//! metadata store.

use crate::{policy::FailurePolicy, subscription::SubscriptionType};

/// The stored settings of one subscription.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// The type that it was created with.
    pub(crate) kind: Option<SubscriptionType>,
    pub(crate) policy: Option<FailurePolicy>,
    /// The window that was asked for.
    pub(crate) window: Option<u32>,
    /// After which acknowledged offset a subscription goes on that is not live yet: its cursor as it was stored last.
    pub(crate) resume_at: Option<u64>,
}

/// What a subscription is stored under: the released broker joins names to paths, and slashes at the end of a name are
/// lost on the way. So `a` and `a/` are two subscriptions with the same stored settings and the same cursor.
pub(crate) fn stored_key(subscription: &str) -> &str {
    subscription.trim_end_matches('/')
}

impl Stored {
    /// How many keys there are: the released broker lists a subscription once for each.
    pub(crate) fn keys(&self) -> usize {
        let Self { kind, policy, window, resume_at: _ } = self;
        usize::from(kind.is_some()) + usize::from(policy.is_some()) + usize::from(window.is_some())
    }

    /// Forgets what unsubscribing removes: everything but the window.
    pub(crate) fn unsubscribe(&mut self) {
        *self = Self { window: self.window, ..Self::default() };
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys() == 0 && self.resume_at.is_none()
    }
}
