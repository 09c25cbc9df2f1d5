//! Plugins in every language, made by the command as an author makes them, on the real host. `cargo xtask test` installs the
//! tools and says in `TASK_STATE_LANGUAGES` which there are; what is missing is said, and in CI it is a failure.

mod projects;
mod same_plugins;

use std::env;

/// A language other than Rust that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Python,
    Js,
}

/// Whether the tools of a language are there.
fn is_there(language: Language) -> bool {
    let name = if language == Language::Python { "python" } else { "js" };
    let there = env::var("TASK_STATE_LANGUAGES").unwrap_or_default();
    if there.split(',').any(|language| language == name) {
        return true;
    }
    let is_ci = env::var_os("CI").is_some_and(|ci| !ci.is_empty());
    assert!(!is_ci, "the tools for {language:?} are not there: run `cargo xtask test`, which installs them");
    eprintln!("SKIPPED for want of the tools for {language:?}: run `cargo xtask test`, which installs them");
    false
}
