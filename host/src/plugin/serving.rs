//! What a host serves its guests: an engine for each model of components, and what is linked to them.

use std::sync::{Mutex, OnceLock};

use wasmtime::component::Linker;
use wasmtime::{Cache, Engine};

use super::engine::{self, Allocation, Model};
use super::instance::Guest;
use super::lock;
use super::platform::Imports;
use crate::imports;

/// The linkers of a host, each with an engine of its own.
pub(super) struct Serving {
    allocation: Allocation,
    cache: Option<Cache>,
    imports: Imports,
    /// For the components of this model, and those that ask for less.
    first: (Model, Linker<Guest>),
    /// For all others, made when there is one.
    concurrent: OnceLock<Linker<Guest>>,
    /// Held while that is made: each takes the address space of a pool.
    making: Mutex<()>,
}

impl Serving {
    /// Serves so many runs at once, with compiled components kept on disk if asked for, and with imports of the
    /// platform's. If those are concurrent, all components are served as such.
    pub(super) fn new(runs: usize, cache: Option<Cache>, imports: Imports) -> wasmtime::Result<Self> {
        let of = |model| {
            let (engine, allocation) = engine::new(model, runs, cache.clone())?;
            Ok(((model, linker(&engine, &imports)?), allocation))
        };
        let (first, allocation) = of(Model::Synchronous).or_else(|error: wasmtime::Error| {
            tracing::debug!(error = format!("{error:#}"), "all components are served as concurrent ones");
            of(Model::Concurrent)
        })?;
        Ok(Self { allocation, cache, imports, first, concurrent: OnceLock::new(), making: Mutex::new(()) })
    }

    /// The engine that is always there.
    pub(super) fn engine(&self) -> &Engine {
        self.first.1.engine()
    }

    /// What is linked to a component.
    ///
    /// # Errors
    /// If there is no room for the second engine.
    pub(super) fn linker(&self, model: Model) -> wasmtime::Result<&Linker<Guest>> {
        if model <= self.first.0 {
            return Ok(&self.first.1);
        }
        let _turn = lock(&self.making);
        if let Some(made) = self.concurrent.get() {
            return Ok(made);
        }
        let made = linker(&self.allocation.engine(model, self.cache.clone())?, &self.imports)?;
        Ok(self.concurrent.get_or_init(|| made))
    }

    /// Moves the epoch on, by which guests are interrupted.
    pub(super) fn tick(&self) {
        self.engine().increment_epoch();
        if let Some(linker) = self.concurrent.get() {
            linker.engine().increment_epoch();
        }
    }
}

fn linker(engine: &Engine, imports: &Imports) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    imports::add_to_linker(&mut linker)?;
    imports.add_to(&mut linker)?;
    Ok(linker)
}
