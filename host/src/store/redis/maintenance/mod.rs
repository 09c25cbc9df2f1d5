//! What keeps records and indexes together: the listener for expired tasks, the sweeper, and the check.

mod check;
mod listener;
mod sweeper;
