//! Many records in large batches, within the default limit of memory.

use danube_dev_broker::DevBrokerConfig;
use danube_wasm_tests::rig::{Rig, quick};

use super::Language;

const RECORDS: usize = 100_000;
const BATCH: u32 = 1000;

pub(super) async fn a_hundred_thousand_records_in_batches_of_a_thousand(language: Language) {
    let _turn = crate::MACHINE.lock().await;
    let config = DevBrokerConfig { max_unacked_messages: 2 * BATCH as usize, ..quick() };
    let Some(rig) = Rig::in_memory_with("its window must hold large batches", config).await else { return };
    let topic = rig.topic().await;
    let connector = language.connector(&rig, &topic).await.mapping("batch_size", i64::from(BATCH));
    let host = rig.run(std::slice::from_ref(&connector)).await;
    let filler = "x".repeat(100);
    rig.publish_unseen(&topic, (0..RECORDS).map(|n| format!(r#"{{"n":{n},"filler":"{filler}"}}"#))).await;
    host.until_acknowledged(&connector, u32::try_from(RECORDS).unwrap()).await;
    let mut came = vec![false; RECORDS];
    for request in rig.endpoint.requests() {
        for record in request.records() {
            came[usize::try_from(record["payload"]["n"].as_u64().unwrap()).unwrap()] = true;
        }
    }
    assert_eq!(came.iter().filter(|came| !**came).count(), 0, "records that never arrived");
    assert_eq!(host.count("danube_connector_messages_failed_total", connector.name()), 0.0);
    host.stop().await;
}
