//! What the endpoint answers.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;

use super::Request;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// `None`: the connection breaks instead.
    status: Option<u16>,
    headers: Vec<(&'static str, String)>,
    body: String,
    pub(super) delay: Duration,
}

impl Answer {
    /// An empty answer with this status.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), headers: Vec::new(), body: String::new(), delay: Duration::ZERO }
    }

    /// No answer: the connection breaks.
    pub fn broken() -> Self {
        Self { status: None, ..Self::status(0) }
    }

    /// With this body.
    #[must_use]
    pub fn body(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Only after this time.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    pub(super) fn response(&self) -> Option<Response<Full<Bytes>>> {
        let mut response = Response::builder().status(self.status?);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        Some(response.body(Full::from(self.body.clone())).unwrap())
    }
}

/// Who decides in place of the script.
pub(super) type Judge = Box<dyn FnMut(&Request) -> Answer + Send>;

/// Which answer comes when.
pub(super) struct Script {
    pub(super) next: VecDeque<Answer>,
    /// By a text in the body.
    pub(super) to: Vec<(String, Answer)>,
    pub(super) always: Answer,
    pub(super) judge: Option<Judge>,
}

impl Default for Script {
    fn default() -> Self {
        Self { next: VecDeque::new(), to: Vec::new(), always: Answer::status(200), judge: None }
    }
}

impl Script {
    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        if let Some(judge) = &mut self.judge {
            return judge(request);
        }
        let body = String::from_utf8_lossy(&request.body);
        if let Some((_, answer)) = self.to.iter().find(|(text, _)| body.contains(text)) {
            return answer.clone();
        }
        self.next.pop_front().unwrap_or_else(|| self.always.clone())
    }
}
