//! The table of outcomes: a test for each row.

use std::slice;

use danube_wasm_tests::{
    rig::{Connector, Rig},
    until,
};

use super::{Release, Server};

/// A table whose trigger fails for records that carry a SQLSTATE, as long as the table `broken` has a row.
const TOLD: &str = "\
CREATE TABLE told (n int, code text);
CREATE TABLE broken (yes bool); INSERT INTO broken VALUES (true);
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.code IS NOT NULL AND EXISTS (SELECT FROM broken) THEN RAISE EXCEPTION 'told to fail' USING ERRCODE = NEW.code; END IF;
  RETURN NEW; END $$;
CREATE TRIGGER fail BEFORE INSERT ON told FOR EACH ROW EXECUTE FUNCTION fail()";

fn told(n: u32, code: Option<&str>) -> String {
    serde_json::json!({ "n": n, "code": code }).to_string()
}

/// All of what is published at once comes as one batch, however slowly.
fn in_batches(connector: Connector, size: u32) -> Connector {
    connector.mapping("batch_size", i64::from(size)).mapping("flush_interval_ms", 60_000)
}

#[tokio::test]
async fn what_passes_is_tried_again_until_it_is_written() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    database.query(TOLD).await;
    let connector = database.sink(&rig, &topic, "told");
    let host = rig.run(slice::from_ref(&connector)).await;
    let codes = [
        "08006", "57P01", "57P02", "57P03", "57014", "55P03", "55006", "40001", "40P01", "53000", "53100", "53200",
        "53300", "58030", "XX000", "25006", "25P02", "25P03",
    ];
    for (n, code) in (0..).zip(codes) {
        database.query("INSERT INTO broken VALUES (true)").await;
        rig.publish_unseen(&topic, [told(n, Some(code))]).await;
        let retried = || host.count("danube_connector_messages_retried_total", connector.name());
        let before = retried();
        until(&format!("{code} to be retried"), || retried() > before).await;
        database.query("DELETE FROM broken").await;
        database.until(&format!("SELECT code FROM told WHERE n = {n}"), code).await;
    }
    assert_eq!(host.stop().await.failed(), 0);
}

