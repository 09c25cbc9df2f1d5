//! Puts the SDKs and the interface into the command, so that whoever has the command can begin and build a plugin.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// What is carried: a folder of the repository, or a file, and where it is in the command.
const CARRIED: [(&str, &str); 14] = [
    ("wit", "wit"),
    ("guest/src", "rust/src"),
    ("guest/template", "rust/template"),
    ("guest/python/src", "python/src"),
    ("guest/python/template", "python/template"),
    ("guest/js/bin", "js/bin"),
    ("guest/js/build", "js/build"),
    ("guest/js/runtime", "js/runtime"),
    ("guest/js/src", "js/src"),
    ("guest/js/testing", "js/testing"),
    ("guest/js/types", "js/types"),
    ("guest/js/wasi", "js/wasi"),
    ("guest/js/template", "js/template"),
    ("guest/js/template-ts", "js/template-ts"),
];
const CARRIED_FILES: [(&str, &str); 5] = [
    ("guest/Cargo.toml", "rust/Cargo.toml"),
    ("guest/python/pyproject.toml", "python/pyproject.toml"),
    ("guest/python/README.md", "python/README.md"),
    ("guest/js/package.json", "js/package.json"),
    ("guest/js/README.md", "js/README.md"),
];

/// What tools leave in such folders.
const LEFT_OUT: [&str; 5] = ["node_modules", "__pycache__", "target", ".mypy_cache", ".pytest_cache"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut files = Vec::new();
    for (folder, carried) in CARRIED {
        println!("cargo:rerun-if-changed={}", root.join(folder).display());
        find(&root.join(folder), carried, &mut files)?;
    }
    for (file, carried) in CARRIED_FILES {
        println!("cargo:rerun-if-changed={}", root.join(file).display());
        files.push((carried.to_owned(), root.join(file)));
    }
    files.sort();
    let mut text = String::from("pub(super) static FILES: &[(&str, &[u8])] = &[\n");
    for (carried, file) in files {
        text.push_str(&format!("    ({carried:?}, include_bytes!({:?})),\n", file.display().to_string()));
    }
    text.push_str("];\n");
    fs::write(Path::new(&std::env::var("OUT_DIR")?).join("sdk_files.rs"), text)?;
    Ok(())
}

fn find(folder: &Path, carried: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let carried = format!("{carried}/{name}");
        if path.is_dir() {
            find(&path, &carried, files)?;
        } else {
            files.push((carried, path));
        }
    }
    Ok(())
}
