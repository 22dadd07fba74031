//! What the ledger knows of records that come, go and come again.

use super::*;
use crate::broker::Answers;

fn delivery(offset: u64) -> Delivery {
    Answers::recorded().delivery(offset, "{}")
}

fn of_key(offset: u64, key: &str) -> Delivery {
    let mut delivery = delivery(offset);
    delivery.content.routing_key = Some(key.to_owned());
    delivery
}

fn ledger(order: Order) -> Ledger {
    Ledger::of(order, Deliveries::default(), Gauge::default())
}

/// Takes it in and acknowledges it.
fn settle(ledger: &Ledger, delivery: &Delivery) {
    ledger.take(delivery);
    assert!(ledger.answering(&delivery.receipt));
    ledger.answered(&delivery.receipt);
}

#[test]
fn what_is_in_hand_is_a_duplicate_and_what_is_settled_stays_so() {
    let ledger = ledger(Order::Any);
    let first = delivery(1);
    assert_eq!(ledger.take(&first).0, Arrival::New { again: false });
    assert_eq!(ledger.take(&delivery(1)).0, Arrival::Duplicate);
    assert_eq!(ledger.unanswered(), 1);
    assert!(ledger.answering(&first.receipt));
    assert_eq!(ledger.unanswered(), 0);
    ledger.answered(&first.receipt);
    assert_eq!(ledger.take(&delivery(1)).0, Arrival::Settled);
    assert_eq!((ledger.unanswered(), ledger.deliveries(&first.receipt)), (1, 3));
}

#[test]
fn what_went_back_comes_again_unless_it_was_settled_meanwhile() {
    let ledger = ledger(Order::Any);
    let (written, other) = (delivery(0), delivery(1));
    ledger.take(&written);
    ledger.take(&other);
    ledger.returned();
    assert_eq!((ledger.unanswered(), ledger.gauge.get()), (0, 0));
    ledger.settled(&written.receipt);
    assert_eq!(ledger.untold(), 1);
    assert_eq!(ledger.take(&delivery(0)).0, Arrival::Settled);
    assert_eq!(ledger.take(&delivery(1)).0, Arrival::New { again: true });
    assert_eq!(ledger.untold(), 0);
    assert_eq!((ledger.unanswered(), ledger.gauge.get()), (2, 2));
}

#[test]
fn another_record_with_the_offset_of_a_settled_one_is_new() {
    let ledger = ledger(Order::Any);
    let old = delivery(1);
    settle(&ledger, &old);
    let mut other = delivery(1);
    other.receipt.restamp(77);
    assert_eq!(ledger.take(&other).0, Arrival::New { again: false });
    assert!(!ledger.answering(&old.receipt), "an answer to the old one would settle the new one");
    ledger.settled(&old.receipt);
    assert_eq!(ledger.take(&other).0, Arrival::Duplicate, "what settles the old one does not settle the new one");
}

#[test]
fn a_record_may_take_the_place_of_one_that_is_being_acknowledged() {
    let ledger = ledger(Order::Any);
    let (old, mut new) = (delivery(1), delivery(1));
    new.receipt.restamp(77);
    assert_eq!(ledger.take(&old).0, Arrival::New { again: false });
    assert!(ledger.answering(&old.receipt));
    assert_eq!(ledger.take(&new).0, Arrival::New { again: false });
    assert!(ledger.answering(&new.receipt));
    assert_eq!(ledger.unanswered(), 0);
    ledger.answered(&old.receipt);
    ledger.answered(&new.receipt);
    assert_eq!((ledger.unanswered(), ledger.gauge.get()), (0, 0));
    assert_eq!(ledger.take(&new).0, Arrival::Settled);
}

#[test]
fn behind_a_record_that_an_earlier_host_wrote_everything_is_written_again() {
    let ledger = ledger(Order::Strict);
    settle(&ledger, &delivery(4));
    let in_hand = delivery(5);
    ledger.take(&in_hand);

    assert_eq!(ledger.take(&delivery(2)).0, Arrival::New { again: false });
    assert_eq!((ledger.unanswered(), ledger.gauge.get()), (1, 1));
    assert!(!ledger.answering(&in_hand.receipt), "the broker would not send it again");
    ledger.settled(&in_hand.receipt);
    assert_eq!(ledger.untold(), 0, "what was written before the older record does not count");

    assert_eq!(ledger.take(&delivery(3)).0, Arrival::New { again: false });
    assert_eq!(ledger.take(&delivery(4)).0, Arrival::New { again: true });
    let again = delivery(5);
    assert_eq!(ledger.take(&again).0, Arrival::New { again: true });
    assert!(!ledger.answering(&in_hand.receipt));
    assert!(ledger.answering(&again.receipt));
}

#[test]
fn a_broker_that_goes_back_to_what_this_lane_wrote_is_told_so() {
    let ledger = ledger(Order::Strict);
    let written: Vec<_> = (2..6).map(delivery).collect();
    written.iter().for_each(|delivery| settle(&ledger, delivery));
    for offset in 2..6 {
        assert_eq!(ledger.take(&delivery(offset)).0, Arrival::Settled);
    }
}

#[test]
fn going_back_is_a_matter_of_one_key_where_the_order_is_by_key() {
    let ledger = ledger(Order::ByKey);
    settle(&ledger, &of_key(4, "a"));
    settle(&ledger, &of_key(5, "b"));
    assert_eq!(ledger.take(&of_key(3, "a")).0, Arrival::New { again: false });
    assert_eq!(ledger.take(&of_key(4, "a")).0, Arrival::New { again: true });
    assert_eq!(ledger.take(&of_key(5, "b")).0, Arrival::Settled);
}

#[test]
fn memory_is_bounded() {
    let ledger = ledger(Order::ByKey);
    let in_hand = u64::MAX;
    ledger.take(&delivery(in_hand));
    for offset in 0..REMEMBERED as u64 + 10 {
        let delivery = of_key(offset, &offset.to_string());
        ledger.take(&delivery);
        ledger.settled(&delivery.receipt);
    }
    assert_eq!(ledger.lock().records.len(), REMEMBERED + 1);
    assert_eq!(ledger.lock().newest.len(), REMEMBERED + 1);
    assert_eq!(ledger.take(&of_key(0, "0")).0, Arrival::New { again: false });
    let newest = REMEMBERED as u64 + 9;
    assert_eq!(ledger.take(&of_key(newest, &newest.to_string())).0, Arrival::Settled);
    assert_eq!(ledger.take(&delivery(in_hand)).0, Arrival::Duplicate);
}