#[tokio::test]
async fn a_bad_row_is_rejected_alone() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    for mode in ["append", "upsert"] {
        let (topic, database) = (rig.topic().await, server.database().await);
        database.query("CREATE TABLE parents (id int PRIMARY KEY); INSERT INTO parents VALUES (1)").await;
        database.query(
            "CREATE TABLE strict (id int PRIMARY KEY, name varchar(3) NOT NULL, other int UNIQUE, level int CHECK (level > 0), \
             parent int REFERENCES parents, big text)",
        ).await;
        database
            .query(
                TOLD.replace("told", "strict")
                    .replace("CREATE TABLE strict (n int, code text);", "ALTER TABLE strict ADD code text;")
                    .as_str(),
            )
            .await;
        let mut dead = rig.dead_letters().await;
        let connector = database
            .sink(&rig, &topic, "strict")
            .set("settings.mode", mode)
            .set("settings.effectively_once", true)
            .set("settings.create", true)
            .set("dead_letter.topic", dead.topic());
        let connector = if mode == "upsert" { connector.set("settings.key", vec!["id"]) } else { connector };
        let connector = in_batches(connector, 5);
        let host = rig.run(slice::from_ref(&connector)).await;
        let good = |id: u32| format!(r#"{{"id":{id},"name":"a","other":{id}}}"#);
        for (round, (bad, expected)) in [
            (r#"{"id":"x","name":"a"}"#, "SQLSTATE 22P02"),
            (r#"{"id":99999999999,"name":"a"}"#, "SQLSTATE 22003"),
            (r#"{"id":901,"name":"abcd"}"#, "SQLSTATE 22001"),
            ("{\"id\":902,\"name\":\"\\u0000\"}", "column `name` of "),
            (r#"{"id":903}"#, "SQLSTATE 23502"),
            (r#"{"id":904,"name":"a","other":1}"#, "SQLSTATE 23505"),
            (r#"{"id":905,"name":"a","level":0}"#, "SQLSTATE 23514"),
            (r#"{"id":906,"name":"a","parent":7}"#, "SQLSTATE 23503"),
            (r#"{"id":907,"name":"a","code":"P0001"}"#, "SQLSTATE P0001"),
            (r#"{"id":908,"name":"a","code":"44000"}"#, "SQLSTATE 44000"),
            (r#"{"id":909,"name":"a","code":"54000"}"#, "SQLSTATE 54000"),
            (r#"{"id":910,"name":"a","code":"21000"}"#, "SQLSTATE 21000"),
            ("\"no object\"", "neither a JSON object nor an array"),
        ]
        .into_iter()
        .enumerate()
        {
            let first = round as u32 * 4 + 1;
            let batch = [good(first), good(first + 1), bad.to_owned(), good(first + 2), good(first + 3)];
            rig.publish_unseen(&topic, batch).await;
            let letter = dead.next().await;
            assert_eq!(letter.payload, bad.as_bytes(), "{mode}");
            let reason = &letter.attributes["x-failure-reason"];
            assert!(reason.contains(expected) && !reason.contains("99999999999"), "{mode}: {reason}");
            database.until("SELECT count(*), max(id) FROM strict", &format!("{}|{}", first + 3, first + 3)).await;
        }
        assert_eq!(host.stop().await.failed(), 0);
    }
}

#[tokio::test]
async fn what_a_person_must_change_stops_the_connector() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    for (code, is_real) in
        [("42501", false), ("42P01", true), ("42703", true), ("0A000", false), ("3D000", false), ("XX001", false)]
    {
        let (topic, database) = (rig.topic().await, server.database().await);
        database.query(TOLD).await;
        let connector = database.sink(&rig, &topic, "told");
        let host = rig.run(slice::from_ref(&connector)).await;
        rig.publish_unseen(&topic, [told(1, None)]).await;
        database.until("SELECT count(*) FROM told", "1").await;
        match code {
            "42P01" => drop(database.query("DROP TABLE told").await),
            "42703" => drop(database.query("ALTER TABLE told RENAME n TO other").await),
            _ => {}
        }
        rig.publish_unseen(&topic, [told(2, (!is_real).then_some(code))]).await;
        let cause = host.until_failed(&connector).await;
        assert!(cause.contains(&format!("SQLSTATE {code}")), "{code}: {cause}");
    }
}

#[tokio::test]
async fn statements_and_locks_have_their_time() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    for (key, expected) in [("statement_timeout_ms", "57014"), ("lock_timeout_ms", "55P03")] {
        let (topic, database) = (rig.topic().await, server.database().await);
        database.query("CREATE TABLE held (n int); CREATE TABLE released (yes bool)").await;
        let connector =
            database.sink(&rig, &topic, "held").set(&format!("settings.{key}"), 200).set("retry.max_retries", 1);
        let host = rig.run(slice::from_ref(&connector)).await;
        let holding = database.query(
            "DO $$ BEGIN LOCK TABLE held; WHILE NOT EXISTS (SELECT FROM released) LOOP PERFORM pg_sleep(0.05); END LOOP; END $$",
        );
        let (_, ()) = tokio::join!(holding, async {
            let held = "SELECT count(*) FROM pg_locks WHERE granted AND relation = 'held'::regclass";
            database.until(held, "1").await;
            rig.publish_unseen(&topic, [r#"{"n":1}"#]).await;
            host.until_reported(&connector, expected).await;
            database.query("INSERT INTO released VALUES (true)").await;
        });
        database.until("SELECT count(*) FROM held", "1").await;
        assert_eq!(host.stop().await.failed(), 0);
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_waited_for() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    database.query("CREATE TABLE numbers (n int)").await;
    let connector = database.sink(&rig, &topic, "numbers").set("retry.max_retries", 1);
    let host = rig.run(slice::from_ref(&connector)).await;
    let read_only = async |how: &str| {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =";
        let name = &database.name;
        server.psql("postgres", &format!("ALTER DATABASE {name} {how}; {end} '{name}'")).await
    };
    read_only("SET default_transaction_read_only = on").await;
    rig.publish_unseen(&topic, [r#"{"n":1}"#]).await;
    host.until_reported(&connector, "read-only").await;
    read_only("RESET default_transaction_read_only").await;
    database.until("SELECT n FROM numbers", "1").await;
    assert_eq!(host.stop().await.failed(), 0);
}

#[tokio::test]
async fn a_full_disk_is_waited_for() {
    let (rig, server) = (Rig::start().await, Server::with_small_disk(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let place = server.small_disk();
    database.query(&format!("CREATE TABLESPACE small LOCATION '{}'", place.display())).await;
    database.query("CREATE TABLE numbers (n int, filler text) TABLESPACE small; ALTER TABLE numbers ALTER filler SET STORAGE PLAIN; CREATE TABLE ballast (t text) TABLESPACE small").await;
    database.query("INSERT INTO ballast SELECT string_agg(md5(i::text || j::text), '') FROM generate_series(1, 400) i, generate_series(1, 200) j GROUP BY i").await;
    let connector = database
        .sink(&rig, &topic, "numbers")
        .set("settings.effectively_once", true)
        .set("settings.create", true)
        .set("retry.max_retries", 1);
    let host = rig.run(slice::from_ref(&connector)).await;
    let filler = "x".repeat(6000);
    let record = |n: u32| format!(r#"{{"n":{n},"filler":"{filler}"}}"#);
    let (mut count, full) = (0, "53100");
    while !host.report(connector.name()).to_string().contains(full) {
        assert!(count < 5000, "the disk is never full");
        rig.publish_unseen(&topic, (count..count + 20).map(record)).await;
        count += 20;
        let written = || host.count("danube_wasm_messages_acknowledged_total", connector.name()) as u32;
        until("the records to be written, or the disk to be full", || {
            written() >= count || host.report(connector.name()).to_string().contains(full)
        })
        .await;
    }
    database.query("DROP TABLE ballast").await;
    database.until("SELECT count(*), count(DISTINCT n) FROM numbers", &format!("{count}|{count}")).await;
    assert_eq!(host.stop().await.failed(), 0);
}

#[tokio::test]
async fn a_session_that_is_refused_stops_the_connector_and_rejects_no_record() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V18).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let dead = rig.dead_letters().await;
    database.query("CREATE TABLE told (n int)").await;
    let connector = database.sink(&rig, &topic, "told").set("dead_letter.topic", dead.topic());
    let host = rig.run(slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, [told(0, None)]).await;
    database.until("SELECT n FROM told", "0").await;
    // The same SQLSTATE of a trigger of the table would reject the record.
    database
        .query(
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF current_setting('application_name') <> 'psql' THEN RAISE EXCEPTION 'nobody comes in'; END IF; END $$; \
             CREATE EVENT TRIGGER refuse ON login EXECUTE FUNCTION refuse(); ALTER EVENT TRIGGER refuse ENABLE ALWAYS; \
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
        )
        .await;
    rig.publish_unseen(&topic, [told(1, None)]).await;
    let cause = host.until_failed(&connector).await;
    assert!(cause.contains("connecting to 127.0.0.1") && cause.contains("SQLSTATE P0001: nobody comes in"), "{cause}");
    assert_eq!(host.count("danube_wasm_messages_dead_lettered_total", connector.name()), 0.0);
    assert_eq!(database.query("SELECT n FROM told").await, "0");
}
