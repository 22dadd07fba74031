//! The command as a child process: its output, its signals, its end.

use std::{
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    task::JoinHandle,
};

use crate::{soon, until};

/// Variables that the command takes settings from.
const SETTINGS: [&str; 8] = [
    "CACHE_DIRECTORY",
    "CONNECTOR_CONFIG_PATH",
    "CONNECTOR_NAME",
    "DANUBE_SERVICE_URL",
    "DANUBE_WASM_CACHE_DIR",
    "DANUBE_WASM_HOST_CONFIG",
    "DANUBE_WASM_LISTEN",
    "RUST_LOG",
];

/// A child process. It is killed when this is dropped.
pub struct Process {
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

/// How a child process ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

/// The signals that tests send.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// Asks to stop.
    Term,
    /// Asks to stop, as Ctrl-C does.
    Int,
    /// Does not ask.
    Kill,
}

impl Process {
    /// Starts a program in a folder, with the variables of this process but for those that it would take settings from.
    pub fn start(program: &str, folder: &Path, args: &[&str]) -> Self {
        Self::start_with(program, folder, args, &[], "")
    }

    /// The same with variables of its own and something to read.
    pub fn start_with(program: &str, folder: &Path, args: &[&str], variables: &[(&str, &str)], input: &str) -> Self {
        let mut command = Command::new(program);
        for name in SETTINGS {
            command.env_remove(name);
        }
        // Nothing is left in the folders of the user who runs the tests.
        command.env("XDG_CACHE_HOME", concat!(env!("OUT_DIR"), "/cache"));
        command.current_dir(folder).args(args).envs(variables.iter().copied()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        tokio::spawn(async move {
            // A child that does not read its input has no use for it.
            let _ = stdin.write_all(input.as_bytes()).await;
        });
        let stdout = Captured::of(child.stdout.take().unwrap());
        let stderr = Captured::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// The number that the system knows it by.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it has ended")
    }

    /// What it has written to standard output.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has written to standard error.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until standard error holds a text.
    pub async fn until_stderr(&self, text: &str) {
        let waited_for = format!("`{text}` on standard error");
        until(&waited_for, || self.stderr().contains(text)).await;
    }

    /// Waits until its pages are served, and gives the address.
    pub async fn until_listening(&self) -> String {
        self.until_stderr("/readyz").await;
        let stderr = self.stderr();
        let (_, rest) = stderr.split_once("health on http://").expect("no address");
        let (addr, _) = rest.split_once('/').expect("no address");
        addr.to_owned()
    }

    /// Waits until `/readyz` says that all is well, and gives the address that it is served on.
    pub async fn until_ready(&self) -> String {
        let addr = self.until_listening().await;
        soon("the process to be ready", async {
            while !get(&addr, "/readyz").await.starts_with("HTTP/1.0 200") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        addr
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal.
    pub async fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Term => "TERM",
            Signal::Int => "INT",
            Signal::Kill => "KILL",
        };
        let pid = self.id();
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().await.unwrap();
        assert!(status.success(), "cannot send SIG{name}");
    }

    /// Waits until it has ended.
    pub async fn end(mut self) -> Ended {
        self.ended().await
    }

    /// The same for what takes its time, such as a compiler.
    pub async fn end_whenever(mut self) -> Ended {
        let status = self.child.wait().await.unwrap();
        Ended { code: status.code(), stdout: self.stdout.end().await, stderr: self.stderr.end().await }
    }

    /// The same for one that something else owns.
    pub async fn ended(&mut self) -> Ended {
        let status = soon("the process to end", self.child.wait()).await.unwrap();
        Ended { code: status.code(), stdout: self.stdout.end().await, stderr: self.stderr.end().await }
    }
}

impl Captured {
    fn of(mut from: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; 8192];
            while let Ok(count @ 1..) = from.read(&mut buffer).await {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, reading }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Everything, once there will be no more.
    async fn end(&mut self) -> String {
        soon("the end of the output", async {
            while !self.reading.is_finished() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        self.text()
    }
}

/// Fetches a page: the status line, the headers and the body. Empty if nobody answers.
pub async fn get(addr: &str, path: &str) -> String {
    let mut answer = String::new();
    let Ok(mut stream) = TcpStream::connect(addr).await else { return answer };
    let request = format!("GET {path} HTTP/1.0\r\nhost: {addr}\r\n\r\n");
    if stream.write_all(request.as_bytes()).await.is_ok() {
        // What came before a connection broke is not a page.
        stream.read_to_string(&mut answer).await.unwrap_or_default();
    }
    answer
}
