//! Where requests leave the sink: to the host, or natively to the test that plays it.

use crate::http::{Error, Request, Response};

#[cfg(target_family = "wasm")]
mod host {
    use super::{Error, Request, Response};
    use crate::{bindings::danube::sink::http as contract, http::Body};

    pub(in crate::http) fn send(request: Request) -> Result<Response, Error> {
        let request = contract::Request::from(request.checked()?);
        contract::send(&request).map(Response::from).map_err(Error::from)
    }

    pub(in crate::http) fn send_all(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
        // Those with a flaw stay here; the others go together and their answers take the places left.
        let mut sendable = Vec::with_capacity(requests.len());
        let flaws: Vec<Option<Error>> = requests
            .into_iter()
            .map(|request| request.checked().map(|request| sendable.push(contract::Request::from(request))).err())
            .collect();
        let mut answers = contract::send_all(&sendable).into_iter();
        let missing = || Error::Protocol("the host gave too few answers".to_owned());
        flaws
            .into_iter()
            .map(|flaw| match flaw {
                Some(flaw) => Err(flaw),
                None => answers.next().map_or_else(|| Err(missing()), |answer| Ok(answer?.into())),
            })
            .collect()
    }

    impl From<Request> for contract::Request {
        fn from(request: Request) -> Self {
            let Request { method, url, headers, body, timeout, flaw: _ } = request;
            let body = body.map(|body| match body {
                Body::Text(text) => contract::Body::Text(text),
                Body::Binary(bytes) => contract::Body::Binary(bytes),
            });
            let timeout_ms = timeout.map(|timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
            Self { method, url, headers, body, timeout_ms }
        }
    }

    impl From<contract::Response> for Response {
        fn from(response: contract::Response) -> Self {
            let contract::Response { status, headers, body } = response;
            let body = match body {
                contract::Body::Text(text) => Body::Text(text),
                contract::Body::Binary(bytes) => Body::Binary(bytes),
            };
            Self::from_parts(status, headers, body)
        }
    }

    impl From<contract::HttpError> for Error {
        fn from(error: contract::HttpError) -> Self {
            match error {
                contract::HttpError::Denied(why) => Self::Denied(why),
                contract::HttpError::InvalidRequest(why) => Self::InvalidRequest(why),
                contract::HttpError::RequestTooLarge(why) => Self::RequestTooLarge(why),
                contract::HttpError::Connect(why) => Self::Connect(why),
                contract::HttpError::Tls(why) => Self::Tls(why),
                contract::HttpError::Timeout(why) => Self::Timeout(why),
                contract::HttpError::TooLarge(why) => Self::TooLarge(why),
                contract::HttpError::Protocol(why) => Self::Protocol(why),
            }
        }
    }
}

#[cfg(not(target_family = "wasm"))]
mod host {
    use super::{Error, Request, Response};
    use crate::testing;

    pub(in crate::http) fn send(request: Request) -> Result<Response, Error> {
        testing::answer(&request.checked()?)
    }

    pub(in crate::http) fn send_all(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
        requests.into_iter().map(send).collect()
    }
}

pub(in crate::http) use host::{send, send_all};
