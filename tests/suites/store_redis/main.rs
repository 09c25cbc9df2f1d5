//! The Redis engine, held to the promises that only it makes.

mod changes;
mod check;
mod cost;
mod faults;
mod fixture;
mod follow;
mod history;
mod input;
mod keys;
mod listener;
mod listing;
mod queue;
mod reader;
mod sweeper;
mod writes;
