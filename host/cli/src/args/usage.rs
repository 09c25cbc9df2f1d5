//! What is said of arguments that cannot be used: one line, whatever was typed.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue};
use task_state_host::record::InvalidValue;

use crate::output::name;

/// The error on one line, without the usage that clap shows below it.
pub(crate) fn one_line(error: &clap::Error) -> String {
    // This error names the value in quotes; around it clap would repeat the value raw, line breaks included.
    if let Some(invalid) = error.source().and_then(|cause| cause.downcast_ref::<InvalidValue>()) {
        return invalid.to_string();
    }
    let mut text = error.to_string();
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue] {
        // A URL in a wrong place has its password with it.
        if let Some(ContextValue::String(given)) = error.get(kind)
            && (given.contains('@') || given.contains("://"))
        {
            text = text.replace(given.as_str(), "…");
        }
    }
    text.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default().to_owned()
}

/// A text on one line: an error is one, whoever worded it.
pub(crate) fn flat(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    name(&lines.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::Cli;
    use super::*;

    fn message(arguments: &[&str]) -> String {
        flat(&one_line(&Cli::try_parse_from(std::iter::once(&"task-state").chain(arguments)).unwrap_err()))
    }

    #[test]
    fn a_bad_value_is_named_on_one_line() {
        let id = message(&["save", "a\nb", "--service", "s", "--user", "u"]);
        assert!(id.starts_with(r#"invalid task id "a\nb": it contains"#), "{id}");
    }

    #[test]
    fn a_url_that_cannot_be_used_is_not_shown_wherever_it_stands() {
        for url in ["postgres://u:PW@h", "redis//u:PW@h", "u:PW@h:6379", "redis:/:PW@h", "redis://u:pa@PW/x@h"] {
            let store = format!("--store={url}");
            let stray = format!("--stor={url}");
            for arguments in [&["--store", url, "peek-id"][..], &[&store, "peek-id"]] {
                assert!(message(arguments).starts_with("invalid store URL (not shown"), "{}", message(arguments));
            }
            for arguments in [&[url][..], &["peek-id", url], &["list", "--limit", url], &["--output", url], &[&stray]] {
                let message = message(arguments);
                assert!(!message.contains("PW") && !message.is_empty(), "{message}");
            }
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_named_on_one_line() {
        let missing = message(&["save", "a"]);
        assert!(missing.contains("--service") && missing.contains("--user") && !missing.contains('\n'), "{missing}");
        let unknown = message(&["get", "a", "--nonsense"]);
        assert!(unknown.contains("--nonsense") && !unknown.contains('\n'), "{unknown}");
        let limit = message(&["list", "--limit", "0"]);
        assert!(limit.contains("'0'") && limit.contains("--limit"), "{limit}");
        let format = message(&["get", "a", "--output", "xml"]);
        assert!(format.contains("xml") && format.contains("text, json"), "{format}");
    }
}
