//! An HTTP endpoint of the suites: a real server on loopback that records what comes and answers by script. It can hold
//! its answers back, drop connections, and go away altogether.

mod request;
mod script;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

pub use self::{request::Request, script::Answer};
use crate::until;

/// A running endpoint. Ends when it is dropped.
pub struct Endpoint {
    addr: SocketAddr,
    shared: Arc<Shared>,
    serving: Mutex<Option<Serving>>,
}

/// What the connections share.
struct Shared {
    log: Mutex<Log>,
    /// Whether answers are held back.
    held: watch::Sender<bool>,
    /// How many connections are open.
    open: AtomicUsize,
}

#[derive(Default)]
struct Log {
    requests: Vec<Request>,
    script: script::Script,
}

/// Stops listening and breaks all connections when it is dropped.
struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Endpoint {
    /// Starts one that answers 200 to everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared =
            Arc::new(Shared { log: Mutex::default(), held: watch::Sender::new(false), open: AtomicUsize::new(0) });
        let serving = Mutex::new(Some(serve(listener, &shared)));
        Self { addr, shared, serving }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Answers the next requests like this, one after the other, before the usual answer counts again.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.log().script.next.extend(answers);
    }

    /// Answers like this from now on.
    pub fn answer_always(&self, answer: Answer) {
        self.log().script.always = answer;
    }

    /// Answers requests whose body holds `text` like this.
    pub fn answer_to(&self, text: &str, answer: Answer) {
        self.log().script.to.push((text.to_owned(), answer));
    }

    /// Has every request answered by `judge`, at the moment when it has come completely, one at a time. The script no
    /// longer counts.
    pub fn judge(&self, judge: impl FnMut(&Request) -> Answer + Send + 'static) {
        self.log().script.judge = Some(Box::new(judge));
    }

    /// Waits until nobody is connected any more, as after the end of a host: what it sent last has been answered then.
    pub async fn until_left_alone(&self) {
        until("the endpoint to be left alone", || self.shared.open.load(Ordering::Acquire) == 0).await;
    }

    /// Keeps all answers back until [`Endpoint::release`]. What comes is recorded.
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Gives the answers that were kept back.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// Goes away: connections break, new ones are refused.
    pub async fn go_down(&self) {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut serving) = serving {
            serving.0.abort();
            // An abort is a request; the port is free when the task has ended.
            let _ = (&mut serving.0).await;
        }
    }

    /// Comes back on the same port.
    pub async fn come_back(&self) {
        let listener = TcpListener::bind(self.addr).await.unwrap();
        let serving = serve(listener, &self.shared);
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).replace(serving);
    }

    /// Everything that came, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.log().requests.clone()
    }

    /// The records of all requests that were answered with 2xx, in the order of the requests, repeats included.
    pub fn records(&self) -> Vec<Value> {
        self.log().requests.iter().filter(|request| request.accepted).flat_map(Request::records).collect()
    }

    /// Waits until so many requests have come, answered or not.
    pub async fn until_requests(&self, count: usize) {
        until(&format!("{count} requests"), || self.log().requests.len() >= count).await;
    }

    /// Waits until so many different records have been accepted, and gives all.
    pub async fn until_records(&self, count: usize) -> Vec<Value> {
        until(&format!("{count} records at the endpoint"), || distinct(&self.records()) >= count).await;
        self.records()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.shared.log()
    }
}

/// How many different ones there are.
pub fn distinct(records: &[Value]) -> usize {
    records.iter().map(Value::to_string).collect::<std::collections::HashSet<_>>().len()
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request and answers it. An error breaks the connection.
    async fn answer(&self, request: hyper::Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let (index, answer) = {
            let mut log = self.log();
            let request = Request::new(&head, body);
            let answer = log.script.answer(&request);
            log.requests.push(request);
            (log.requests.len() - 1, answer)
        };
        let mut held = self.held.subscribe();
        // The sender lives as long as the endpoint.
        let _ = held.wait_for(|held| !held).await;
        tokio::time::sleep(answer.delay).await;
        let response = answer.response().ok_or_else(|| io::Error::other("told to break the connection"))?;
        self.log().requests[index].accepted = response.status().is_success();
        Ok(response)
    }
}

fn serve(listener: TcpListener, shared: &Arc<Shared>) -> Serving {
    let shared = Arc::clone(shared);
    Serving(tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            connections.spawn(converse(stream, Arc::clone(&shared)));
        }
    }))
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) -> Result<(), Infallible> {
    let _open = Open::new(&shared);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { shared.answer(request).await }
    });
    // A connection that breaks is what some tests want.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    Ok(())
}

/// Counts a connection for as long as it lives.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}
