//! A sink for tests that does what it is told. Its settings say how it starts; a record whose payload is
//! `{"do": "..."}` says what happens to it. All other records are posted, a batch per request, with their metadata. With a
//! `judge` it is the endpoint that says what happens to each record.

mod judged;
mod surroundings;

use std::{hint::black_box, time::Duration};

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
    /// Writes behind a record that asks for another try, whatever the order of the batch.
    #[serde(default)]
    ignores_order: bool,
    /// Posts `goodbye` when the host says that it is over.
    #[serde(default)]
    goodbye: bool,
    /// Who says what becomes of records: the endpoint, for all of a batch in one answer or for each in its own.
    judge: Option<judged::By>,
    /// A page that each batch asks first. It panics unless the answer is good.
    dies_unless: Option<String>,
    /// Bytes that each call takes and never gives back.
    #[serde(default)]
    leaks: usize,
    /// Where `health-check` looks. Without it the sink is always well.
    health_url: Option<String>,
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
enum Command {
    /// Retryable until this attempt, then posted with the others.
    Retry {
        until: u32,
    },
    /// Retryable.
    Later {
        after_ms: Option<u64>,
    },
    Written,
    Reject,
    Fatal,
    Panic,
    Spin,
    Allocate,
    Log {
        text: String,
    },
    /// Appends so many bytes to a file; rejected if it can't.
    Append {
        path: String,
        bytes: usize,
    },
    /// Rejected, with what a file holds.
    Read {
        path: String,
    },
    /// Rejected, with what a TCP server answers to a text, or why it does not.
    Connect {
        to: String,
        text: String,
    },
    /// The same with one datagram.
    Send {
        to: String,
        text: String,
    },
    /// Rejected, with all that it sees of its surroundings.
    LookAround,
}

/// A target that does not answer is not well.
const HEALTH_TIMEOUT: Duration = Duration::from_millis(300);

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
        std::mem::forget(black_box(vec![1_u8; self.settings.leaks]));
        if let Some(page) = &self.settings.dies_unless {
            let answer = Request::post(page).text("how am I").send();
            assert!(answer.is_ok_and(|answer| answer.is_success()), "told to die of everything");
        }
        if let Some(by) = self.settings.judge {
            return judged::write(by, &self.settings, batch);
        }
        let mut lines = Vec::new();
        let write = |record: &Record| {
            if is_posted(batch, record)? {
                lines.push(record.envelope_line());
            }
            Ok(())
        };
        let outcomes = if self.settings.ignores_order { regardless(batch, write) } else { batch.process_each(write) }?;
        if !lines.is_empty() {
            let body = format!(r#"{{"attempt":{},"records":[{}]}}"#, batch.attempt(), lines.join(","));
            post(&self.settings, "", &body)?;
        }
        Ok(outcomes)
    }

    fn health_check(&mut self) -> Result<()> {
        let Some(url) = &self.settings.health_url else { return Ok(()) };
        Request::get(url)
            .timeout(HEALTH_TIMEOUT)
            .send()?
            .check_status()
            .map_err(|error| Error::retryable(error.reason()))
    }

    fn shutdown(&mut self) -> Result<()> {
        if self.settings.goodbye { post(&self.settings, "/goodbye", "") } else { Ok(()) }
    }
}

/// What [`Batch::process_each`] does, but for the order.
fn regardless(batch: &Batch, mut write: impl FnMut(&Record) -> Result<()>) -> Result<Outcomes> {
    let mut outcomes = Outcomes::written();
    batch.iter().enumerate().try_for_each(|(index, record)| outcomes.set(index, write(record)))?;
    Ok(outcomes)
}

/// Does what a record says. Whether it is to be posted as well.
fn is_posted(batch: &Batch, record: &Record) -> Result<bool> {
    match serde_json::from_str(record.text().unwrap_or_default()) {
        Ok(command) => obey(command, batch, record),
        Err(_) => Ok(true),
    }
}

fn obey(command: Command, batch: &Batch, record: &Record) -> Result<bool> {
    match command {
        Command::Retry { until } if batch.attempt() < until => Err(Error::retryable("told to try again")),
        Command::Later { after_ms } => {
            let error = Error::retryable("told to try again later");
            Err(after_ms.map_or(error.clone(), |pause| error.after(Duration::from_millis(pause))))
        }
        Command::Retry { until: _ } => Ok(true),
        Command::Written => Ok(false),
        Command::Reject => Err(Error::rejected(format!("told to reject {}", record.offset()))),
        Command::Fatal => Err(Error::fatal("told to give up")),
        Command::Panic => panic!("told to panic"),
        Command::Spin => spin(),
        Command::Allocate => allocate(),
        Command::Log { text } => {
            info!("info {text}");
            warn!("warn {text}");
            error!("error {text}");
            println!("stdout {text}");
            Ok(false)
        }
        Command::Append { path, bytes } => surroundings::append(&path, bytes).map(|()| false),
        Command::Read { path } => Err(Error::rejected(surroundings::read(&path))),
        Command::Connect { to, text } => Err(Error::rejected(surroundings::connect(&to, &text))),
        Command::Send { to, text } => Err(Error::rejected(surroundings::send(&to, &text))),
        Command::LookAround => Err(Error::rejected(surroundings::all())),
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
