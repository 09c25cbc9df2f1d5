//! What is said of arguments that cannot be used: one line, whatever was typed.

use std::error::Error as _;

use task_state_host::record::InvalidValue;

use crate::output::name;

/// The error on one line, without the usage that clap shows below it.
pub(crate) fn one_line(error: &clap::Error) -> String {
    // This error names the value in quotes; around it clap would repeat the value raw, line breaks included.
    if let Some(invalid) = error.source().and_then(|cause| cause.downcast_ref::<InvalidValue>()) {
        return invalid.to_string();
    }
    let text = error.to_string();
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
        let url = message(&["--store", "postgres://u:s3cret@h", "peek-id"]);
        assert!(url.contains("postgres://u:***@h"), "{url}");
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
