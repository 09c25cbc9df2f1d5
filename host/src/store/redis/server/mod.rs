//! One server: the connection to it, requests and their answers, scripts, and the session that carries an operation out
//! once. Nothing here knows a task.

mod auto_pipeline;
mod connection;
mod link;
mod retry;
mod script;
mod sentinel;
mod session;
mod stream;

pub(super) use link::Link;
pub(super) use retry::{Answer, Failure, Next, after as next_after, is_wrong_type, parse, right_typed};

pub(super) use crate::jitter::random_fraction;
pub(super) use script::Script;
pub(super) use session::{Operation, Outcome, Session};
