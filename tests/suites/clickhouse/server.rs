//! The two ClickHouses: Debian's server of 2018, and today's engine behind a small HTTP server of our own.

use std::{path::Path, time::Duration};

use danube_wasm_tests::guests;
use danube_wasm_tests::{
    PATIENCE, free_port,
    process::{Process, Signal},
    rig::{Connector, Rig, Topic},
    soon,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The real server, version 18.16: its HTTP, its statuses, its users.
    Old,
    /// The engine of 26.9: its types, its settings, its errors.
    Modern,
}

/// The password at the start.
pub(super) const PASSWORD: &str = "pa55";

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/chdb/bin/python");
const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/clickhouse/shim.py");

/// A server on loopback that is killed when this is dropped.
pub(crate) struct Server {
    kind: Kind,
    folder: TempDir,
    http: u16,
    tcp: u16,
    /// Bytes of a disk of its own.
    disk: Option<u32>,
    process: Option<Process>,
}

impl Server {
    pub(super) async fn start(kind: Kind) -> Self {
        Self::start_on(kind, None).await
    }

    /// The old one, for tests that are about something else.
    pub(crate) async fn any() -> Self {
        Self::start(Kind::Old).await
    }

    /// The old one with a disk of so many bytes.
    pub(super) async fn with_disk(bytes: u32) -> Self {
        Self::start_on(Kind::Old, Some(bytes)).await
    }

    async fn start_on(kind: Kind, disk: Option<u32>) -> Self {
        let (tool, program) = match kind {
            Kind::Old => ("clickhouse", "/usr/sbin/clickhouse-server"),
            Kind::Modern => ("chdb", PYTHON),
        };
        assert!(Path::new(program).exists(), "there is no {program}; run `tests/install {tool}`");
        let mut server =
            Self { kind, folder: TempDir::new().unwrap(), http: free_port(), tcp: free_port(), disk, process: None };
        server.set_password(PASSWORD);
        std::fs::write(server.folder.path().join("server.xml"), server.config()).unwrap();
        std::fs::create_dir(server.folder.path().join("data")).unwrap();
        server.come_back().await;
        server
    }

    fn config(&self) -> String {
        let (Self { http, tcp, .. }, folder) = (self, self.folder.path().display());
        format!(
            "<yandex><logger><level>error</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
             <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port><listen_host>127.0.0.1</listen_host>
             <mark_cache_size>16777216</mark_cache_size><path>{folder}/data/</path><tmp_path>{folder}/data/tmp/</tmp_path>
             <user_files_path>{folder}/data/files/</user_files_path><users_config>{folder}/accounts.xml</users_config>
             <default_profile>default</default_profile><default_database>default</default_database></yandex>"
        )
    }

    /// Changes the password of the user; the old server looks at its file every two seconds.
    pub(super) fn set_password(&self, password: &str) {
        std::fs::write(self.folder.path().join("password"), password).unwrap();
        let user = |name: &str, profile: &str| {
            format!(
                "<{name}><password>{password}</password><networks><ip>127.0.0.1</ip></networks><profile>{profile}</profile>\
                 <quota>default</quota></{name}>"
            )
        };
        let (danube, reader) = (user("danube", "default"), user("reader", "readonly"));
        let users = format!(
            "<yandex><profiles><default/><readonly><readonly>1</readonly></readonly></profiles><users>{danube}{reader}</users>\
             <quotas><default/></quotas></yandex>"
        );
        std::fs::write(self.folder.path().join("accounts.xml"), users).unwrap();
    }

    /// Starts the process and waits until it answers.
    pub(super) async fn come_back(&mut self) {
        let folder = self.folder.path();
        let (path, port) = (folder.display().to_string(), self.http.to_string());
        let config = format!("--config-file={path}/server.xml");
        let process = match (self.kind, self.disk) {
            (Kind::Old, None) => Process::start("/usr/sbin/clickhouse-server", folder, &[&config]),
            (Kind::Old, Some(bytes)) => {
                let script = format!(
                    "mount -t tmpfs -o size={bytes} tmpfs {path}/data && exec /usr/sbin/clickhouse-server {config}"
                );
                Process::start("unshare", folder, &["--mount", "--map-root-user", "sh", "-c", &script])
            }
            (Kind::Modern, _) => Process::start(PYTHON, folder, &[SHIM, &port, &path]),
        };
        self.process = Some(process);
        soon("ClickHouse to answer", async {
            while self.try_query("SELECT 1").await.is_err() {
                let process = self.process.as_mut().expect("it was started");
                let errors = || std::fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default();
                assert!(!process.has_ended(), "ClickHouse has ended: {}{}", process.stderr(), errors());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    /// Ends the process without asking.
    pub(super) async fn kill(&mut self) {
        let mut process = self.process.take().expect("it was killed already");
        process.signal(Signal::Kill).await;
        process.ended().await;
    }

    /// Where its disk is seen from outside.
    pub(super) fn disk(&self) -> std::path::PathBuf {
        let process = self.process.as_ref().expect("it was killed");
        format!("/proc/{}/root{}/data", process.id(), self.folder.path().display()).into()
    }

    /// Where it takes HTTP.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.http)
    }

    /// Runs a query and gives its rows as tab-separated text.
    pub(crate) async fn query(&self, query: &str) -> String {
        soon("ClickHouse's answer", self.try_query(query)).await.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    async fn try_query(&self, query: &str) -> Result<String, String> {
        match self.kind {
            Kind::Old => self.client(query).await,
            Kind::Modern => self.post(query).await.ok_or_else(|| "no answer".to_owned()),
        }
    }

    /// With ClickHouse's own client.
    async fn client(&self, query: &str) -> Result<String, String> {
        let password = std::fs::read_to_string(self.folder.path().join("password")).unwrap();
        let mut command = tokio::process::Command::new("clickhouse-client");
        command.args(["--host", "127.0.0.1", "--port", &self.tcp.to_string(), "--user", "danube"]);
        command.args(["--password", &password, "--query", query]);
        let output = command.output().await.expect("there is no clickhouse-client; run `tests/install clickhouse`");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    async fn post(&self, query: &str) -> Option<String> {
        let password = std::fs::read_to_string(self.folder.path().join("password")).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).await.ok()?;
        let request = format!(
            "POST / HTTP/1.0\r\nx-clickhouse-user: danube\r\nx-clickhouse-key: {password}\r\ncontent-length: {}\r\n\r\n{query}",
            query.len()
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        assert!(head.contains(" 200 "), "{query}: {body}");
        Some(body.trim_end_matches('\n').to_owned())
    }

    /// Waits until a query gives this.
    pub(super) async fn until(&self, query: &str, expected: &str) {
        let mut seen = String::new();
        let wait = async {
            loop {
                seen = self.query(query).await;
                if seen == expected {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{query}: {seen:?}, expected {expected:?}");
    }

    /// Waits until a query gives a number that is not smaller.
    pub(super) async fn until_at_least(&self, query: &str, least: usize) {
        soon(&format!("{query} to be {least}"), async {
            while self.query(query).await.parse::<usize>().unwrap() < least {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    /// The sink, inserting a topic's records into the table `t`.
    pub(crate) fn sink(&self, rig: &Rig, topic: &Topic) -> Connector {
        rig.connector(guests::SINK_CLICKHOUSE)
            .set("capabilities.http", vec![self.url()])
            .set("settings.url", self.url())
            .set("settings.username", "danube")
            .set("settings.password", PASSWORD)
            .consume(topic)
            .mapping("table", "t")
    }
}
