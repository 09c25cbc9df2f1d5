//! Answers as the scheduler gives them.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::json::Json;
use super::problem::Problem;

/// An answer with a document.
pub(super) fn json(status: StatusCode, body: &Json) -> Response {
    written(status, body.encode())
}

/// An answer with a document that is written down already.
pub(super) fn written(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer with a document of the platform's own interface.
pub(crate) fn document(status: StatusCode, body: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => written(status, body),
        Err(error) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, line(error)).into_response(),
    }
}

/// An answer with a text as its `detail`.
pub(super) fn detail(status: StatusCode, text: impl Into<String>) -> Response {
    json(status, &Json::object([("detail", Json::text(text))]))
}

/// An error's text on one line.
pub(super) fn line(text: impl ToString) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The beginning of a name that a caller has given, for a log that no caller is to fill.
pub(super) fn short(name: &str) -> &str {
    const MAX_BYTES: usize = 200;
    &name[..name.floor_char_boundary(MAX_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_log_is_short_and_whole_characters() {
        assert_eq!(short("alice"), "alice");
        assert_eq!(short(&"앨".repeat(1_000)), "앨".repeat(66));
    }
}
