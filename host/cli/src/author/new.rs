//! `new`: a project that builds and passes its tests.

use std::fs;
use std::io::ErrorKind;
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
    fs::create_dir(folder).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow::Error::new(Misuse(format!("{} is there already", folder.display()))),
        _ => anyhow::Error::new(error).context(format!("cannot make {}", folder.display())),
    })?;
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
const RESERVED: &[&str] = &[
    // Keywords.
    "abstract",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "become",
    "box",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "crate",
    "debugger",
    "def",
    "default",
    "del",
    "delete",
    "do",
    "dyn",
    "elif",
    "else",
    "enum",
    "except",
    "export",
    "extends",
    "extern",
    "false",
    "final",
    "finally",
    "fn",
    "for",
    "from",
    "function",
    "gen",
    "global",
    "if",
    "impl",
    "import",
    "in",
    "instanceof",
    "interface",
    "is",
    "lambda",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "new",
    "nonlocal",
    "not",
    "null",
    "or",
    "override",
    "package",
    "pass",
    "priv",
    "private",
    "protected",
    "pub",
    "public",
    "raise",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "switch",
    "this",
    "throw",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "var",
    "virtual",
    "void",
    "where",
    "while",
    "with",
    "yield",
    // Crates and modules that a plugin has already, and folders of the project.
    "alloc",
    "core",
    "node_modules",
    "proc_macro",
    "sdk",
    "src",
    "std",
    "task_state",
    "task_state_guest",
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
