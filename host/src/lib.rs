//! The host side of `dms:task-state`.

pub mod record;
