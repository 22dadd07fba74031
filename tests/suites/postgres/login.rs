//! Who is let in, and by what.

use danube_wasm_tests::rig::{Authority, Connector, Rig};
use toml::Value;

use super::{Release, Server, server::Database};

/// A server with a certificate of this authority, and a database in it.
async fn secure(authority: &Authority) -> (Server, String) {
    let (cert, key) = authority.issue_for(&["localhost"]);
    let server = Server::secure(Release::V15, &cert, &key).await;
    let name = server.database().await.name;
    (server, name)
}

fn trusting(connector: Connector, port: u16, ca: Option<&Authority>) -> Connector {
    let mut grant = toml::Table::new();
    grant.insert("url".to_owned(), format!("tcp://localhost:{port}").into());
    if let Some(authority) = ca {
        grant.insert("ca_cert".to_owned(), authority.path("ca.pem").to_str().unwrap().into());
    }
    connector
        .set("capabilities.sockets", vec![Value::Table(grant)])
        .set("settings.host", "localhost")
        .set("settings.tls", true)
}

#[tokio::test]
async fn tls_with_an_authority_of_the_grant() {
    let (rig, authority) = (Rig::start().await, Authority::new());
    let (server, name) = secure(&authority).await;
    let (topic, database) = (rig.topic().await, Database { server: &server, name });
    database.query("CREATE TABLE numbers (n integer)").await;
    let connector = database.sink(&rig, &topic, "numbers");
    let _host = rig.run(&[trusting(connector, server.port(), Some(&authority))]).await;
    rig.publish_unseen(&topic, [r#"{"n":1}"#]).await;
    database.until("SELECT n FROM numbers", "1").await;
    let secure = "SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'connector-%'";
    assert_eq!(database.query(secure).await, "t|TLSv1.3");
}

#[tokio::test]
async fn a_server_of_another_authority_gets_no_password() {
    let (rig, authority) = (Rig::start().await, Authority::new());
    let (server, name) = secure(&authority).await;
    let (topic, database) = (rig.topic().await, Database { server: &server, name });
    database.query("CREATE TABLE numbers (n integer)").await;
    for ca in [None, Some(&Authority::new())] {
        let connector = trusting(database.sink(&rig, &topic, "numbers"), server.port(), ca);
        let host = rig.start_host(std::slice::from_ref(&connector)).await;
        host.until_reported(&connector, "invalid peer certificate").await;
        host.stop().await;
    }
    assert!(!server.log().contains("connection authenticated"), "{}", server.log());
}

#[tokio::test]
async fn a_server_without_tls_is_refused() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let connector = database.sink(&rig, &topic, "numbers").set("settings.tls", true);
    let host = rig.start_host(std::slice::from_ref(&connector)).await;
    let cause = host.until_failed(&connector).await;
    assert!(cause.contains("server does not support TLS"), "{cause}");
}

#[tokio::test]
async fn credentials_that_are_wrong_or_expired_stop_the_connector() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    database.query("CREATE TABLE numbers (n integer)").await;
    let expired = format!("expired_{}", database.name);
    database.query(&format!("CREATE ROLE {expired} LOGIN PASSWORD 'p' VALID UNTIL '2001-01-01'")).await;
    let sink = || database.sink(&rig, &topic, "numbers");
    for (connector, expected) in [
        (
            sink().set("settings.password", "wrong"),
            "SQLSTATE 28P01: password authentication failed for user \"postgres\"",
        ),
        (sink().set("settings.user", expired.as_str()).set("settings.password", "p"), "SQLSTATE 28P01: "),
        (sink().set("settings.user", "nobody"), "SQLSTATE 28P01: "),
        (sink().set("settings.database", "nowhere"), "SQLSTATE 3D000: database \"nowhere\" does not exist"),
    ] {
        let host = rig.start_host(std::slice::from_ref(&connector)).await;
        let cause = host.until_failed(&connector).await;
        assert!(cause.contains(expected), "{cause}");
    }
}

#[tokio::test]
async fn credentials_that_expire_stop_the_connector_when_it_comes_back() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let role = format!("role_{}", database.name);
    database
        .query(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'p'; CREATE TABLE numbers (n integer); GRANT INSERT ON numbers TO {role}"
        ))
        .await;
    let connector =
        database.sink(&rig, &topic, "numbers").set("settings.user", role.as_str()).set("settings.password", "p");
    let host = rig.run(std::slice::from_ref(&connector)).await;
    rig.publish_unseen(&topic, [r#"{"n":1}"#]).await;
    database.until("SELECT n FROM numbers", "1").await;
    database.query(&format!("ALTER ROLE {role} VALID UNTIL '2001-01-01'")).await;
    database.query(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")).await;
    rig.publish_unseen(&topic, [r#"{"n":2}"#]).await;
    let cause = host.until_failed(&connector).await;
    assert!(cause.contains("28P01"), "{cause}");
    assert_eq!(database.query("SELECT n FROM numbers").await, "1");
}

#[tokio::test]
async fn a_server_that_is_not_granted_stops_the_connector() {
    let (rig, server) = (Rig::start().await, Server::shared(Release::V15).await);
    let (topic, database) = (rig.topic().await, server.database().await);
    let connector = database.sink(&rig, &topic, "numbers").set("capabilities.sockets", vec!["tcp://127.0.0.1:1"]);
    let host = rig.start_host(std::slice::from_ref(&connector)).await;
    let cause = host.until_failed(&connector).await;
    assert!(cause.contains("not granted"), "{cause}");
}
