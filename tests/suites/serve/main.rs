//! `task-state serve`: real processes, asked over HTTP, on real stores; and where they can be had, the DMS scheduler
//! that it stands in for, and the frontend that asks it.

mod access;
mod api;
mod bounds;
mod contract;
mod deploy;
mod events;
mod failover;
mod fixture;
mod frontend;
mod frontend_contract;
mod frontend_tasks;
mod life;
mod openapi;
mod operators;
mod recorded;
mod registry;
mod rolling;
mod watching;
