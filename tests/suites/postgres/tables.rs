//! Appended, upserted, deleted.

use danube_wasm_tests::rig::{Message, Rig};

use super::{Release, Server};

#[tokio::test]
async fn records_are_appended() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    database.query("CREATE TABLE orders (id bigint, customer text, total numeric, at timestamptz)").await;
    let host = rig.run(&[database.sink(&rig, &topic, "orders")]).await;
    rig.publish_unseen(&topic, (0..20).map(|n| format!(r#"{{"id":{n},"customer":"c{n}","total":{n}.50,"other":1}}"#)))
        .await;
    database.until("SELECT count(*), sum(id), sum(total), min(customer) FROM orders", "20|190|200.00|c0").await;
    assert_eq!(host.stop().await.failed(), 0);
}

#[tokio::test]
async fn the_last_record_of_a_key_counts_and_tombstones_delete() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    database.query("CREATE TABLE stock (sku text PRIMARY KEY, level int, tags text[])").await;
    let connector = database
        .sink(&rig, &topic, "stock")
        .set("settings.mode", "upsert")
        .set("settings.key", vec!["sku"])
        .set("settings.delete", "tombstone")
        .set("settings.columns.sku", "@key")
        .set("settings.columns.level", "level")
        .set("settings.columns.tags", "tags")
        .mapping("subscription_type", "Exclusive")
        .mapping("batch_size", 10);
    let _host = rig.run(&[connector]).await;
    let set =
        |key: &str, level: u32| Message::from(format!(r#"{{"level":{level},"tags":["a\"","{level}"]}}"#)).key(key);
    let gone = |key: &str| Message::from("null").key(key);
    let changes =
        [set("a", 1), set("b", 1), set("a", 2), gone("b"), set("c", 7), gone("c"), set("c", 8), gone("d"), set("e", 5)];
    rig.publish_unseen(&topic, changes).await;
    database
        .until(
            "SELECT sku, level, tags FROM stock ORDER BY sku",
            "a|2|{\"a\\\"\",2}\nc|8|{\"a\\\"\",8}\ne|5|{\"a\\\"\",5}",
        )
        .await;
    rig.publish_unseen(&topic, [gone("a"), set("e", 6)]).await;
    database.until("SELECT sku, level FROM stock ORDER BY sku", "c|8\ne|6").await;
}

#[tokio::test]
async fn an_attribute_says_what_is_deleted() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V18).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    database.query("CREATE TABLE stock (shop int, sku text, level int, PRIMARY KEY (sku, shop))").await;
    let connector = database
        .sink(&rig, &topic, "stock")
        .set("settings.mode", "upsert")
        .set("settings.key", vec!["shop", "sku"])
        .set("settings.delete.attribute", "op")
        .set("settings.delete.equals", "d")
        .mapping("subscription_type", "Exclusive");
    let _host = rig.run(&[connector]).await;
    // Two spellings of one number are one key.
    let record = |shop: &str, level: u32| Message::from(format!(r#"{{"shop":{shop},"sku":"a","level":{level}}}"#));
    let records = [
        record("1", 1),
        record("2", 2),
        record("\"01\"", 3),
        record("2", 0).attribute("op", "d"),
        record("3", 4).attribute("op", "u"),
    ];
    rig.publish_unseen(&topic, records).await;
    database.until("SELECT shop, sku, level FROM stock ORDER BY shop", "1|a|3\n3|a|4").await;
}

#[tokio::test]
async fn a_missing_table_is_created_only_when_asked() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let connector = database
        .sink(&rig, &topic, "Orders")
        .set("settings.mode", "upsert")
        .set("settings.key", vec!["id"])
        .set("settings.columns.id.from", "id")
        .set("settings.columns.id.type", "bigint")
        .set("settings.columns.at", "@publish_time")
        .set("settings.columns.attributes", "@attributes")
        .set("settings.columns.total.from", "total")
        .set("settings.columns.total.type", "numeric(18, 2)");
    let host = rig.start_host(std::slice::from_ref(&connector)).await;
    let cause = host.until_failed(&connector).await;
    let expected = "table \"public\".\"Orders\": there is no such table\n  help: set `create = true` in the settings, or run: CREATE TABLE IF NOT EXISTS \
                    \"public\".\"Orders\" (\"at\" timestamp with time zone, \"attributes\" jsonb, \"id\" bigint, \"total\" numeric(18, 2), PRIMARY KEY (\"id\"))";
    assert!(cause.contains(expected), "{cause}");
    drop(host);

    // Four instances at once make one table.
    let created = connector.clone().set("settings.create", true).set("instances", 4);
    let host = rig.run(std::slice::from_ref(&created)).await;
    rig.publish_unseen(&topic, [Message::from(r#"{"id":1,"total":1.005}"#).attribute("a", "b")]).await;
    database.until("SELECT id, total, attributes, at > '2020-01-01' FROM \"Orders\"", "1|1.01|{\"a\": \"b\"}|t").await;
    assert_eq!(host.stop().await.failed(), 0);

    let injected = connector.set("settings.table", "other").set("settings.create", true);
    let injected = injected.set("settings.columns.total.type", "int); DROP TABLE \"Orders\"; --");
    let host = rig.start_host(std::slice::from_ref(&injected)).await;
    let cause = host.until_failed(&injected).await;
    assert!(cause.contains("is no type: "), "{cause}");
    assert_eq!(database.query("SELECT count(*) FROM \"Orders\"").await, "1");
}

#[tokio::test]
async fn a_table_that_another_program_creates_at_the_same_time_is_used() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let connector = database
        .sink(&rig, &topic, "raced")
        .set("settings.create", true)
        .set("settings.columns.id.from", "id")
        .set("settings.columns.id.type", "bigint");
    // It commits once the sink waits for it, having seen no table.
    let other = database.query(
        "DO $$ BEGIN CREATE TABLE raced (id bigint); \
         WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock') LOOP \
           PERFORM pg_sleep(0.02), pg_stat_clear_snapshot(); \
         END LOOP; END $$",
    );
    let ours = async {
        let creating =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        database.until(creating, "1").await;
        rig.run(std::slice::from_ref(&connector)).await
    };
    let (_, host) = tokio::join!(other, ours);
    rig.publish_unseen(&topic, [r#"{"id":1}"#]).await;
    database.until("SELECT id FROM raced", "1").await;
    assert_eq!(host.stop().await.failed(), 0);
    assert!(server.log().contains("Key (typname, typnamespace)=(raced, 2200) already exists"), "{}", server.log());
}

#[tokio::test]
async fn differences_from_the_catalogue_are_shown_line_by_line() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let role = format!("role_{}", database.name);
    database
        .query(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'p'; CREATE TABLE orders (id bigint, customer text NOT NULL, note text NOT NULL DEFAULT '', \
             total integer, n bigint GENERATED ALWAYS AS IDENTITY, at date)"
        ))
        .await;
    let connector = database
        .sink(&rig, &topic, "orders")
        .set("settings.user", role.as_str())
        .set("settings.password", "p")
        .set("settings.mode", "upsert")
        .set("settings.key", vec!["id"])
        .set("settings.columns.id", "id")
        .set("settings.columns.total.from", "total")
        .set("settings.columns.total.type", "numeric(18, 2)")
        .set("settings.columns.n", "@offset")
        .set("settings.columns.at", "@publish_time")
        .set("settings.columns.region", "@attribute:region");
    let host = rig.start_host(std::slice::from_ref(&connector)).await;
    let cause = host.until_failed(&connector).await;
    let expected = "\
it is not as the settings want it:
  ~ at date: `@publish_time` is a time in microseconds
  ~ n bigint: the server itself gives it its value
  - region text: the table has no such column, it has id, customer, note, total, n, at
  ~ total integer: the settings say numeric(18, 2)
  + customer text: NOT NULL without a default, and nothing fills it
  + UNIQUE (\"id\"): an upsert needs it; run: CREATE UNIQUE INDEX ON \"public\".\"orders\" (\"id\")
  + GRANT INSERT, SELECT, UPDATE ON \"public\".\"orders\" TO the user of the settings";
    assert!(cause.contains(expected), "{cause}");
}

#[tokio::test]
async fn the_least_grants_of_the_readme_suffice() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V18).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let role = format!("role_{}", database.name);
    database
        .query(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'p'; CREATE TABLE orders (id bigint PRIMARY KEY, n int); \
             CREATE TABLE danube_offsets (subscription text, topic text, partition integer, written int8multirange NOT NULL, \
             PRIMARY KEY (subscription, topic, partition)); GRANT USAGE ON SCHEMA public TO {role}; \
             GRANT INSERT, SELECT, UPDATE, DELETE ON orders TO {role}; GRANT SELECT, INSERT, UPDATE ON danube_offsets TO {role}"
        ))
        .await;
    let connector = database
        .sink(&rig, &topic, "orders")
        .set("settings.user", role.as_str())
        .set("settings.password", "p")
        .set("settings.mode", "upsert")
        .set("settings.key", vec!["id"])
        .set("settings.delete", "tombstone")
        .set("settings.columns.id", "@key")
        .set("settings.columns.n", "n")
        .set("settings.effectively_once", true);
    let _host = rig.run(&[connector]).await;
    rig.publish_unseen(&topic, [Message::from(r#"{"n":1}"#).key("1"), Message::from("null").key("2")]).await;
    database.until("SELECT id, n FROM orders", "1|1").await;
    database.until("SELECT partition, written FROM danube_offsets", "-1|{[0,2)}").await;
}

#[tokio::test]
async fn offsets_of_partitions_and_subscriptions_are_kept_apart() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.partitioned(3).await, server.database().await);
    database.query("CREATE TABLE numbers (n int, p int)").await;
    let connector = database
        .sink(&rig, &topic, "numbers")
        .set("settings.columns.n", "n")
        .set("settings.columns.p", "@partition")
        .set("settings.effectively_once", true)
        .set("settings.create", true)
        .set("instances", 2);
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, crate::numbered(30)).await;
    host.until_acknowledged(&connector, 30).await;
    assert_eq!(database.query("SELECT count(*), count(DISTINCT n) FROM numbers").await, "30|30");
    let kept = database.query("SELECT partition, written FROM danube_offsets ORDER BY partition").await;
    assert_eq!(kept, "0|{[0,10)}\n1|{[0,10)}\n2|{[0,10)}");
}
