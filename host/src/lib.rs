//! The host side of `dms:task-state`.

pub mod record;
mod settings;
pub mod store;

pub use settings::{BadVariable, DEFAULT_TTL, Settings};
