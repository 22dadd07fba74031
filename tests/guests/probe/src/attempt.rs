//! Attempts that leave the guest alive, and how far each came, in a few words.

mod files;
pub(crate) mod http;
mod sockets;
mod surroundings;

use serde::Deserialize;
use wasip2::clocks::monotonic_clock;

use crate::bindings::danube::sink::log;

/// An attempt to reach something.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attempt {
    /// Sends a request with the contract's own import.
    Http(Request),
    /// The same, so many at once.
    HttpAll { request: Request, count: usize },
    /// Sends a request with `wasi:http`.
    WasiHttp(Request),
    /// Starts so many requests with `wasi:http`, then waits for all.
    WasiHttpAll { request: Request, count: usize },
    /// Sends a request, and tells all of the answer.
    Answer(Request),
    /// The same with `wasi:http`.
    WasiAnswer(Request),
    /// Reads the headers of a request when it has been sent.
    KeptHeaders(Request),
    /// Starts so many requests with `wasi:http` and drops them.
    Abandon { request: Request, count: usize },
    /// Connects with TCP.
    Connect(String),
    /// The same, so many times, and keeps the connections.
    ConnectAll { to: String, count: usize },
    /// Makes so many sockets and keeps them.
    Sockets { count: usize },
    /// Connects with TCP to an address, and has the host speak TLS with the server of that name.
    Tls { to: String, server: String },
    /// Takes a TCP socket to an address of its choice.
    Bind(String),
    /// Listens with TCP.
    Listen(String),
    /// Takes a UDP socket.
    BindUdp(String),
    /// Sends a datagram.
    SendUdp(String),
    /// Sends a datagram, and tells the first that comes.
    AskUdp(String),
    /// Looks up a name.
    Resolve(String),
    /// Begins so many lookups of a name.
    ResolveAll { name: String, count: usize },
    /// Reads a file.
    Read(String),
    /// Writes a file.
    Write(String),
    /// Writes so many bytes at the end of a file.
    Fill(String, usize),
    /// Makes so many empty files in a folder.
    Litter(String, usize),
    /// Asks how large a file is.
    Inspect(String),
    /// Lists a folder.
    List(String),
    /// Keeps so many lists of a folder open.
    ListAll { path: String, count: usize },
    /// Makes a folder.
    MakeFolder(String),
    /// Makes folders in folders, so many.
    Dig(String, usize),
    /// Asks where a link leads.
    Follow(String),
    /// Makes a file within its first folder a link to another place.
    Symlink(String, String),
    /// Gives a file another name in another place.
    HardLink(String, String),
    /// Moves a file.
    Rename(String, String),
    /// Makes a file longer without writing to it.
    Stretch(String, u64),
    /// Removes a file.
    Remove(String),
    /// Names the folders that it was given.
    Folders,
    /// Names its environment.
    Environment,
    /// Names its arguments.
    Arguments,
    /// Reads what stands behind it.
    Stdin,
    /// The same, all at once.
    GreedyStdin,
    /// Names its settings.
    Settings,
    /// Asks how exact the clock is.
    Clock,
    /// Writes a line into the log.
    Log(String),
    /// Writes so many.
    LogAll { lines: usize },
}

/// A request, well-formed or not.
#[derive(Deserialize)]
pub(crate) struct Request {
    #[serde(default = "get")]
    pub(crate) method: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) body: String,
}

fn get() -> String {
    "GET".to_owned()
}

impl Request {
    pub(crate) fn post(url: &str, body: String) -> Self {
        Self { method: "POST".to_owned(), url: url.to_owned(), headers: Vec::new(), body }
    }
}

impl Attempt {
    pub(crate) fn perform(&self) -> String {
        match self {
            Self::Http(request) => http::send(request),
            Self::HttpAll { request, count } => http::send_all(request, *count),
            Self::WasiHttp(request) => http::wasi::send(request),
            Self::WasiHttpAll { request, count } => http::wasi::send_all(request, *count),
            Self::Answer(request) => http::answer(request),
            Self::WasiAnswer(request) => http::wasi::answer(request),
            Self::KeptHeaders(request) => http::wasi::kept(request),
            Self::Abandon { request, count } => http::wasi::abandon(request, *count),
            Self::Connect(at) => sockets::connect(at),
            Self::ConnectAll { to, count } => sockets::connect_all(to, *count),
            Self::Sockets { count } => sockets::sockets(*count),
            Self::Tls { to, server } => sockets::tls(to, server),
            Self::Bind(at) => sockets::bind(at),
            Self::Listen(at) => sockets::listen(at),
            Self::BindUdp(at) => sockets::bind_udp(at),
            Self::SendUdp(to) => sockets::send_udp(to),
            Self::AskUdp(to) => sockets::ask_udp(to),
            Self::Resolve(name) => sockets::resolve(name),
            Self::ResolveAll { name, count } => sockets::resolve_all(name, *count),
            Self::Read(path) => files::read(path),
            Self::Write(path) => files::write(path),
            Self::Fill(path, bytes) => files::fill(path, *bytes),
            Self::Litter(folder, count) => files::litter(folder, *count),
            Self::Inspect(path) => files::inspect(path),
            Self::List(path) => files::list(path),
            Self::ListAll { path, count } => files::list_all(path, *count),
            Self::MakeFolder(path) => files::make_folder(path),
            Self::Dig(path, levels) => files::dig(path, *levels),
            Self::Follow(path) => files::follow(path),
            Self::Symlink(from, to) => files::symlink(from, to),
            Self::HardLink(from, to) => files::hard_link(from, to),
            Self::Rename(from, to) => files::rename(from, to),
            Self::Stretch(path, size) => files::stretch(path, *size),
            Self::Remove(path) => files::remove(path),
            Self::Folders => files::folders(),
            Self::Environment => surroundings::environment(),
            Self::Arguments => surroundings::arguments(),
            Self::Stdin => surroundings::stdin(),
            Self::GreedyStdin => surroundings::greedy_stdin(),
            Self::Settings => surroundings::settings(),
            Self::Clock => format!("{} ns", monotonic_clock::resolution()),
            Self::Log(line) => {
                log::log(log::Level::Error, line);
                "logged".to_owned()
            }
            Self::LogAll { lines } => {
                (0..*lines).for_each(|n| log::log(log::Level::Error, &n.to_string()));
                "logged".to_owned()
            }
        }
    }
}

/// `3 x 200; 2 x denied: ...`, in the order in which they first came.
fn counted(outcomes: impl Iterator<Item = String>) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for outcome in outcomes {
        match counts.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, count)) => *count += 1,
            None => counts.push((outcome, 1)),
        }
    }
    counts.iter().map(|(outcome, count)| format!("{count} x {outcome}")).collect::<Vec<_>>().join("; ")
}
