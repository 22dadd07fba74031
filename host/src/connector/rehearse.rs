//! A connector without a broker: its component, its grants, its lanes, and records that are known beforehand. What it sends
//! goes to a script. For `danube-wasm test`.

use std::sync::Arc;

use super::{Claims, Connector, Failure, build, first_answer, folders, observer, plan};
use crate::{
    capability::{http::Script, limit::LimitHits},
    config::Config,
    guest::{self, Component, Engine},
    metrics::Metrics,
    pipeline::{self, Call, End, Ended, Outcome, Processor, Published},
    placement::Threads,
    status::Status,
};

/// What is rehearsed.
pub(crate) struct Rehearsal {
    pub(crate) config: Config,
    pub(crate) engine: Engine,
    pub(crate) component: Component,
    pub(crate) script: Script,
}

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unrehearsed {
    #[error("{0}")]
    Connector(String),
    #[error("record {record}: nothing consumes the topic `{topic}`; what the connector consumes: {consumed}")]
    Topic { record: usize, topic: String, consumed: String },
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// How each record ended, in the order given.
    pub(crate) records: Vec<Ended>,
    pub(crate) calls: Vec<Call>,
    pub(crate) end: End,
}

impl Rehearsal {
    /// Starts the connector, gives each record to the lane of its topic (`None`: the first), lane by lane, and stops it.
    pub(crate) async fn run(self, records: Vec<(Option<String>, Published)>) -> Result<Seen, Unrehearsed> {
        let failed = |failure: Failure| Unrehearsed::Connector(failure.to_string());
        let Self { config, engine, component, script } = self;
        let hits = Arc::new(LimitHits::new(config.connector_name.as_str()));
        let folders = folders(&config, engine.cache_path(), hits.clone()).await;
        let folders = folders.map_err(|error| failed(Failure::Folders { error, file: config.file.clone() }))?;
        let observer = observer(&config);
        let gate = build::gate(&config, observer.clone(), hits, Some(script)).map_err(failed)?;
        let sockets = build::sockets(&config, observer, &gate).map_err(failed)?;
        let metrics = Arc::new(Metrics::default());
        let connector = Connector {
            claims: Arc::new(Claims::of(std::slice::from_ref(&config))),
            status: Status::new(metrics.clone()),
            metrics,
            engine,
            host_tag: "test".into(),
            threads: Threads::new().0,
            config,
        };
        let config = &connector.config;
        let options = |instance| build::instance_options(config, instance, &gate, &sockets, &folders);
        let processor = |instance| connector.processor(&component, options(instance));

        let mut first = processor(0);
        let mut tries = 0..=config.retry.max_retries;
        let asked = loop {
            match first_answer(&mut first).await {
                Ok(asked) => break asked,
                Err(guest::Error::Retryable { .. }) if tries.next().is_some() => {}
                Err(guest::Error::Retryable { reason, .. }) => {
                    return Ok(Seen::nothing(records.len(), End::Parked { reason }));
                }
                Err(error) => return Ok(Seen::nothing(records.len(), End::Failed { reason: error.to_string() })),
            }
        };
        let plans = plan::lanes(config, component.sha256(), asked, &connector.claims, &connector.host_tag);
        let mut plans = plans.map_err(|refusal| failed(Failure::Plan(Box::new(refusal))))?;
        // One instance of each topic does.
        plans.dedup_by(|next, lane| {
            next.policy.topic == lane.policy.topic && next.policy.subscription == lane.policy.subscription
        });

        let mut first = Some(first);
        let lanes = sorted(records, &plans)?;
        let mut seen = Seen::nothing(lanes.iter().map(Vec::len).sum(), End::Drained);
        for (instance, (plan, lane)) in (0u32..).zip(plans.iter().zip(lanes)) {
            let mut processor = first.take().unwrap_or_else(|| processor(instance));
            let (places, lane): (Vec<_>, Vec<_>) = lane.into_iter().unzip();
            let metrics = connector.metrics.lane(&config.connector_name, &plan.policy.topic);
            let (end, ended, calls) = pipeline::rehearse(&plan.policy, metrics, &mut processor, lane).await;
            processor.shutdown().await;
            for (place, ended) in places.into_iter().zip(ended) {
                seen.records[place] = ended;
            }
            seen.calls.extend(calls);
            if end != End::Drained {
                seen.end = end;
                break;
            }
        }
        Ok(seen)
    }
}

impl Seen {
    fn nothing(records: usize, end: End) -> Self {
        let unsettled = Ended { outcome: Outcome::Unsettled, retries: Vec::new() };
        Self { records: vec![unsettled; records], calls: Vec::new(), end }
    }
}

/// The records of each lane, with their places among all.
fn sorted(
    records: Vec<(Option<String>, Published)>,
    plans: &[plan::LanePlan],
) -> Result<Vec<Vec<(usize, Published)>>, Unrehearsed> {
    let mut lanes: Vec<Vec<_>> = plans.iter().map(|_| Vec::new()).collect();
    for (place, (topic, published)) in records.into_iter().enumerate() {
        let lane = match &topic {
            None => Some(0),
            Some(topic) => plans.iter().position(|plan| *plan.policy.topic == **topic),
        };
        let unknown = || Unrehearsed::Topic {
            record: place + 1,
            topic: topic.clone().unwrap_or_default(),
            consumed: plans.iter().map(|plan| format!("`{}`", plan.policy.topic)).collect::<Vec<_>>().join(", "),
        };
        lanes.get_mut(lane.ok_or_else(unknown)?).ok_or_else(unknown)?.push((place, published));
    }
    Ok(lanes)
}
