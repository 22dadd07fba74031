//! Where the time of a record goes: what each stage of the null sink's and of the HTTP sink's way takes.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Context, Stop, bed::Bed, endpoint::Endpoint, throughput};
use crate::stages::{self, Stage};

const RECORDS: usize = 40_000;

/// What was spent on each stage, by so many records.
struct Breakdown {
    sink: &'static str,
    records: usize,
    spent: [(Stage, Duration); Stage::ALL.len()],
    /// Microseconds for each record, of all that works in this process but the broker in memory.
    processor: f64,
}

pub(super) async fn show(context: &Context, json: bool) -> Result<(), Stop> {
    let (bed, endpoint, records) = (Bed::new(context, 1000).await?, Endpoint::start().await?, context.records(RECORDS));
    context.progress.say(format_args!("stages: null sink"));
    stages::begin();
    let null = throughput::null_once(context, &bed, 1000, records).await?;
    let null = Breakdown { sink: "null", records, spent: stages::end(), processor: null.processor };
    context.progress.say(format_args!("stages: HTTP sink"));
    stages::begin();
    let http = throughput::http_once(context, &bed, &endpoint, records).await?;
    let http = Breakdown { sink: "http", records, spent: stages::end(), processor: http.processor };
    if json {
        let all: Map<_, _> = [null, http].map(|sink| (sink.sink.to_owned(), sink.json())).into_iter().collect();
        println!("{}", Value::from(all));
    } else {
        context.progress.aside(|| print!("{}\n{}", null.table(), http.table()));
    }
    Ok(())
}

impl Breakdown {
    fn microseconds(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.records as f64
    }

    fn json(&self) -> Value {
        let stages: Map<_, _> = self
            .spent
            .map(|(stage, time)| (stage.name().to_owned(), self.microseconds(time).into()))
            .into_iter()
            .collect();
        json!({ "stages": stages, "processor": self.processor })
    }

    fn table(&self) -> String {
        let row = |(stage, time): &(Stage, Duration)| {
            let what = if stage.waits() { "waited" } else { "worked" };
            format!("{:<12} {:>10.2} us {what}\n", stage.name(), self.microseconds(*time))
        };
        let rows: String = self.spent.iter().map(row).collect();
        let Self { sink, processor, .. } = self;
        format!("{sink} sink, for each record\n{rows}{:<12} {processor:>10.2} us of processor time\n", "all")
    }
}
