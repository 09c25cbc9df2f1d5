//! Inputs of tasks, uploaded as they come: no more than a piece of one is held.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use ring::digest;
use serde_json::json;
use task_state_host::store::{InputId, SharedStore};
use tokio::time::{Instant, timeout_at};

use super::errors::store_problem;
use crate::access::Caller;
use crate::http::{Problem, Shared, document};

/// How long an upload may take, and how long the next piece of it.
const TIME: Duration = Duration::from_secs(600);
const PIECE_TIME: Duration = Duration::from_secs(30);

pub(super) async fn upload(
    State(shared): State<Shared>,
    caller: Caller,
    request: Request<Body>,
) -> Result<Response, Problem> {
    caller.known()?;
    let most = shared.max_input_bytes;
    let said = request.headers().get(http::header::CONTENT_LENGTH);
    let said = said.and_then(|length| length.to_str().ok()).and_then(|length| length.parse::<u64>().ok());
    if said.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let id = InputId::unique();
    let (bytes, sum) = store_all(shared.store(), &id, request.into_body(), most).await?;
    let hex: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(document(StatusCode::CREATED, &json!({"input_id": id.as_str(), "bytes": bytes, "sha256": hex})))
}

fn too_large(most: u64) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the input has more than {most} bytes")).with("allowed", most)
}

/// Writes a body as an input, and gives how many bytes it has, and their sum.
async fn store_all(
    store: &SharedStore,
    id: &InputId,
    mut body: Body,
    most: u64,
) -> Result<(u64, digest::Digest), Problem> {
    let end = Instant::now() + TIME;
    let mut sum = digest::Context::new(&digest::SHA256);
    let mut offset = 0;
    while let Some(piece) = next_piece(&mut body, end).await? {
        if offset + piece.len() as u64 > most {
            return Err(too_large(most));
        }
        let length = piece.len() as u64;
        sum.update(&piece);
        store.put_input(id, offset, piece).await.map_err(store_problem)?;
        offset += length;
    }
    if offset == 0 {
        store.put_input(id, 0, Bytes::new()).await.map_err(store_problem)?;
    }
    Ok((offset, sum.finish()))
}

async fn next_piece(body: &mut Body, end: Instant) -> Result<Option<Bytes>, Problem> {
    loop {
        let until = end.min(Instant::now() + PIECE_TIME);
        match timeout_at(until, body.frame()).await {
            Err(_) => {
                let why = "the input did not come in time";
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, why).with("allowed", TIME.as_secs()));
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(Problem::new(StatusCode::BAD_REQUEST, "the input broke off")),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                _ => {}
            },
        }
    }
}
