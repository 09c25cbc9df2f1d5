//! Whether a task is what a fixture expects. In a pattern `*` is any text; `\*` and `\\` are these characters themselves.

use task_state_host::plugin::WitStatus;
use task_state_host::record::{Progress, TaskRecord};

use super::fixture::{Expected, ExpectedProgress};

/// The entry that stands for any number of entries.
const ANY_ENTRIES: &str = "**";

/// What differs from what is expected, a text each; none if nothing does.
pub(super) fn differences(expected: &Expected, task: &TaskRecord, progress: Option<&Progress>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(WitStatus(status)) = expected.status
        && status != task.status()
    {
        found.push(format!("status: expected {status}, found {}", task.status()));
    }
    if let Some(patterns) = &expected.logs {
        let logs = task.logs();
        let messages: Vec<&str> = logs.iter().map(|entry| message(entry)).collect();
        if !entries_match(patterns, &messages) {
            found.push(format!("log: expected\n{}\nfound\n{}", listed(patterns), listed(&messages)));
        }
    }
    let result = task.result();
    for (what, pattern, text) in
        [("output", &expected.output, result.launcher_output), ("pod-status", &expected.pod_status, result.pod_status)]
    {
        let text = text.unwrap_or_default();
        if let Some(pattern) = pattern
            && !matches(pattern, text.trim_end_matches('\n'))
            && !matches(pattern, &text)
        {
            found.push(format!("{what}: expected\n{}\nfound\n{}", listed(&[pattern]), listed(&[text])));
        }
    }
    if let Some(jobs) = &expected.active_jobs
        && *jobs != task.active_jobs()
    {
        found.push(format!("active-jobs: expected {jobs:?}, found {:?}", task.active_jobs()));
    }
    found.extend(expected.progress.as_ref().and_then(|expected| progress_differs(expected, progress)));
    found
}

fn progress_differs(expected: &ExpectedProgress, found: Option<&Progress>) -> Option<String> {
    let Some(progress) = found else { return Some("progress: none was made".to_owned()) };
    let differs = expected.done.is_some_and(|done| done != progress.done())
        || expected.total.is_some_and(|total| Some(total) != progress.total())
        || expected.note.as_ref().is_some_and(|note| !matches(note, progress.note().unwrap_or_default()));
    let shown = |number: Option<u64>| number.map_or("any".to_owned(), |number| number.to_string());
    differs.then(|| {
        let note = expected.note.as_deref().unwrap_or("*");
        format!("progress: expected {} of {}, {note}, found {progress}", shown(expected.done), shown(expected.total))
    })
}

/// What an entry says, without its time.
fn message(entry: &str) -> &str {
    entry.split_once(',').map_or(entry, |(_, message)| message)
}

fn listed(texts: &[impl AsRef<str>]) -> String {
    if texts.is_empty() {
        return "  (nothing)".to_owned();
    }
    let lines: Vec<_> = texts.iter().map(|text| format!("  {}", text.as_ref().replace('\n', "\n  "))).collect();
    lines.join("\n")
}

/// Whether entries are those of the patterns, in order: with each `**` taking as few as it can, and more only for what
/// follows it.
fn entries_match(patterns: &[String], entries: &[&str]) -> bool {
    let (mut pattern, mut entry) = (0, 0);
    // Behind the last `**`, and up to where it reaches.
    let mut last = None;
    while entry < entries.len() {
        match patterns.get(pattern) {
            Some(any) if any == ANY_ENTRIES => {
                pattern += 1;
                last = Some((pattern, entry));
            }
            Some(wanted) if matches(wanted, entries[entry]) => (pattern, entry) = (pattern + 1, entry + 1),
            _ => match last {
                Some((behind, reach)) => {
                    last = Some((behind, reach + 1));
                    (pattern, entry) = (behind, reach + 1);
                }
                None => return false,
            },
        }
    }
    patterns[pattern..].iter().all(|left| left == ANY_ENTRIES)
}

/// Whether a whole text is that of a pattern.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pieces = pieces(pattern);
    let Some((first, rest)) = pieces.split_first() else { return text.is_empty() };
    let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
    let Some((last, between)) = rest.split_last() else { return left.is_empty() };
    for piece in between {
        match left.find(piece.as_str()) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(last.as_str())
}

/// The texts between the `*` of a pattern.
fn pieces(pattern: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => pieces.push(String::new()),
            '\\' if matches!(chars.peek(), Some('*' | '\\')) => {
                pieces.last_mut().into_iter().zip(chars.next()).for_each(|(piece, c)| piece.push(c))
            }
            c => pieces.last_mut().into_iter().for_each(|piece| piece.push(c)),
        }
    }
    pieces
}

/// A pattern that is this text alone.
pub(super) fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('*', "\\*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_can_be_meant_itself() {
        for (pattern, text, expected) in [
            ("hello, alice", "hello, alice", true),
            ("hello, alice", "hello, bob", false),
            ("hello", "hello, bob", false),
            ("* lines", "42 lines", true),
            ("* lines", "42 lines more", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("2 \\* 3 = *", "2 * 3 = 6", true),
            ("2 \\* 3", "2 and 3", false),
            ("\\\\", "\\", true),
            ("a\\b", "a\\b", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} {text:?}");
            assert!(matches(&literal(text), text), "{text:?}");
        }
        assert!(!matches(&literal("*"), "x"));
    }

    #[test]
    fn two_stars_are_any_number_of_entries() {
        let matches = |patterns: &[&str], entries: &[&str]| {
            entries_match(&patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>(), entries)
        };
        assert!(matches(&["**"], &[]) && matches(&["**"], &["a", "b"]));
        assert!(matches(&["a", "**", "z"], &["a", "z"]) && matches(&["a", "**", "z"], &["a", "b", "z", "z"]));
        assert!(!matches(&["a", "**", "z"], &["a", "b"]) && !matches(&["a"], &["a", "b"]));
        assert!(matches(&["*"], &["a"]) && !matches(&["*"], &[]));
        assert!(matches(&["**", "x", "**", "y"], &["x", "y", "x", "z", "y"]));
        // Neither by depth nor by turns does it grow beyond measure.
        let many = vec!["x"; 60_000];
        assert!(matches(&many, &many) && !matches(&[&["**", "x"].repeat(12)[..], &["y"]].concat(), &many[..600]));
    }
}
