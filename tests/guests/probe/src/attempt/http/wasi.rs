//! Requests with `wasi:http`, put together from the parts of a URL as they stand there: nothing is normalised on the way.

use wasip2::{
    http::{
        outgoing_handler,
        types::{Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme},
    },
    io::streams::StreamError,
};

use super::super::{Request, counted};

/// The most that one blocking write takes, in bytes.
const WRITE: usize = 4096;

/// The status, or the step that was refused and how.
pub(crate) fn send(request: &Request) -> String {
    start(request).and_then(|response| finish(&response)).map_or_else(|refusal| refusal, |answer| answer.status)
}

/// The status, the headers and the body.
pub(crate) fn answer(request: &Request) -> String {
    let answer = start(request).and_then(|response| finish(&response));
    answer.map_or_else(|refusal| refusal, |Answer { status, headers, body }| format!("{status} {headers} {body}"))
}

/// What stands in the headers of a request when it has been sent: in those that it was made of, and in its own.
pub(crate) fn kept(request: &Request) -> String {
    let sent = fields(&request.headers).and_then(|fields| {
        let (outgoing, body) = outgoing_with(request, fields.clone())?;
        let held = outgoing.headers();
        let response = outgoing_handler::handle(outgoing, None).map_err(|code| format!("{code:?}"))?;
        OutgoingBody::finish(body, None).map_err(|code| format!("finish: {code:?}"))?;
        let Answer { status, .. } = finish(&response)?;
        Ok(format!("{status} {} {}", entries(&fields.entries()), entries(&held.entries())))
    });
    sent.unwrap_or_else(|refusal| refusal)
}

/// Starts so many, and drops each at once.
pub(crate) fn abandon(request: &Request, count: usize) -> String {
    counted((0..count).map(|_| start(request).map_or_else(|refusal| refusal, |_| "begun".to_owned())))
}

/// What came of so many that are under way at once.
pub(crate) fn send_all(request: &Request, count: usize) -> String {
    let started: Vec<_> = (0..count).map(|_| start(request)).collect();
    counted(
        started
            .into_iter()
            .map(|started| started.and_then(|response| finish(&response)))
            .map(|outcome| outcome.map_or_else(|refusal| refusal, |answer| answer.status)),
    )
}

fn start(request: &Request) -> Result<FutureIncomingResponse, String> {
    let (outgoing, body) = outgoing_with(request, fields(&request.headers)?)?;
    let response = outgoing_handler::handle(outgoing, None).map_err(|code| format!("{code:?}"))?;
    write(&body, request.body.as_bytes())?;
    // What is wrong with the body shows in the response as well.
    let finished = OutgoingBody::finish(body, None).map_err(|code| format!("finish: {code:?}"));
    finished.map(|()| response)
}

fn fields(headers: &[(String, String)]) -> Result<Fields, String> {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).map_err(|error| format!("header: {error:?}"))?;
    }
    Ok(fields)
}

fn outgoing_with(
    Request { method, url, .. }: &Request,
    fields: Fields,
) -> Result<(OutgoingRequest, OutgoingBody), String> {
    let (scheme, rest) = url.split_once("://").ok_or("url: no scheme")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let outgoing = OutgoingRequest::new(fields);
    let refused = |what: &str| format!("{what}: refused");
    outgoing.set_method(&method_of(method)).map_err(|()| refused("method"))?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| refused("scheme"))?;
    outgoing.set_authority(Some(authority)).map_err(|()| refused("authority"))?;
    outgoing.set_path_with_query(Some(path)).map_err(|()| refused("path"))?;
    let body = outgoing.body().map_err(|()| refused("body"))?;
    Ok((outgoing, body))
}

fn method_of(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        other => Method::Other(other.to_owned()),
    }
}

fn write(body: &OutgoingBody, content: &[u8]) -> Result<(), String> {
    let stream = body.write().map_err(|()| "write: refused".to_owned())?;
    content.chunks(WRITE).try_for_each(|piece| {
        stream.blocking_write_and_flush(piece).map_err(|error| match error {
            StreamError::Closed => "write: closed".to_owned(),
            StreamError::LastOperationFailed(error) => format!("write: {}", error.to_debug_string()),
        })
    })
}

struct Answer {
    status: String,
    headers: String,
    body: String,
}

fn entries(entries: &[(String, Vec<u8>)]) -> String {
    let told = |(name, value): &(String, Vec<u8>)| format!("{name}: {}", String::from_utf8_lossy(value));
    format!("{:?}", entries.iter().map(told).collect::<Vec<_>>())
}

fn finish(response: &FutureIncomingResponse) -> Result<Answer, String> {
    response.subscribe().block();
    let answer = response.get().and_then(Result::ok).ok_or("response: refused")?;
    let answer = answer.map_err(|code| format!("{code:?}"))?;
    let (status, headers) = (answer.status().to_string(), entries(&answer.headers().entries()));
    let body = answer.consume().map_err(|()| "consume: refused".to_owned())?;
    let stream = body.stream().map_err(|()| "stream: refused".to_owned())?;
    let mut read = Vec::new();
    loop {
        match stream.blocking_read(u64::MAX) {
            Ok(some) => read.extend(some),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => return Err(format!("read: {}", error.to_debug_string())),
        }
    }
    Ok(Answer { status, headers, body: String::from_utf8_lossy(&read).into_owned() })
}
