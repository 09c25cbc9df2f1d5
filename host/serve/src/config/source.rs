//! The text of a configuration, and where in it something is wrong.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use task_state_host::ManifestError;
use task_state_host::record::InvalidValue;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong with a file. It displays as a compiler's errors do: `platform.toml:3:10: what is wrong`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted in characters from 1.
    pub column: usize,
    /// What is wrong: the value, and what is allowed in its place.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path.display(), self.line, self.column, self.text)
    }
}

/// A place in the text, in bytes.
pub(super) type Span = Range<usize>;

/// A text that is read, and what was found wrong with it so far.
pub(super) struct Source<'t> {
    path: &'t Path,
    text: &'t str,
    problems: Vec<Problem>,
}

impl<'t> Source<'t> {
    pub(super) fn new(path: &'t Path, text: &'t str) -> Self {
        Self { path, text, problems: Vec::new() }
    }

    /// What was found wrong, in the order of the file.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        self.problems
    }

    /// The line of a place, counted from 1.
    pub(super) fn line(&self, span: &Span) -> usize {
        self.before(span.start).matches('\n').count() + 1
    }

    /// Notes what is wrong at a place.
    pub(super) fn wrong(&mut self, span: &Span, text: impl fmt::Display) {
        let before = self.before(span.start);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[line_start..].chars().count() + 1;
        let (path, line) = (self.path.to_owned(), self.line(span));
        self.problems.push(Problem { path, line, column, text: text.to_string() });
    }

    /// Notes what is wrong with a value, unless it is right.
    pub(super) fn right<T>(&mut self, span: &Span, value: Result<T, InvalidValue>) -> Option<T> {
        value.map_err(|why| self.wrong(span, why)).ok()
    }

    /// Notes what the parser has to say. What has no place of its own is said of the whole of `within`.
    pub(super) fn refused(&mut self, within: &Span, error: &toml::de::Error) {
        let span = error.span().unwrap_or_else(|| within.clone());
        self.wrong(&span, error.message().trim_end().replace('\n', "; "));
    }

    /// Notes what is wrong with the part of a plugin that is a manifest.
    pub(super) fn refused_manifest(&mut self, within: &Span, table: &DeTable<'_>, error: &ManifestError) {
        match error {
            ManifestError::Toml(error) => self.refused(within, error),
            ManifestError::Value { key, why } => {
                let span = find(table, key, &why.value).unwrap_or_else(|| within.clone());
                self.wrong(&span, error);
            }
            _ => self.wrong(within, error),
        }
    }

    fn before(&self, end: usize) -> &'t str {
        self.text.get(..end).unwrap_or(self.text)
    }
}

/// Where a value stands: the one that is quoted so, under a key such as `limits.http.total`; else the key's.
fn find(table: &DeTable<'_>, key: &str, quoted: &str) -> Option<Span> {
    let mut words = key.split('.');
    let mut found = table.get(words.next()?)?;
    for word in words {
        let DeValue::Table(inner) = found.get_ref() else { break };
        found = inner.get(word)?;
    }
    find_text(found.get_ref(), quoted, &found.span()).or_else(|| Some(found.span()))
}

fn find_text(value: &DeValue<'_>, quoted: &str, span: &Span) -> Option<Span> {
    match value {
        DeValue::String(text) => (format!("{text:?}") == quoted).then(|| span.clone()),
        DeValue::Array(items) => items.iter().find_map(|item| find_text(item.get_ref(), quoted, &item.span())),
        DeValue::Table(fields) => fields.iter().find_map(|(name, field)| {
            let is_name = format!("{:?}", name.get_ref()) == quoted;
            if is_name { Some(name.span()) } else { find_text(field.get_ref(), quoted, &field.span()) }
        }),
        _ => None,
    }
}
