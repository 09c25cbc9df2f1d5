//! One server: the connection to it, requests and their answers, scripts, and the session that makes an operation happen
//! once. Nothing here knows a task.

pub(super) mod auto_pipeline;
pub(super) mod link;
pub(super) mod session;
