//! What a plugin was granted, opened for one run.

use std::sync::Arc;

use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

use super::{Capabilities, Value};
use crate::plugin::StartError;
use crate::redaction::Redaction;

/// What a plugin was granted, opened for one run: nothing more is in the WASI context.
pub(in crate::plugin) struct Opened {
    pub(in crate::plugin) wasi: WasiCtxBuilder,
    pub(in crate::plugin) redaction: Redaction,
}

impl Opened {
    /// Opens directories and reads secrets. Nothing was written before.
    pub(in crate::plugin) async fn open(granted: &Arc<Capabilities>) -> Result<Self, StartError> {
        if granted.directories.is_empty() && granted.environment.is_empty() {
            return Ok(Self { wasi: WasiCtx::builder(), redaction: Redaction::default() });
        }
        let granted = granted.clone();
        let opened = tokio::task::spawn_blocking(move || granted.open_now()).await;
        opened.unwrap_or_else(|error| Err(StartError::Store(crate::store::Error::Failed(error.to_string()))))
    }
}

impl Capabilities {
    fn open_now(&self) -> Result<Opened, StartError> {
        let mut wasi = WasiCtx::builder();
        for directory in &self.directories {
            let failed = |error| StartError::Directory { path: directory.host().to_owned(), error };
            directory.open(&mut wasi).map_err(failed)?;
        }
        let mut secrets = Vec::new();
        for (name, value) in &self.environment {
            match value {
                Value::Plain(value) => _ = wasi.env(name, value),
                Value::Secret(source) => {
                    let value = source.read().map_err(|why| StartError::Secret { name: name.clone(), why })?;
                    wasi.env(name, &value);
                    secrets.push((name.clone(), value));
                }
            }
        }
        Ok(Opened { wasi, redaction: Redaction::new(secrets) })
    }
}
