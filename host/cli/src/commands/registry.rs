//! `push` and `pull`: components to a registry and from there.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use task_state_host::{Grants, LoadError, LoadLimits, Sha256};
use task_state_registry::{Contents, Reference, Registry, write_whole};

use super::plugin_file::{PluginFile, no_store, not_loaded};
use crate::args::{PullArgs, PushArgs};
use crate::exit::{Exit, Misuse};
use crate::output::{Out, Screen, name};

pub(super) async fn push(args: PushArgs, out: &mut Out, screen: &Screen) -> anyhow::Result<Exit> {
    let file = PluginFile::beside(&args.plugin, Grants::none())?;
    let host = file.host(no_store()?)?;
    let bytes = read(&args.plugin, host.load_limits())?;
    let inspected = host.inspect(&bytes, file.manifest.clone()).await;
    let inspection = inspected.map_err(|error| not_loaded(&file.component, error))?;
    match &inspection.refusal {
        None => {}
        // Another platform may serve what this command does not.
        Some(error @ LoadError::UnservedImport { .. }) => screen.line(&format!("warning: {error}")),
        Some(_) => {
            let refusal = inspection.refusal.context("it was refused")?;
            return Err(not_loaded(&file.component, refusal));
        }
    }
    let mut contents = Contents::new(bytes, &inspection);
    contents.title = args.plugin.file_name().map(|name| name.to_string_lossy().into_owned());
    contents.author = args.author;
    let pinned = Registry::from_env().push(&args.way.artifact(args.reference), &contents).await?;
    let document = json!({
        "reference": pinned.to_string(),
        "digest": pinned.digest().map(|digest| format!("sha256:{digest}")),
        "size": inspection.size,
        "sha256": inspection.sha256.to_string(),
    });
    out.result(&pinned.to_string(), &document)?;
    Ok(Exit::Done)
}

/// Reads a component, or as much of it as shows that it is too large.
fn read(path: &Path, limits: &LoadLimits) -> anyhow::Result<Vec<u8>> {
    let most = u64::try_from(limits.component_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|error| Misuse(format!("cannot read {path:?}: {error}")))?;
    Ok(bytes)
}

pub(super) async fn pull(args: PullArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let file = args.component.unwrap_or_else(|| file_name(&args.reference));
    let most = LoadLimits::default().component_bytes as u64;
    let pulled = Registry::from_env().pull(&args.way.artifact(args.reference), most).await?;
    write(&file, &pulled.bytes).map_err(|error| Misuse(format!("cannot write {file:?}: {error}")))?;
    let (shown, reference) = (file.display().to_string(), pulled.reference.to_string());
    let document = json!({
        "reference": reference,
        "component": shown,
        "size": pulled.bytes.len(),
        "sha256": Sha256::of(&pulled.bytes).to_string(),
    });
    out.result(&format!("{}: {reference}", name(&shown)), &document)?;
    Ok(Exit::Done)
}

/// Writes a file whole, or to what is there and is none: a pipe, or a device.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match path.metadata() {
        Ok(kind) if !kind.is_file() && !kind.is_dir() => std::fs::write(path, bytes),
        _ => write_whole(path, bytes),
    }
}

/// The last part of a repository's name, which holds nothing that leads to another directory.
fn file_name(reference: &Reference) -> PathBuf {
    let last = reference.repository().rsplit('/').next().unwrap_or_default();
    PathBuf::from(format!("{last}.wasm"))
}
