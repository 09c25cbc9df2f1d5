//! Reading the body of a request: bounded in bytes and in time, and JSON that is held to what is asked for.

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::params::{short, unprocessable};
use crate::http::Problem;
use crate::http::answer::line;
use crate::http::body::bytes;

/// The most bytes that a document may have: several times the largest record.
const MAX_BYTES: usize = 4 << 20;

/// How long a document may take to come.
const TIME: Duration = Duration::from_secs(10);

/// Reads the document of a request.
pub(super) async fn document<T: DeserializeOwned>(request: http::Request<Body>) -> Result<T, Problem> {
    let (head, body) = request.into_parts();
    let kind = head.headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default().to_owned());
    let kind = kind.unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // A form of another page may send other kinds without being asked whether it may.
    if essence != "application/json" {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is to be application/json")
            .with("value", short(&kind))
            .with("allowed", "application/json"));
    }
    let bytes = bytes(body, MAX_BYTES, TIME).await?;
    serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => unprocessable(line(error)),
        _ => Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {}", line(error))),
    })
}
