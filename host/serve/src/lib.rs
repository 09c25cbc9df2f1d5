//! The platform that dispatches tasks to plugins.
//!
//! A [`Platform`] is what [`PlatformConfig`] says: plugins loaded on a host, a queue of tasks that they run, and the
//! HTTP contract of the DMS scheduler in front, so that its frontend dispatches to it. An embedder that has a server of
//! its own takes the [`router`] alone; one that wants no HTTP takes [`task_state_host::dispatch`].
//!
//! ```no_run
//! use std::path::Path;
//!
//! use task_state_host::Settings;
//! use task_state_host::store::{self, StoreUrl};
//! use task_state_serve::{Platform, PlatformConfig, Surroundings};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let config = PlatformConfig::read(Path::new("platform.toml"))?;
//!     let settings = Settings::from_env()?;
//!     let store = store::open(&StoreUrl::parse("sqlite:tasks.db")?, &settings).await?;
//!     let platform = Platform::start(config, Surroundings::new(store, settings.time_zone.name())).await?;
//!     println!("listening at {}", platform.address());
//!     tokio::signal::ctrl_c().await?;
//!     platform.stop().await;
//!     Ok(())
//! }
//! ```

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod access;
pub mod config;
mod events;
pub mod http;
mod metrics;
mod platform;
mod presence;
mod server;
mod unstalled;

pub use access::{Caller, Operator, Role, Tokens};
pub use config::{ConfigError, PlatformConfig, PluginConfig, Problem};
pub use http::{Contract, Held, Readiness, Token, router};
pub use metrics::Metrics;
pub use platform::{NotLoaded, Platform, Reloaded, ServeError, Surroundings};
