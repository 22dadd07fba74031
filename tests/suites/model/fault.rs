//! The faults of a schedule, and how they are brought about.

use std::time::Duration;

use danube_dev_broker::{Call, Times};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use tonic::Status;

use super::{
    ledger::Outage,
    schedule::{ACK_TIMEOUT, Kind, Schedule},
    world::World,
};

/// Something that goes wrong.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    DropStreams,
    CloseConnections,
    RestartBroker {
        pause_ms: u64,
    },
    LoseAcks {
        count: u64,
    },
    DelayAcks {
        ms: u64,
        lasts_ms: u64,
    },
    Refuse {
        call: Call,
        count: u64,
    },
    Outage {
        how: Outage,
        lasts_ms: u64,
    },
    /// SIGTERM, and a new host when it has ended.
    RestartHost,
    /// SIGKILL, and a new host at once.
    KillHost,
}

/// The kinds of faults that a schedule draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    DropStreams,
    CloseConnections,
    RestartBroker,
    LoseAcks,
    DelayAcks,
    Refuse,
    Outage,
    RestartHost,
    KillHost,
}

impl Fault {
    /// What may happen in a schedule.
    pub(super) fn choice(schedule: &Schedule) -> Vec<Source> {
        let mut sources = vec![
            Source::DropStreams,
            Source::CloseConnections,
            Source::LoseAcks,
            Source::DelayAcks,
            Source::Refuse,
            Source::Outage,
            Source::RestartHost,
            Source::KillHost,
        ];
        // A broker that starts anew gives the keys to whoever comes first, while another instance may still be writing
        // what it got of them: no host can take a call back.
        if schedule.kind != Kind::KeyShared || schedule.instances == 1 {
            sources.push(Source::RestartBroker);
        }
        sources
    }

    pub(super) fn draw(rng: &mut ChaCha8Rng, kind: Kind, sources: &[Source]) -> Self {
        match sources.choose(rng).unwrap() {
            Source::DropStreams => Self::DropStreams,
            Source::CloseConnections => Self::CloseConnections,
            Source::RestartBroker => Self::RestartBroker { pause_ms: rng.random_range(20..1500) },
            Source::LoseAcks => Self::LoseAcks { count: rng.random_range(1..=5) },
            Source::DelayAcks => {
                Self::DelayAcks { ms: rng.random_range(5..300), lasts_ms: rng.random_range(100..1000) }
            }
            Source::Refuse => {
                // The host's pauses between tries grow to five seconds. They are short next to the ack timeout of a real
                // broker, but not next to the one here, and a consumer that has no stream yet is sent records all the same.
                let calls = [
                    (Call::Ack, 6),
                    (Call::SendMessage, 6),
                    (Call::Lookup, 2),
                    (Call::Subscribe, 2),
                    (Call::ReceiveMessages, 1),
                ];
                let (call, most) = *calls.choose(rng).unwrap();
                Self::Refuse { call, count: rng.random_range(1..=most) }
            }
            Source::Outage => {
                let ways = [Outage::Unavailable, Outage::Broken, Outage::Silent, Outage::Down];
                let ack_timeout = u64::try_from(ACK_TIMEOUT.as_millis()).unwrap();
                // A Key-Shared consumer that goes away loses what it holds, so that the host has to stay, and every ack
                // timeout costs a delivery.
                let most = if kind == Kind::KeyShared { ack_timeout } else { 2 * ack_timeout };
                Self::Outage { how: *ways.choose(rng).unwrap(), lasts_ms: rng.random_range(100..most) }
            }
            Source::RestartHost => Self::RestartHost,
            Source::KillHost => Self::KillHost,
        }
    }

    /// Whether the host goes, and with it what it knows.
    pub(super) fn ends_the_host(self) -> bool {
        match self {
            Self::RestartHost | Self::KillHost => true,
            Self::DropStreams
            | Self::CloseConnections
            | Self::RestartBroker { .. }
            | Self::LoseAcks { .. }
            | Self::DelayAcks { .. }
            | Self::Refuse { .. }
            | Self::Outage { .. } => false,
        }
    }

    /// Whether records in flight are delivered again for it, which the broker does five times and no more.
    pub(super) fn costs_a_delivery(self) -> bool {
        match self {
            Self::DropStreams | Self::CloseConnections | Self::LoseAcks { .. } | Self::Outage { .. } => true,
            Self::RestartHost | Self::KillHost | Self::Refuse { .. } => true,
            Self::RestartBroker { .. } | Self::DelayAcks { .. } => false,
        }
    }

    /// Brings it about, has `meanwhile` records published as soon as that is possible, and puts an end to it.
    pub(super) async fn strike(self, world: &mut World, meanwhile: usize) {
        let faults = world.rig.dev().faults();
        match self {
            Self::DropStreams => {
                faults.drop_streams(world.topic.name(), None);
            }
            Self::CloseConnections => {
                faults.close_connections();
                world.reopen().await;
            }
            Self::RestartBroker { pause_ms } => {
                world.rig.dev().restart(Duration::from_millis(pause_ms)).await.unwrap();
                world.reopen().await;
            }
            Self::LoseAcks { count } => faults.lose_acks(count),
            Self::DelayAcks { ms, .. } => faults.delay_acks(Duration::from_millis(ms)),
            Self::Refuse { call, count } => {
                faults.refuse(call, Status::unavailable("told to refuse"), Times::Next(count));
                if matches!(call, Call::Subscribe | Call::ReceiveMessages | Call::Lookup) {
                    faults.drop_streams(world.topic.name(), None);
                }
            }
            Self::Outage { how, .. } => world.begin_outage(how).await,
            Self::RestartHost => world.restart_host().await,
            Self::KillHost => world.kill_host().await,
        }
        world.publish(meanwhile).await;
        match self {
            Self::DelayAcks { lasts_ms, .. } => {
                tokio::time::sleep(Duration::from_millis(lasts_ms)).await;
                faults.delay_acks(Duration::ZERO);
            }
            Self::Outage { how, lasts_ms } => {
                tokio::time::sleep(Duration::from_millis(lasts_ms)).await;
                world.end_outage(how).await;
            }
            Self::DropStreams
            | Self::CloseConnections
            | Self::RestartBroker { .. }
            | Self::LoseAcks { .. }
            | Self::Refuse { .. }
            | Self::RestartHost
            | Self::KillHost => {}
        }
    }
}
