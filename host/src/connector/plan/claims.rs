//! Which subscriptions belong to which connector of a host. A connector owns the pairs of its mappings, and subscriptions
//! that begin with its name; where two names fit, as `orders` and `orders-eu` do for `orders-eu-1`, the longer one owns it.

use super::is_own_subscription;
use crate::config::Config;

/// The claims of all connectors of a host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims(Vec<Claim>);

#[derive(Debug, Clone)]
struct Claim {
    connector: String,
    /// Topics and subscriptions of its mappings.
    pairs: Vec<(String, String)>,
}

impl Claims {
    /// Those of the connectors that are to run.
    pub(crate) fn of(configs: &[Config]) -> Self {
        let claim = |config: &Config| Claim {
            connector: config.connector_name.clone(),
            pairs: config
                .mappings
                .iter()
                .map(|mapping| (mapping.topic.clone(), mapping.subscription.clone()))
                .collect(),
        };
        Self(configs.iter().map(claim).collect())
    }

    /// The connector that a subscription belongs to more than to `connector`, whose name it begins with.
    pub(super) fn owner(&self, connector: &str, topic: &str, subscription: &str) -> Option<&str> {
        let owns = |claim: &&Claim| {
            let by_name = is_own_subscription(&claim.connector, subscription);
            let maps = claim.pairs.iter().any(|pair| (pair.0.as_str(), pair.1.as_str()) == (topic, subscription));
            maps || (by_name && claim.connector.len() > connector.len())
        };
        self.0.iter().filter(|claim| claim.connector != connector).find(owns).map(|claim| claim.connector.as_str())
    }
}
