//! The harness itself: its servers and its proxy do what they say. The other suites rest on that.

#[path = "harness/proxy.rs"]
mod proxy;
#[path = "harness/server.rs"]
mod server;
