//! The one administrative call that the host makes, where it is told the broker's admin address: asking for a window
//! that fits the batches. Danube 0.15.1 answers it well and ignores it, so nothing relies on it.

use danube_core::admin_proto::{
    SetSubscriptionDispatchConfigRequest, SubscriptionDispatchConfig, topic_admin_client::TopicAdminClient,
};

use super::{Broker, Error, SubscribeOptions, connection::call_at};

/// The range that the broker accepts.
const WINDOW: std::ops::RangeInclusive<u32> = 1..=10_000;

impl Broker {
    /// Asks for room for two batches on each partition: one that the guest works on, one that is collected meanwhile.
    /// Counts only before the subscription exists. Returns the window asked for.
    pub async fn ask_for_window(
        &self,
        admin_url: &str,
        options: &SubscribeOptions,
        batch_size: u32,
    ) -> Result<u32, Error> {
        let action = format!("set the window of `{}`", options.subscription);
        let window = batch_size.saturating_mul(2).clamp(*WINDOW.start(), *WINDOW.end());
        for topic in self.partitions(&options.topic).await? {
            let route = self.admin_route(admin_url, &topic).await?;
            let message = SetSubscriptionDispatchConfigRequest {
                topic,
                subscription: options.subscription.clone(),
                dispatch_config: Some(SubscriptionDispatchConfig { max_unacked_messages: window }),
            };
            let request = self.request(message, &route);
            let mut admin = TopicAdminClient::new(route.link);
            call_at(admin_url, &action, admin.set_subscription_dispatch_config(request)).await?;
        }
        Ok(window)
    }
}
