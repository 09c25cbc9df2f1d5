//! How a profile is printed.

use std::io::{self, Write};
use std::str::FromStr;

use serde::Serialize;
use serde_json::value::RawValue;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::column::{Column, Kind};
use crate::profile::Profile;

/// What a profile is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    /// A table with a line for each column, for people.
    #[default]
    Table,
    /// One line of JSON, for programs.
    Json,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            _ => Err("it is one of table, json"),
        }
    }
}

/// Prints a profile, with a line feed at the end.
pub(crate) fn write(profile: &Profile, format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Table => write_table(profile, out),
        Format::Json => write_json(profile, out),
    }
}

/// The widest that a cell of the table may be, in columns of a terminal.
const MAX_CELL: usize = 24;

/// The table's headings, and whether what is below is aligned to the right.
const HEADINGS: [(&str, bool); 8] = [
    ("column", false),
    ("kind", false),
    ("count", true),
    ("empty", true),
    ("distinct", true),
    ("min", true),
    ("max", true),
    ("mean", true),
];

fn write_table(profile: &Profile, out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<[String; 8]> =
        profile.columns().iter().enumerate().map(|(index, column)| cells(index, column)).collect();
    let mut widths = HEADINGS.map(|(heading, _)| heading.width());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    writeln!(out, "{} rows, {} columns", profile.rows(), rows.len())?;
    write_line(&HEADINGS.map(|(heading, _)| heading.to_owned()), &widths, out)?;
    rows.iter().try_for_each(|row| write_line(row, &widths, out))
}

fn write_line(cells: &[String; 8], widths: &[usize; 8], out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    for ((cell, width), (_, is_right)) in cells.iter().zip(widths).zip(HEADINGS) {
        let padding = " ".repeat(width - cell.width());
        let (before, after) = if is_right { (padding.as_str(), "") } else { ("", padding.as_str()) };
        line.extend([before, cell, after, "  "]);
    }
    writeln!(out, "{}", line.trim_end())
}

fn cells(index: usize, column: &Column) -> [String; 8] {
    let name = if column.name().is_empty() { format!("(column {})", index + 1) } else { cell(column.name()) };
    let distinct = match column.distinct().count() {
        Some(count) => count.to_string(),
        None => format!(">{}", column.distinct().bound()),
    };
    let (min, max) = column.range().map_or_else(Default::default, |(min, max)| (cell(min), cell(max)));
    let mean = column.mean().map(short_number).unwrap_or_default();
    let kind = column.kind().as_str().to_owned();
    [name, kind, column.count().to_string(), column.empty().to_string(), distinct, min, max, mean]
}

/// A text on one line, cut where it is too wide.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    let mut width = 0;
    for character in text.chars() {
        let shown = if character.is_control() { '·' } else { character };
        width += shown.width().unwrap_or(0);
        if width > MAX_CELL {
            while cell.width() >= MAX_CELL {
                cell.pop();
            }
            cell.push('…');
            break;
        }
        cell.push(shown);
    }
    cell
}

/// A number to six digits after the point, or in scientific notation where that would not do.
fn short_number(number: f64) -> String {
    if number != 0.0 && !(1e-4..1e15).contains(&number.abs()) {
        return format!("{number:.6e}");
    }
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[derive(Serialize)]
struct JsonProfile<'a> {
    rows: u64,
    columns: Vec<JsonColumn<'a>>,
}

#[derive(Serialize)]
struct JsonColumn<'a> {
    name: &'a str,
    kind: &'static str,
    count: u64,
    empty: u64,
    /// At least so many, unless it is exact.
    distinct: usize,
    distinct_is_exact: bool,
    numbers: u64,
    min: Option<JsonValue<'a>>,
    max: Option<JsonValue<'a>>,
    mean: Option<f64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonValue<'a> {
    Text(&'a str),
    /// As it is spelled in the file, where that is JSON.
    Exact(&'a RawValue),
    Number(f64),
}

fn write_json(profile: &Profile, out: &mut impl Write) -> io::Result<()> {
    let columns = profile.columns().iter().map(JsonColumn::new).collect();
    serde_json::to_writer(&mut *out, &JsonProfile { rows: profile.rows(), columns })?;
    writeln!(out)
}

impl<'a> JsonColumn<'a> {
    fn new(column: &'a Column) -> Self {
        let value = |text: &'a str| json_value(text, column.kind());
        let distinct = column.distinct();
        Self {
            name: column.name(),
            kind: column.kind().as_str(),
            count: column.count(),
            empty: column.empty(),
            distinct: distinct.count().unwrap_or(distinct.bound() + 1),
            distinct_is_exact: distinct.count().is_some(),
            numbers: column.number_count(),
            min: column.range().map(|(min, _)| value(min)),
            max: column.range().map(|(_, max)| value(max)),
            mean: column.mean(),
        }
    }
}

fn json_value(text: &str, kind: Kind) -> JsonValue<'_> {
    if kind == Kind::Text {
        return JsonValue::Text(text);
    }
    match (serde_json::from_str(text), text.parse()) {
        (Ok(raw), _) => JsonValue::Exact(raw),
        (_, Ok(number)) => JsonValue::Number(number),
        _ => JsonValue::Text(text),
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
