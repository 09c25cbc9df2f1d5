//! `new`: a project that builds and passes its tests.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::{Language, sdk};
use crate::exit::Misuse;

/// What stands for the project's name in a template.
const PLACEHOLDER: &str = "NAME_";

/// The longest name: it is that of a file, too.
const MAX_NAME_BYTES: usize = 64;

/// Makes a project in a folder of its name.
///
/// # Errors
/// [`Misuse`] for a name that a crate, a package and a module cannot all have, or if the folder is there already.
pub(crate) fn new(name: &str, language: Language, folder: &Path) -> anyhow::Result<()> {
    check_name(name)?;
    if folder.exists() {
        return Err(Misuse(format!("{} is there already", folder.display())).into());
    }
    let made = write(name, language, folder);
    if made.is_err() {
        // Half a project is worse than none.
        let _ = fs::remove_dir_all(folder);
    }
    made.with_context(|| format!("cannot make the project {name}"))
}

fn write(name: &str, language: Language, folder: &Path) -> anyhow::Result<()> {
    for (path, text) in sdk::template_files(language) {
        let path = path.replace(PLACEHOLDER, name);
        let text = String::from_utf8_lossy(text).replace(PLACEHOLDER, name);
        sdk::write_file(&folder.join(path), text.as_bytes())?;
    }
    sdk::write(language, &folder.join("sdk"))
}

/// A name is that of a crate, of an npm package, of a Python module and of a file.
fn check_name(name: &str) -> Result<(), Misuse> {
    let is_name = name.len() <= MAX_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_name && !RESERVED.contains(&name) {
        return Ok(());
    }
    let why = if is_name {
        "it means something else in one of the languages".to_owned()
    } else {
        format!("it has lower-case letters, digits and '_', begins with a letter, and has {MAX_NAME_BYTES} at the most")
    };
    Err(Misuse(format!("invalid name {name:?}: {why}")))
}

/// Names that mean something else in Rust, Python or JavaScript, or in the project itself.
const RESERVED: [&str; 20] = [
    "async",
    "await",
    "class",
    "core",
    "crate",
    "def",
    "for",
    "if",
    "import",
    "in",
    "match",
    "mod",
    "return",
    "sdk",
    "self",
    "std",
    "super",
    "task_state",
    "test",
    "tests",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_of_every_language_has_its_name_everywhere_and_the_sdk_beside_it() {
        for language in [Language::Rust, Language::Python, Language::Js, Language::Ts] {
            let parent = tempfile::tempdir().unwrap();
            let folder = parent.path().join("counter");
            new("counter", language, &folder).unwrap();
            assert!(folder.join("counter.toml").is_file() && folder.join("tests").is_dir(), "{language:?}");
            assert!(folder.join("sdk").is_dir(), "{language:?}");
            let project = super::super::Project::find(&folder).unwrap();
            assert_eq!(project.component, folder.join("counter.wasm"), "{language:?}");
            let again = new("counter", language, &folder).unwrap_err();
            assert!(again.to_string().contains("is there already"), "{again}");
        }
    }

    #[test]
    fn a_name_that_some_language_does_not_take_is_refused_with_the_rule() {
        for name in ["", "Hello", "1st", "a-b", "a b", "naïve", "../x", "class", "sdk", &"x".repeat(65)] {
            let error = new(name, Language::Rust, Path::new("never-made")).unwrap_err().to_string();
            assert!(error.contains(&format!("invalid name {name:?}")), "{error}");
            assert!(!Path::new("never-made").exists());
        }
    }
}
