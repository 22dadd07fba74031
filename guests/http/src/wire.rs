//! Requests on their way: with a token if there shall be one, and once more with a new one if it was not taken.

use danube_sink::{
    Error,
    http::{self, Request, Response},
};

use crate::config::Target;

/// The endpoint does not take the credentials.
const UNAUTHORIZED: u16 = 401;
/// The endpoint takes less in one request.
const PAYLOAD_TOO_LARGE: u16 = 413;

/// What came of a request.
pub(crate) enum Answer {
    /// 2xx.
    Written(Response),
    /// Fewer records in a request may help.
    TooLarge(Error),
    /// The host has not sent it: it is not granted.
    Denied(Error),
    /// Anything else.
    Failed(Error),
}

/// Sends requests concurrently. The answers stand in the order of the requests.
pub(crate) fn send_all(target: &Target, requests: Vec<Request>) -> Vec<Answer> {
    let Some(tokens) = &target.tokens else {
        return http::send_all(requests).into_iter().map(Answer::of).collect();
    };
    let with_token = |requests: Vec<Request>| match tokens.get() {
        Ok(token) => http::send_all(requests.into_iter().map(|request| request.bearer_auth(&token)).collect())
            .into_iter()
            .map(Ok)
            .collect(),
        Err(error) => requests.iter().map(|_| Err(error.clone())).collect::<Vec<_>>(),
    };
    let mut answers = with_token(requests.clone());
    let is_refused = |answer: &Result<_, Error>| matches!(answer, Ok(Ok(response)) if is_unauthorized(response));
    let refused: Vec<usize> = (0..answers.len()).filter(|index| is_refused(&answers[*index])).collect();
    if !refused.is_empty() {
        // It may have been revoked before its time. Once: a new token that is not taken either means something else.
        tokens.forget();
        let again = with_token(refused.iter().map(|index| requests[*index].clone()).collect());
        refused.into_iter().zip(again).for_each(|(index, answer)| answers[index] = answer);
    }
    answers.into_iter().map(|answer| answer.map_or_else(Answer::Failed, Answer::of)).collect()
}

fn is_unauthorized(response: &Response) -> bool {
    response.status() == UNAUTHORIZED
}

impl Answer {
    fn of(answer: Result<Response, http::Error>) -> Self {
        let response = match answer {
            Ok(response) => response,
            Err(error @ http::Error::RequestTooLarge(_)) => return Self::TooLarge(error.into()),
            Err(error @ http::Error::Denied(_)) => return Self::Denied(error.into()),
            Err(error) => return Self::Failed(error.into()),
        };
        match response.check_status() {
            Ok(()) => Self::Written(response),
            Err(error) if response.status() == PAYLOAD_TOO_LARGE => Self::TooLarge(error),
            Err(error) => Self::Failed(error),
        }
    }

    /// What it means for all of the request's records.
    pub(crate) fn verdict(self) -> Result<Response, Error> {
        match self {
            Self::Written(response) => Ok(response),
            Self::TooLarge(error) | Self::Denied(error) | Self::Failed(error) => Err(error),
        }
    }
}
