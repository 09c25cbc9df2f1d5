//! The engines, held to every promise of a store, and SQLite to what only it promises.

mod conformance;
mod engines;
mod processes;
