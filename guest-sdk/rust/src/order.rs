//! Among which records the order counts.

use crate::{Record, bindings::danube::sink::records};

/// Among which records of a batch the order counts. Those form a group, and groups are independent of each other. Within
/// a group records are written in the order given, and behind one that has to be tried again none is written in the same
/// call. A record that is rejected holds up nothing.
///
/// [`Batch::process_each`](crate::Batch::process_each) and [`Batch::waves`](crate::Batch::waves) see to that. A sink
/// that writes on all the same is given the record that asked for another try and everything behind it in its group
/// again, also what it said it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Among none: any order will do. What Shared promises.
    Any,
    /// Among those with the same [`order_key`](Record::order_key) in the same partition. What Key-Shared promises.
    ByKey,
    /// Among all or, on a topic with partitions, among all of one partition. What Exclusive and Failover promise.
    Strict,
}

/// Names a group.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group<'a> {
    partition: Option<u32>,
    key: Option<&'a str>,
}

impl Order {
    /// The group that a record belongs to. `None`: its place does not count.
    pub(crate) fn group(self, record: &Record) -> Option<Group<'_>> {
        let key = match self {
            Self::Any => return None,
            Self::ByKey => Some(record.order_key()),
            Self::Strict => None,
        };
        Some(Group { partition: record.partition(), key })
    }
}

impl From<records::Order> for Order {
    fn from(order: records::Order) -> Self {
        match order {
            records::Order::Any => Self::Any,
            records::Order::ByKey => Self::ByKey,
            records::Order::Strict => Self::Strict,
        }
    }
}

impl From<Order> for records::Order {
    fn from(order: Order) -> Self {
        match order {
            Order::Any => Self::Any,
            Order::ByKey => Self::ByKey,
            Order::Strict => Self::Strict,
        }
    }
}
