//! What a platform adds: imports of its own to a host, and what they and WASI find in one run.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime_wasi::WasiCtxBuilder;

use super::instance::{Extended, Guest};

type Add = Box<dyn Fn(&mut Linker<Guest>) -> wasmtime::Result<()> + Send + Sync>;

/// Imports that a platform serves.
#[derive(Default)]
pub(super) struct Imports(Vec<Add>);

impl Imports {
    pub(super) fn push(&mut self, add: impl Fn(&mut Linker<Guest>) -> wasmtime::Result<()> + Send + Sync + 'static) {
        self.0.push(Box::new(add));
    }

    pub(super) fn add_to(&self, linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
        self.0.iter().try_for_each(|add| add(linker))
    }
}

impl fmt::Debug for Imports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the platform's", self.0.len())
    }
}

type MakeExtension = dyn Fn() -> Extended + Send + Sync;
type GrantWasi = dyn Fn(&mut WasiCtxBuilder) + Send + Sync;

/// What a platform gives one run.
#[derive(Clone, Default)]
pub(super) struct Platform {
    extension: Option<Arc<MakeExtension>>,
    wasi: Option<Arc<GrantWasi>>,
}

impl Platform {
    pub(super) fn set_extension<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.extension = Some(Arc::new(move || Box::new(value.clone())));
    }

    pub(super) fn set_wasi(&mut self, grant: impl Fn(&mut WasiCtxBuilder) + Send + Sync + 'static) {
        self.wasi = Some(Arc::new(grant));
    }

    pub(super) fn extension(&self) -> Option<Extended> {
        self.extension.as_ref().map(|make| make())
    }

    pub(super) fn grant(&self, wasi: &mut WasiCtxBuilder) {
        if let Some(grant) = &self.wasi {
            grant(wasi);
        }
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (extension, wasi) = (self.extension.is_some(), self.wasi.is_some());
        f.debug_struct("Platform").field("extension", &extension).field("wasi", &wasi).finish()
    }
}
