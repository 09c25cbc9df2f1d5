//! What the suites share: real servers to run against, and ways to make them fail.

pub mod bench_table;
pub mod bombs;
mod cargo;
pub mod command;
pub mod examples;
pub mod faulty_store;
pub mod guests;
pub mod http_server;
pub mod peers;
pub mod port;
pub mod proxy;
pub mod redis_server;
pub mod redis_store;
pub mod registry_server;
pub mod resp;
pub mod scripted_server;
pub mod sentinel;
pub mod tasks;
pub mod tls;
pub mod wait;
pub mod wrapped_store;

/// The programs of the documentation, which are to compile.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../README.md")]
    struct Readme;

    #[doc = include_str!("../../host/README.md")]
    struct Host;

    #[doc = include_str!("../../host/serve/README.md")]
    struct Serve;

    #[doc = include_str!("../../guest/README.md")]
    struct Guest;
}
