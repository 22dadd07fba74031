//! Topics: the decision that a connector makes on what its guest asks to consume.

use super::Answer;
use crate::{
    config::Config,
    connector::{Claims, granted},
};

pub(super) fn explain(config: &Config, topic: &str, subscription: Option<&str>) -> Answer {
    let file = config.file.display();
    // Those of other files are not known here.
    let claims = Claims::default();
    let of_topic = config.mappings.iter().filter(|mapping| mapping.topic == topic);
    let candidates: Vec<&str> = match subscription {
        Some(subscription) => vec![subscription],
        None => of_topic.map(|mapping| mapping.subscription.as_str()).chain([config.connector_name.as_str()]).collect(),
    };
    let mut refusal = None;
    for subscription in candidates {
        let subject = format!("consume `{topic}` with subscription `{subscription}`");
        match granted(config, topic, subscription, &claims) {
            Ok(Some(mapping)) => {
                let text = format!("{file}:{}: a mapping names topic and subscription", mapping.line);
                return Answer::allow(subject).because("grant", text);
            }
            Ok(None) => {
                let pattern = config.capabilities.topics.iter().find(|pattern| pattern.matches(topic));
                let text = format!(
                    "{file}: `{}` under `topics`, for subscriptions that begin with `{}` and are no other connector's",
                    pattern.map_or(topic, |pattern| pattern.as_str()),
                    config.connector_name
                );
                return Answer::allow(subject).because("grant", text);
            }
            Err(error) => refusal = Some((subject, error.to_string())),
        }
    }
    let (subject, text) = refusal.unwrap_or_else(|| (format!("consume `{topic}`"), String::new()));
    let (why, help) = text.split_once("\nhelp: ").unwrap_or((&text, ""));
    Answer::deny(subject).because("grant", why.to_owned()).help(help.to_owned())
}
