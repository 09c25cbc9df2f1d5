//! How a profile is printed.

use std::array;
use std::io::{self, Write};
use std::str::FromStr;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
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

/// The table's headings.
const HEADINGS: [&str; 8] = ["column", "kind", "count", "empty", "distinct", "min", "max", "mean"];

/// How many columns of the table are aligned to the left: those of text. The others are aligned to the right.
const LEFT_ALIGNED: usize = 2;

fn write_table(profile: &Profile, out: &mut impl Write) -> io::Result<()> {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(profile.columns.iter().enumerate().map(|(index, column)| cells(index, column)));
    let widths: [usize; 8] = array::from_fn(|at| lines.iter().map(|cells| cells[at].width()).max().unwrap_or(0));
    writeln!(out, "{} rows, {} columns", profile.rows, profile.columns.len())?;
    for cells in &lines {
        let mut line = String::new();
        for (at, cell) in cells.iter().enumerate() {
            let padding = " ".repeat(widths[at] - cell.width());
            line += &if at < LEFT_ALIGNED { format!("{cell}{padding}  ") } else { format!("{padding}{cell}  ") };
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn cells(index: usize, column: &Column) -> [String; 8] {
    let name = if column.name.is_empty() { format!("(column {})", index + 1) } else { cell(&column.name) };
    let distinct = match column.distinct.count() {
        Some(count) => count.to_string(),
        None => format!(">{}", column.distinct.bound),
    };
    let (min, max) = column.range().map_or_else(Default::default, |(min, max)| (cell(min), cell(max)));
    let mean = column.mean.mean().map(short_number).unwrap_or_default();
    let kind = format!("{:?}", column.kind()).to_lowercase();
    [name, kind, column.count.to_string(), column.empty.to_string(), distinct, min, max, mean]
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
    kind: Kind,
    count: u64,
    empty: u64,
    /// At least so many, unless it is exact.
    distinct: usize,
    distinct_is_exact: bool,
    numbers: u64,
    min: Option<Box<RawValue>>,
    max: Option<Box<RawValue>>,
    mean: Option<f64>,
}

fn write_json(profile: &Profile, out: &mut impl Write) -> io::Result<()> {
    let columns = profile.columns.iter().map(JsonColumn::new).collect::<Result<_, _>>()?;
    serde_json::to_writer(&mut *out, &JsonProfile { rows: profile.rows, columns })?;
    writeln!(out)
}

impl<'a> JsonColumn<'a> {
    fn new(column: &'a Column) -> serde_json::Result<Self> {
        let (kind, distinct) = (column.kind(), &column.distinct);
        let (min, max) = column.range().unzip();
        let value = |text: Option<&str>| text.map(|text| json_value(text, kind)).transpose();
        Ok(Self {
            name: &column.name,
            kind,
            count: column.count,
            empty: column.empty,
            distinct: distinct.count().unwrap_or(distinct.bound + 1),
            distinct_is_exact: distinct.count().is_some(),
            numbers: column.mean.count,
            min: value(min)?,
            max: value(max)?,
            mean: column.mean.mean(),
        })
    }
}

/// A number as it is spelled in the file, where that is JSON.
fn json_value(text: &str, kind: Kind) -> serde_json::Result<Box<RawValue>> {
    match text.parse::<f64>() {
        Ok(number) if kind != Kind::Text => serde_json::from_str(text).or_else(|_| to_raw_value(&number)),
        _ => to_raw_value(text),
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
