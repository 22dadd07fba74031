//! The model test: schedules of faults that are drawn from seeds, played against the command as a process, and checked
//! against what must hold whatever happens. `MODEL_SEEDS=1000..1100 cargo test -p danube-wasm-tests model -- --nocapture`
//! plays others than the usual ones; a single number plays one.

mod connector;
mod fault;
mod invariants;
mod ledger;
mod schedule;
mod target;
mod world;

use std::{ops::Range, time::Instant};

use danube_wasm::config::Environment;
use futures::{StreamExt, stream};

use schedule::Schedule;
use world::World;

/// What is played where nobody says otherwise.
const USUAL: Range<u64> = 0..12;

/// How many worlds exist at a time. They mostly wait.
const AT_ONCE: usize = 8;

fn seeds() -> Range<u64> {
    let environment = Environment::from_process();
    let Some(text) = environment.get("MODEL_SEEDS") else { return USUAL };
    let number = |text: &str| text.trim().parse::<u64>().expect("MODEL_SEEDS is `1000..1100` or a number");
    match text.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(text)..number(text) + 1,
    }
}

/// Plays one seed and tells how it went. An error: the whole story.
async fn play(seed: u64) -> Result<(), String> {
    let schedule = Schedule::new(seed);
    let begun = Instant::now();
    let Some(ended) = World::play(&schedule).await else { return Ok(()) };
    let line = format!(
        "seed {seed}: {} records, {} requests, {} faults, {:.1?}",
        ended.published,
        ended.requests,
        schedule.steps.len(),
        begun.elapsed()
    );
    if ended.wrong.is_empty() {
        println!("{line}: well");
        return Ok(());
    }
    println!("{line}: WRONG: {}", ended.wrong[0]);
    Err(format!(
        "seed {seed}:\n  {}\nwhat is wrong:\n{}\nthe host's last words:\n{}\nplay it again:\n  MODEL_SEEDS={seed} cargo \
         test -p danube-wasm-tests model -- --nocapture\n",
        schedule,
        ended.wrong.iter().take(20).map(|it| format!("  - {it}\n")).collect::<String>(),
        ended.last_words
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_record_is_written_or_dead_lettered_in_order_and_only_then_acknowledged() {
    let _machine = crate::MACHINE.lock().await;
    let stories = stream::iter(seeds()).map(|seed| async move {
        match tokio::spawn(play(seed)).await {
            Ok(result) => result.err(),
            Err(error) => Some(format!("seed {seed}: {error}")),
        }
    });
    let failed: Vec<String> = stories.buffer_unordered(AT_ONCE).filter_map(|story| async { story }).collect().await;
    assert!(failed.is_empty(), "{} seeds failed\n\n{}", failed.len(), failed.join("\n"));
}
