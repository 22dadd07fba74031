//! The records that `dev` publishes when it is given none.

use crate::cli::records::Record;

/// Orders of an imaginary shop, always the same ones. Their prices are numbers that every language writes as it reads them.
pub(super) fn orders(count: usize) -> Vec<Record> {
    const CUSTOMERS: [&str; 5] = ["ada", "grace", "edsger", "barbara", "Zoë"];
    const ITEMS: [&str; 4] = ["teapot", "lamp", "chair", "notebook"];
    let order = |n: usize| {
        let (customer, item) = (CUSTOMERS[n % CUSTOMERS.len()], ITEMS[n % ITEMS.len()]);
        let (quantity, cents) = (n % 3 + 1, (n * 37) % 1_000 * 10 + 9);
        let payload = format!(
            r#"{{"order":{n},"customer":"{customer}","item":"{item}","quantity":{quantity},"price":{}.{:02}}}"#,
            cents / 100,
            cents % 100
        );
        Record::of_payload(payload)
    };
    (1..=count).map(order).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_distinct_json_documents() {
        let records = orders(500);
        let distinct: std::collections::HashSet<_> = records.iter().map(|record| &record.payload).collect();
        assert_eq!(distinct.len(), 500);
        for record in &records {
            assert_eq!(record.as_json(), record.payload);
        }
    }
}
