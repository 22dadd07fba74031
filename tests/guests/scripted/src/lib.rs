//! A sink for tests that does what it is told. Its settings say how it starts; a record whose payload is
//! `{"do": "..."}` says what happens to it. All other records are posted, a batch per request, with their metadata.

use std::hint::black_box;

use danube_sink::{
    Batch, ConsumerConfig, Context, Error, Outcomes, Record, Result, Sink, error, http::Request, info, register, warn,
};
use serde::Deserialize;

/// How the sink starts, and where it writes.
#[derive(Deserialize)]
struct Settings {
    /// Where batches are posted; nowhere if it is absent, and then records count as written.
    url: Option<String>,
    /// What `initialize` answers instead of starting.
    start: Option<Start>,
    /// A pair that is asked for besides the mappings.
    ask_for: Option<(String, String)>,
    /// Posts `goodbye` when the host says that it is over.
    #[serde(default)]
    goodbye: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Start {
    Fatal,
    Panic,
    Spin,
    /// Asks to be started later until the health page of the endpoint answers.
    WhenReachable,
}

/// What a record asks for.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Order {
    /// Retryable until this attempt.
    Retry {
        until: u32,
    },
    Reject,
    Fatal,
    Panic,
    Spin,
    Allocate,
    Log {
        text: String,
    },
}

struct Scripted {
    settings: Settings,
}

impl Sink for Scripted {
    type Config = Settings;

    fn initialize(settings: Settings, _: &Context) -> Result<Self> {
        match settings.start {
            None => {}
            Some(Start::Fatal) => return Err(Error::fatal("told to fail at the start")),
            Some(Start::Panic) => panic!("told to panic at the start"),
            Some(Start::Spin) => spin(),
            Some(Start::WhenReachable) => post(&settings, "/start", "")?,
        }
        Ok(Self { settings })
    }

    fn consumer_configs(&self, context: &Context) -> Result<Vec<ConsumerConfig>> {
        let mut configs = context.consumer_configs()?;
        let asked = self.settings.ask_for.as_ref();
        configs.extend(asked.map(|(topic, subscription)| ConsumerConfig::new(topic, subscription)));
        Ok(configs)
    }

    fn process_batch(&mut self, batch: &Batch) -> Result<Outcomes> {
        let mut outcomes = Outcomes::written();
        let mut lines = Vec::new();
        for (index, record) in batch.iter().enumerate() {
            match serde_json::from_str(record.text().unwrap_or_default()) {
                Ok(order) => outcomes.set(index, obey(&order, batch, record))?,
                Err(_) => lines.push(record.envelope_line()),
            }
        }
        if !lines.is_empty() {
            let body = format!(r#"{{"attempt":{},"records":[{}]}}"#, batch.attempt(), lines.join(","));
            post(&self.settings, "", &body)?;
        }
        Ok(outcomes)
    }

    fn shutdown(&mut self) -> Result<()> {
        if self.settings.goodbye { post(&self.settings, "/goodbye", "") } else { Ok(()) }
    }
}

fn obey(order: &Order, batch: &Batch, record: &Record) -> Result<()> {
    match order {
        Order::Retry { until } if batch.attempt() < *until => Err(Error::retryable("told to try again")),
        Order::Retry { until: _ } => Ok(()),
        Order::Reject => Err(Error::rejected(format!("told to reject {}", record.offset()))),
        Order::Fatal => Err(Error::fatal("told to give up")),
        Order::Panic => panic!("told to panic"),
        Order::Spin => spin(),
        Order::Allocate => allocate(),
        Order::Log { text } => {
            info!("info {text}");
            warn!("warn {text}");
            error!("error {text}");
            println!("stdout {text}");
            Ok(())
        }
    }
}

fn post(settings: &Settings, path: &str, body: &str) -> Result<()> {
    let Some(url) = &settings.url else { return Ok(()) };
    Request::post(format!("{url}{path}")).text(body).send()?.check_status()
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn allocate() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

register!(Scripted);
