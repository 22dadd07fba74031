//! A target that is away for longer than the broker is willing to send a record: nothing is lost, the subscription goes on,
//! and no record is sent too often meanwhile, whether the guest knows that its target is away or not.

use danube_wasm_tests::{
    endpoint::Answer,
    rig::{Connector, Rig, SCALED_ACK_TIMEOUT, Topic, scaled},
};

use crate::{distinct_numbers, numbered, order::walk};

/// Longer than the broker takes to give up a record that nobody answers for: six sends, each with its ack timeout, and the
/// pauses between them.
const LONG: u32 = 8;

/// How the target is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Away {
    Down,
    Unavailable,
    Silent,
}

fn numbered_from(first: usize, count: usize) -> Vec<String> {
    numbered(first + count).split_off(first)
}

/// Takes the target away for long while records wait for it, and sees that all of them and later ones arrive.
async fn survives(kind: &str, away: Away, make: fn(&Rig, &Topic) -> Connector) {
    let Some(rig) = Rig::in_memory_with("it needs short ack timeouts", scaled()).await else { return };
    let topic = rig.topic().await;
    let connector = make(&rig, &topic).scaled().mapping("subscription_type", kind);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish(&topic, numbered(5)).await;
    rig.endpoint.until_records(5).await;
    match away {
        Away::Down => rig.endpoint.go_down().await,
        Away::Unavailable => rig.endpoint.answer_always(Answer::status(503)),
        Away::Silent => rig.endpoint.answer_always(Answer::broken().after(SCALED_ACK_TIMEOUT * 2 * LONG)),
    }
    rig.publish(&topic, numbered_from(5, 30)).await;
    host.until_reported(&connector, "parked").await;
    tokio::time::sleep(SCALED_ACK_TIMEOUT * LONG).await;
    // The same ten records are in the window all the time. Each may be sent six times, and a record that was sent more often
    // is given up at its next ack timeout, whenever that is.
    let it = rig.subscription(topic.name());
    assert!(it.exhausted == 0 && it.redeliveries <= 5 * 10, "{kind}, {away:?}: {it:?}");
    match away {
        Away::Down => rig.endpoint.come_back().await,
        Away::Unavailable | Away::Silent => rig.endpoint.answer_always(Answer::status(200)),
    }
    rig.publish(&topic, numbered_from(35, 15)).await;
    let records = rig.endpoint.until_records(50).await;
    rig.until_at_rest(&topic).await;
    assert_eq!(distinct_numbers(&records), Vec::from_iter(0..50), "{kind}, {away:?}");
    if kind != "Shared" {
        let written = crate::numbers(&rig.endpoint.records());
        assert_eq!(walk(&written, &Vec::from_iter(0..50)), None, "{kind}, {away:?}");
    }
    host.until_ready().await;
}

/// Its health check tells the truth.
fn truthful(rig: &Rig, topic: &Topic) -> Connector {
    rig.http(topic).set("settings.health_url", format!("{}/health", rig.endpoint.url()))
}

/// It has no health check that could tell, and always says that it is well.
fn unsuspecting(rig: &Rig, topic: &Topic) -> Connector {
    rig.http(topic)
}

/// It says that it is well because the page that it looks at is another one than that which it writes to; and it waits for
/// answers until the host ends the call.
fn lying(rig: &Rig, topic: &Topic) -> Connector {
    rig.scripted(topic)
}

#[tokio::test]
async fn shared_with_a_truthful_health_check() {
    tokio::join!(
        survives("Shared", Away::Down, truthful),
        survives("Shared", Away::Unavailable, truthful),
        survives("Shared", Away::Silent, truthful)
    );
}

#[tokio::test]
async fn in_order_with_a_truthful_health_check() {
    tokio::join!(
        survives("Exclusive", Away::Down, truthful),
        survives("Exclusive", Away::Unavailable, truthful),
        survives("Exclusive", Away::Silent, truthful),
        survives("Failover", Away::Unavailable, truthful)
    );
}

#[tokio::test]
async fn shared_without_a_health_check() {
    tokio::join!(
        survives("Shared", Away::Down, unsuspecting),
        survives("Shared", Away::Unavailable, unsuspecting),
        survives("Shared", Away::Silent, unsuspecting)
    );
}

#[tokio::test]
async fn in_order_without_a_health_check() {
    tokio::join!(
        survives("Exclusive", Away::Down, unsuspecting),
        survives("Exclusive", Away::Unavailable, unsuspecting),
        survives("Failover", Away::Silent, unsuspecting)
    );
}

#[tokio::test]
async fn with_a_guest_that_says_it_is_well_while_its_writes_fail() {
    tokio::join!(survives("Shared", Away::Unavailable, lying), survives("Exclusive", Away::Unavailable, lying));
}
