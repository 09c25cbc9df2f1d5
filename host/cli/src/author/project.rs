//! What is to be built: the language of a project or a file, and where its component goes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;

use crate::exit::Misuse;

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust
    Rust,
    /// Python
    Python,
    /// JavaScript
    Js,
    /// TypeScript
    Ts,
}

/// A plugin's sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    pub(crate) language: Language,
    /// The folder that it is in.
    pub(crate) folder: PathBuf,
    /// What the SDK is given: the folder, or the file that was named.
    pub(crate) source: PathBuf,
    /// Where its component goes.
    pub(crate) component: PathBuf,
}

/// The files that make a folder a project, in the order in which they count.
const MARKS: [(&str, Language); 3] =
    [("Cargo.toml", Language::Rust), ("package.json", Language::Js), ("pyproject.toml", Language::Python)];

impl Project {
    /// The project in a folder, or that of a single file.
    pub(crate) fn find(path: &Path) -> Result<Self, Misuse> {
        if path.is_dir() { Self::in_folder(path) } else { Self::of_file(path) }
    }

    fn of_file(path: &Path) -> Result<Self, Misuse> {
        let language = match path.extension().and_then(|extension| extension.to_str()) {
            Some("py") => Language::Python,
            Some("js" | "mjs") => Language::Js,
            Some("ts" | "mts") => Language::Ts,
            _ => {
                let why = "a plugin is a folder, or a file that ends in .py, .js, .mjs, .ts or .mts";
                return Err(Misuse(format!("cannot build {path:?}: {why}")));
            }
        };
        if !path.is_file() {
            return Err(Misuse(format!("cannot build {path:?}: there is no such file")));
        }
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { language, folder, source: path.to_owned(), component: path.with_extension("wasm") })
    }

    fn in_folder(folder: &Path) -> Result<Self, Misuse> {
        for (mark, language) in MARKS {
            let file = folder.join(mark);
            if file.is_file() {
                let name = name_in(&file, language)?;
                let component = file_in(folder, &format!("{name}.wasm"));
                return Ok(Self { language, folder: folder.to_owned(), source: folder.to_owned(), component });
            }
        }
        match &sources(folder)[..] {
            [source] => Self::of_file(source),
            [] => {
                let why = "there is no Cargo.toml, package.json, pyproject.toml, and no source, in it";
                Err(Misuse(format!("cannot build {folder:?}: {why}")))
            }
            [first, second, ..] => {
                let why = format!("name one of its sources, such as {first:?} or {second:?}");
                Err(Misuse(format!("cannot build {folder:?}: {why}")))
            }
        }
    }
}

/// A file in a folder, without a `./` that nobody has typed.
fn file_in(folder: &Path, name: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) }
}

/// The sources in a folder that could each be a plugin.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let is_source = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| ["py", "js", "mjs", "ts", "mts"].iter().any(|known| extension == *known))
    };
    let mut sources: Vec<_> = entries.filter(is_source).collect();
    sources.sort();
    sources
}

/// The name that a project gives itself.
fn name_in(file: &Path, language: Language) -> Result<String, Misuse> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    #[derive(Deserialize)]
    struct Manifest {
        package: Option<Named>,
        project: Option<Named>,
    }
    let cannot = |why: String| Misuse(format!("{}: {}", file.display(), crate::args::flat(&why)));
    let text = fs::read_to_string(file).map_err(|error| cannot(error.to_string()))?;
    let named = if language == Language::Js {
        Some(serde_json::from_str(&text).map_err(|error| cannot(format!("it names no package: {error}")))?)
    } else {
        let manifest: Manifest = toml::from_str(&text).map_err(|error| cannot(error.to_string()))?;
        if language == Language::Rust { manifest.package } else { manifest.project }
    };
    let name = named.map(|Named { name }| name).filter(|name| !name.is_empty() && !name.contains(['/', '\\']));
    name.ok_or_else(|| cannot("it gives no name that a file can have".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
        folder
    }

    fn found(files: &[(&str, &str)]) -> (Language, String) {
        let folder = folder(files);
        let project = Project::find(folder.path()).unwrap();
        (project.language, project.component.strip_prefix(folder.path()).unwrap().display().to_string())
    }

    #[test]
    fn a_project_is_known_by_the_file_that_its_language_has() {
        let rust = ("Cargo.toml", "[package]\nname = \"hello-rust\"\n");
        assert_eq!(found(&[rust]), (Language::Rust, "hello-rust.wasm".to_owned()));
        let python = ("pyproject.toml", "[project]\nname = \"hello\"\n");
        assert_eq!(found(&[python, ("a.py", ""), ("b.py", "")]), (Language::Python, "hello.wasm".to_owned()));
        let js = ("package.json", "{\"name\": \"hello-js\", \"main\": \"app.js\"}");
        assert_eq!(found(&[js, ("app.js", "")]), (Language::Js, "hello-js.wasm".to_owned()));
        assert_eq!(found(&[("worker.py", "")]), (Language::Python, "worker.wasm".to_owned()));
        assert_eq!(found(&[("app.ts", "")]), (Language::Ts, "app.wasm".to_owned()));
    }

    #[test]
    fn what_cannot_be_built_is_named_with_the_reason() {
        for (files, why) in [
            (&[][..], "there is no Cargo.toml"),
            (&[("a.py", ""), ("b.js", "")], "name one of its sources"),
            (&[("Cargo.toml", "[workspace]\n")], "it gives no name"),
            (&[("Cargo.toml", "[package")], "Cargo.toml: TOML parse error"),
            (&[("package.json", "{}")], "it names no package"),
            (&[("package.json", "{\"name\": \"@scope/x\"}")], "it gives no name that a file can have"),
        ] {
            let folder = folder(files);
            let Misuse(text) = Project::find(folder.path()).unwrap_err();
            assert!(text.contains(why) && text.contains(&*folder.path().display().to_string()), "{text}");
        }
        let Misuse(text) = Project::find(Path::new("no/such.py")).unwrap_err();
        assert_eq!(text, "cannot build \"no/such.py\": there is no such file");
        let Misuse(text) = Project::find(Path::new("plugin.rb")).unwrap_err();
        assert!(text.starts_with("cannot build \"plugin.rb\": a plugin is a folder, or a file"), "{text}");
    }
}
