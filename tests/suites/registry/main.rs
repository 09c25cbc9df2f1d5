//! Plugins from a registry: a real one on the loopback interface, and others that lie.

mod credentials;
mod fixture;
mod layout;
mod lies;
mod story;
