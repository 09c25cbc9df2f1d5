//! Reading a request's body: bounded in bytes and in time.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::answer::detail;
use super::json::{Fault, Json};
use super::model::Invalid;

/// The most bytes that a body may have: several times the largest record.
pub(super) const MAX_BODY_BYTES: usize = 4 << 20;

/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(5);

/// Why a body was not read.
#[derive(Debug, PartialEq)]
pub(super) enum Unread {
    /// Nothing of it is known.
    Lost(Lost),
    /// It cannot be parsed in a way that has no place in it.
    Unparsed,
    /// It is not what it has to be.
    Invalid(Invalid),
}

impl Unread {
    /// What the request is answered.
    pub(super) fn answer(self) -> Response {
        match self {
            Self::Lost(why) => detail(why.status(), why.to_string()),
            Self::Unparsed => detail(StatusCode::BAD_REQUEST, "There was an error parsing the body"),
            Self::Invalid(invalid) => invalid.answer(),
        }
    }
}

/// A body that did not come whole.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Lost {
    #[error("The body has more than {0} bytes")]
    TooLong(usize),
    #[error("The body broke off")]
    BrokenOff,
    #[error("The body did not come within {} seconds", .0.as_secs())]
    TooLate(Duration),
}

impl Lost {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::TooLate(_) => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// Reads a body of at most so many bytes, which is to come within a time.
pub(crate) async fn bytes(body: Body, most: usize, time: Duration) -> Result<Bytes, Lost> {
    match tokio::time::timeout(time, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Lost::TooLong(most)),
        Ok(Err(_)) => Err(Lost::BrokenOff),
        Err(_) => Err(Lost::TooLate(time)),
    }
}

/// Reads the document of a request.
pub(super) async fn read(request: Request<Body>) -> Result<Json, Unread> {
    let (head, body) = request.into_parts();
    let bytes = bytes(body, MAX_BODY_BYTES, BODY_TIME).await.map_err(Unread::Lost)?;
    if bytes.is_empty() {
        return Err(Unread::Invalid(Invalid::absent()));
    }
    if !is_json(&head.headers) {
        let text = std::str::from_utf8(&bytes).map_err(|_| Unread::Unparsed)?;
        return Err(Unread::Invalid(Invalid::no_object(Json::text(text))));
    }
    Json::parse(&bytes).map_err(|fault| match fault {
        Fault::At(place, why) => Unread::Invalid(Invalid::not_json(place, why)),
        Fault::Unreadable => Unread::Unparsed,
    })
}

/// Whether the request says that its body is JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some(subtype) = kind.strip_prefix("application/") else { return false };
    subtype == "json" || subtype.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_as(kind: &str, body: impl Into<Body>) -> Result<Json, Unread> {
        read(Request::builder().header(CONTENT_TYPE, kind).body(body.into()).unwrap()).await
    }

    #[tokio::test]
    async fn what_is_said_to_be_json_is_read_as_json() {
        for kind in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert_eq!(read_as(kind, "[1]").await.unwrap().encode(), "[1]", "{kind}");
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "json", ""] {
            assert_eq!(
                read_as(kind, "[1]").await,
                Err(Unread::Invalid(Invalid::no_object(Json::text("[1]")))),
                "{kind}"
            );
        }
    }

    #[tokio::test]
    async fn a_body_that_is_none_is_told_from_one_that_is_lost() {
        let kind = "application/json";
        assert_eq!(read_as(kind, "").await, Err(Unread::Invalid(Invalid::absent())));
        assert_eq!(
            read_as(kind, "{").await,
            Err(Unread::Invalid(Invalid::not_json(1, "Expecting property name enclosed in double quotes")))
        );
        assert_eq!(read_as(kind, vec![b'"', 0xff, b'"']).await, Err(Unread::Unparsed));
        let long = read_as(kind, "1".repeat(MAX_BODY_BYTES + 1)).await;
        assert_eq!(long, Err(Unread::Lost(Lost::TooLong(MAX_BODY_BYTES))));
    }
}
