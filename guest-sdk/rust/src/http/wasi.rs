//! The same client over `wasi:http`, for components that shall also run on hosts without the contract's own interface.
//! It passes the same gate, and takes some twenty crossings per request where [`Request::send`] takes one.

#[cfg(target_family = "wasm")]
mod deadline;
#[cfg(target_family = "wasm")]
mod exchange;
#[cfg(target_family = "wasm")]
mod failure;

use super::{Error, Request, Response};

#[cfg(not(target_family = "wasm"))]
mod exchange {
    use super::{Error, Request, Response};
    use crate::testing;

    pub(super) fn start(request: Request) -> Result<Response, Error> {
        testing::answer(&request.checked()?)
    }

    pub(super) fn finish(response: Response) -> Result<Response, Error> {
        Ok(response)
    }
}

/// Sends a request and waits for the whole response, whatever its status.
///
/// # Errors
///
/// When there is no response. Of a refusal by the connector's file `wasi:http` tells only that it is one.
pub fn send(request: Request) -> Result<Response, Error> {
    finish(start(request)?)
}

/// Sends requests and waits for all. The servers work on them concurrently. The answers stand in the order of the
/// requests.
pub fn send_all(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
    let started: Vec<_> = requests.into_iter().map(start).collect();
    started.into_iter().map(|response| finish(response?)).collect()
}

use exchange::{finish, start};
