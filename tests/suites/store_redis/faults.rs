//! What goes wrong between a host and its Redis, and in it: what was acknowledged is there once, what was not is there at
//! most once, and nothing is half-written.

mod clock;
mod limits;
mod load;
mod once;
mod others;
mod peer;
mod replicas;
mod servers;
mod types;
mod urls;
