//! `task-state serve`: real processes, asked over HTTP, on real stores; and where they can be had, the DMS scheduler
//! that it stands in for, and the frontend that asks it.

mod access;
mod bounds;
mod contract;
mod deploy;
mod failover;
mod fixture;
mod frontend;
mod frontend_contract;
mod life;
mod operators;
mod peers;
mod registry;
mod rolling;
