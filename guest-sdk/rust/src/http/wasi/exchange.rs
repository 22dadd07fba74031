//! One request and its response, resource by resource.

use wasip2::{
    http::{
        outgoing_handler,
        types::{Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme},
    },
    io::streams::StreamError,
};

use super::{deadline::Deadline, failure::error};
use crate::http::{Body, Error, Request, Response};

/// How much of a response is read at once, in bytes.
const CHUNK: u64 = 64 * 1024;

/// A request that is on its way.
pub(super) struct Started {
    url: String,
    response: FutureIncomingResponse,
    deadline: Deadline,
}

pub(super) fn start(request: Request) -> Result<Started, Error> {
    let Request { method, url, headers, body, timeout, flaw: _ } = request.checked()?;
    let content = body.as_ref().map_or(&[][..], Body::bytes);
    let outgoing = outgoing(&method, &url, headers, content.len())?;
    let sink = outgoing.body().map_err(|()| Error::InvalidRequest("it has no body to write".to_owned()))?;
    let deadline = Deadline::start(timeout);
    let response = outgoing_handler::handle(outgoing, None).map_err(|code| error(&code, &url))?;
    // A peer may answer early and close: then writing fails, and what it answered counts.
    match write(sink, content, &deadline) {
        Ok(()) | Err(Error::Protocol(_)) => Ok(Started { url, response, deadline }),
        Err(other) => Err(other),
    }
}

fn outgoing(method: &str, url: &str, headers: Vec<(String, String)>, length: usize) -> Result<OutgoingRequest, Error> {
    let mut fields: Vec<_> = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    if length > 0 {
        fields.push(("content-length".to_owned(), length.to_string().into_bytes()));
    }
    let fields = Fields::from_list(&fields).map_err(|error| Error::InvalidRequest(format!("headers: {error}")))?;
    let outgoing = OutgoingRequest::new(fields);
    let invalid = || Error::InvalidRequest(format!("method `{method}` or URL `{url}`"));
    let (scheme, rest) = match url.split_once("://") {
        Some(("http", rest)) => (Scheme::Http, rest),
        Some(("https", rest)) => (Scheme::Https, rest),
        Some(_) | None => return Err(invalid()),
    };
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    outgoing
        .set_method(&method_of(method))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&path)))
        .map_err(|()| invalid())?;
    Ok(outgoing)
}

fn method_of(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn write(body: OutgoingBody, mut content: &[u8], deadline: &Deadline) -> Result<(), Error> {
    let closed = |_: StreamError| Error::Protocol("the peer closed while the request was written".to_owned());
    let stream = body.write().map_err(|()| Error::InvalidRequest("its body was taken already".to_owned()))?;
    while !content.is_empty() {
        deadline.wait(&stream.subscribe())?;
        let room = usize::try_from(stream.check_write().map_err(closed)?).unwrap_or(usize::MAX);
        let (now, later) = content.split_at(room.min(content.len()));
        stream.write(now).map_err(closed)?;
        content = later;
    }
    stream.flush().map_err(closed)?;
    deadline.wait(&stream.subscribe())?;
    // A stream has to go before its body.
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| Error::Protocol(code.to_string()))
}

pub(super) fn finish(started: Started) -> Result<Response, Error> {
    let Started { url, response, deadline } = started;
    deadline.wait(&response.subscribe())?;
    let taken = || Error::Protocol("the response was taken already".to_owned());
    let answer = response.get().ok_or_else(taken)?.map_err(|()| taken())?;
    let response = answer.map_err(|code| error(&code, &url))?;
    let headers = response.headers().entries().into_iter();
    let headers =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned()));
    Ok(Response::from_parts(response.status(), headers.collect(), read(&response, &deadline)?))
}

fn read(response: &IncomingResponse, deadline: &Deadline) -> Result<Body, Error> {
    let taken = |()| Error::Protocol("the response was taken already".to_owned());
    let body = response.consume().map_err(taken)?;
    let stream = body.stream().map_err(taken)?;
    let mut bytes = Vec::new();
    loop {
        deadline.wait(&stream.subscribe())?;
        match stream.read(CHUNK) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => return Err(Error::Protocol(error.to_debug_string())),
        }
    }
    Ok(String::from_utf8(bytes).map_or_else(|error| Body::Binary(error.into_bytes()), Body::Text))
}
