//! Posts each batch as a JSON array that shows all of every record, and does what the answer says. There is one in each
//! language, and one suite for all of them.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use danube_sink::{
    Batch, Context, Error, Order, Outcomes, PayloadKind, Record, Result, SchemaInfo, Sink, TopicMappings,
    http::Request, info, register,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    url: String,
    health_url: Option<String>,
    #[serde(rename = "topic_mappings")]
    _topic_mappings: TopicMappings,
}

/// All of a record.
#[derive(Serialize)]
struct Shown<'a> {
    topic: &'a str,
    offset: u64,
    publish_time: u64,
    producer: &'a str,
    partition: Option<u32>,
    key: Option<&'a str>,
    attributes: BTreeMap<&'a str, &'a str>,
    schema: Option<&'a SchemaInfo>,
    kind: &'static str,
    payload: Box<RawValue>,
    attempt: u32,
    order: &'static str,
}

/// What the endpoint says of a record.
#[derive(Deserialize)]
struct Said {
    index: usize,
    retry: Option<String>,
    reject: Option<String>,
    after_ms: Option<u64>,
}

/// What a record tells the sink to do.
#[derive(Default, Deserialize)]
struct Told {
    #[serde(default)]
    crash: bool,
}

struct EchoHttp {
    config: Config,
}

impl Sink for EchoHttp {
    type Config = Config;

    fn initialize(config: Config, context: &Context) -> Result<Self> {
        info!("instance {} posts to {}", context.instance(), config.url);
        Ok(Self { config })
    }

    fn process_batch(&mut self, batch: &Batch) -> Result<Outcomes> {
        let told = |record: &Record| record.as_type::<Told>().unwrap_or_default();
        assert!(!batch.iter().any(|record| told(record).crash), "told to crash");
        let shown: Vec<_> = batch.iter().map(|record| shown(record, batch)).collect::<Result<_>>()?;
        let response = Request::post(&self.config.url).json(&shown).send()?;
        response.check_status()?;
        let said: Vec<Said> = match response.text().trim_start().starts_with('[') {
            true => response.json()?,
            false => Vec::new(),
        };
        let mut outcomes = Outcomes::written();
        for Said { index, retry, reject, after_ms } in said {
            match (retry, reject) {
                (Some(reason), _) => outcomes.retry([index], &reason, after_ms.map(Duration::from_millis)),
                (None, Some(reason)) => outcomes.reject([index], &reason),
                (None, None) => {}
            }
        }
        Ok(outcomes)
    }

    fn health_check(&mut self) -> Result<()> {
        let Some(url) = &self.config.health_url else { return Ok(()) };
        let response = Request::get(url).send()?;
        if response.is_success() {
            return Ok(());
        }
        Err(Error::retryable(format!("health_url: status {}", response.status())))
    }

    fn shutdown(&mut self) -> Result<()> {
        let body = serde_json::json!({ "shutdown": true });
        Request::post(&self.config.url).json(&body).send()?.check_status()
    }
}

fn shown<'a>(record: &'a Record, batch: &'a Batch) -> Result<Shown<'a>> {
    let (kind, payload) = match record.kind() {
        // As it came, with every digit.
        PayloadKind::Json => ("json", record.text().unwrap_or_default().to_owned()),
        PayloadKind::Text => ("text", serde_json::to_string(record.text().unwrap_or_default())?),
        PayloadKind::Binary => ("binary", serde_json::to_string(&STANDARD.encode(record.bytes()))?),
    };
    Ok(Shown {
        topic: record.topic(),
        offset: record.offset(),
        publish_time: record.publish_time(),
        producer: record.producer_name(),
        partition: record.partition(),
        key: record.routing_key(),
        attributes: record.attributes().iter().collect(),
        schema: record.schema(),
        kind,
        payload: RawValue::from_string(payload)?,
        attempt: batch.attempt(),
        order: match batch.order() {
            Order::Any => "any",
            Order::ByKey => "by-key",
            Order::Strict => "strict",
        },
    })
}

register!(EchoHttp);
