//! The connector of a schedule, and the process that runs it.

use std::path::{Path, PathBuf};

use danube_wasm_tests::{
    process::Process,
    rig::{CACHE, Rig, Topic},
};

use super::schedule::{ACK_TIMEOUT, Schedule};
use crate::COMMAND;

/// Writes the connector's file of a schedule.
pub(super) fn connector_file(rig: &Rig, topic: &Topic, schedule: &Schedule, dead_letter_topic: &str) -> PathBuf {
    let judge = if schedule.guest.by_record { "record" } else { "batch" };
    let connector =
        rig.scripted(topic).set("settings.judge", judge).set("settings.ignores_order", schedule.guest.careless);
    let connector = match schedule.guest.health_check {
        true => connector.set("settings.health_url", format!("{}/health", rig.endpoint.url())),
        false => connector,
    };
    let connector = connector
        .mapping("subscription_type", schedule.kind.name())
        .mapping("batch_size", schedule.batch_size)
        .set("instances", schedule.instances)
        .set("retry.max_retries", schedule.max_retries)
        .set("retry.retry_backoff_ms", schedule.retry_backoff_ms)
        .set("retry.max_backoff_ms", 10 * schedule.retry_backoff_ms)
        .set("broker.ack_timeout", format!("{}ms", ACK_TIMEOUT.as_millis()))
        .set("limits.call_timeout", format!("{}ms", schedule.call_timeout_ms))
        .set("limits.memory", "32MiB")
        .set("dead_letter.topic", dead_letter_topic);
    rig.write(&connector)
}

/// Starts the command with it.
pub(super) fn start_host(rig: &Rig, file: &Path) -> Process {
    let args = ["run", "--listen", "none", "--cache-dir", CACHE, file.to_str().unwrap()];
    Process::start_with(COMMAND, rig.folder(), &args, &[("RUST_LOG", "info"), ("NO_COLOR", "1")], "")
}
