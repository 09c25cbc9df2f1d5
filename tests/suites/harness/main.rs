//! The harness itself: its servers and its proxy do what they say. The other suites rest on that.

mod proxy;
mod server;
