//! How long a component takes to be loaded: compiled, and from the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use task_state_host::{Grants, Host};

use crate::Setting;
use crate::guests::{SERVICE, add_native};
use crate::nothing::Nothing;
use task_state_tests::bench_table::{Results, Unit};

const COLD: &str = "compiled";
const CACHED: &str = "from the cache";

/// How often it is loaded from the cache in a round.
const AGAIN: usize = 5;

/// The name of what is being written.
const UNFINISHED: &str = "wip";

/// The least bytes of compiled code: other files of the cache are smaller.
const CODE: u64 = 16 << 10;

pub(crate) async fn measure(
    setting: &Setting,
    results: &mut Results,
    components: &[(&str, &Path)],
    cache: &Path,
) -> Result<()> {
    let named = std::env::var_os("XDG_CACHE_HOME");
    ensure!(named.as_deref() == Some(cache.as_os_str()), "XDG_CACHE_HOME does not name {}", cache.display());
    for round in 0..setting.rounds {
        setting.tell("start", round);
        for (language, file) in components {
            empty(cache).await?;
            results.add(&what(language), COLD, Unit::Seconds, load(file).await?);
            written(cache).await?;
            for _ in 0..AGAIN {
                results.add(&what(language), CACHED, Unit::Seconds, load(file).await?);
            }
        }
    }
    for (language, _) in components {
        let times = results.times(&what(language), COLD, CACHED);
        results.goal(format!("{}, times faster from the cache (at least 50)", what(language)), format!("{times:.0}"));
    }
    Ok(())
}

fn what(language: &str) -> String {
    format!("start of a {language} component")
}

/// Loads a component on a host of its own. Gives the seconds that it took.
async fn load(file: &Path) -> Result<f64> {
    let nothing = Nothing::new().await?;
    let native = nothing.clone();
    let host =
        Host::builder(nothing).max_concurrent_runs(1).imports(move |linker| add_native(linker, &native)).build()?;
    let start = Instant::now();
    host.load_file(file, Grants::for_services([SERVICE])).await?;
    Ok(start.elapsed().as_secs_f64())
}

/// Removes a cache, although those who loaded from it may still be writing down that they have.
async fn empty(cache: &Path) -> Result<()> {
    let start = Instant::now();
    while cache.exists() {
        match fs::remove_dir_all(cache) {
            Err(error) if start.elapsed() > Duration::from_secs(10) => {
                return Err(error).with_context(|| format!("cannot empty {}", cache.display()));
            }
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    Ok(())
}

/// Waits until compiled code is in the cache: it is written in the background.
async fn written(cache: &Path) -> Result<()> {
    let start = Instant::now();
    while !files(cache)?.iter().any(|file| is_code(file)) {
        ensure!(start.elapsed() < Duration::from_secs(60), "nothing came into the cache {}", cache.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn is_code(file: &Path) -> bool {
    let is_unfinished = file.file_name().is_none_or(|name| name.to_string_lossy().contains(UNFINISHED));
    !is_unfinished && file.metadata().is_ok_and(|metadata| metadata.len() >= CODE)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(self::files(&path)?) } else { files.push(path) }
    }
    Ok(files)
}
