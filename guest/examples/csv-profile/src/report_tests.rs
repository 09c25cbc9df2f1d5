//! What a profile looks like.

use serde_json::{Value, json};

use super::*;
use crate::rows::Rows;

fn report(input: &str, format: Format) -> String {
    let mut rows = Rows::new(input.as_bytes()).unwrap();
    let mut profile = Profile::new(rows.names());
    while let Some(row) = rows.next_row().unwrap() {
        profile.add(row);
    }
    let mut out = Vec::new();
    write(&profile, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

const CITIES: &str = "city,people,,note\n\
                      서울,9411000,1.5,\"two\nlines\"\n\
                      Zürich,+443000,n/a,\n\
                      Aachen,,2,a text that is a good deal wider than a cell may be\n";

#[test]
fn a_table_is_aligned_as_a_terminal_shows_it() {
    let expected = "\
3 rows, 4 columns
column      kind    count  empty  distinct                       min        max     mean
city        text        3      0         3                    Aachen       서울
people      number      2      1         2                   +443000    9411000  4927000
(column 3)  mixed       3      0         3                       1.5          2     1.75
note        text        2      1         2  a text that is a good d…  two·lines
";
    assert_eq!(report(CITIES, Format::Table), expected);
}

#[test]
fn json_holds_every_figure() {
    let report: Value = serde_json::from_str(&report(CITIES, Format::Json)).unwrap();
    let column = |name: &str, kind: &str, counts: [u64; 4], min: Value, max: Value, mean: Value| {
        json!({"name": name, "kind": kind, "count": counts[0], "empty": counts[1], "distinct": counts[2],
               "distinct_is_exact": true, "numbers": counts[3], "min": min, "max": max, "mean": mean})
    };
    let expected = json!({"rows": 3, "columns": [
        column("city", "text", [3, 0, 3, 0], json!("Aachen"), json!("서울"), Value::Null),
        column("people", "number", [2, 1, 2, 2], json!(443000.0), json!(9411000), json!(4927000.0)),
        column("", "mixed", [3, 0, 3, 2], json!(1.5), json!(2), json!(1.75)),
        column("note", "text", [2, 1, 2, 0], json!("a text that is a good deal wider than a cell may be"),
               json!("two\nlines"), Value::Null),
    ]});
    assert_eq!(report, expected);
}

#[test]
fn json_keeps_digits_that_a_double_does_not() {
    let report = report("id\n12345678901234567890\n", Format::Json);
    assert!(report.contains("\"min\":12345678901234567890,\"max\":12345678901234567890"), "{report}");
}

#[test]
fn a_file_without_rows_has_a_profile() {
    let expected = "0 rows, 1 columns\ncolumn  kind   count  empty  distinct  min  max  mean\na       empty      0      0         0\n";
    assert_eq!(report("a\n", Format::Table), expected);
    let expected = "{\"rows\":0,\"columns\":[{\"name\":\"a\",\"kind\":\"empty\",\"count\":0,\"empty\":0,\"distinct\":0,\
                    \"distinct_is_exact\":true,\"numbers\":0,\"min\":null,\"max\":null,\"mean\":null}]}\n";
    assert_eq!(report("a\n", Format::Json), expected);
}

#[test]
fn a_count_that_stopped_says_so() {
    let rows: String = (0..=10_000).map(|n| format!("{n}\n")).collect();
    let input = format!("n\n{rows}");
    assert!(report(&input, Format::Table).contains(">10000"));
    assert!(report(&input, Format::Json).contains("\"distinct\":10001,\"distinct_is_exact\":false"));
}

#[test]
fn a_mean_is_short_in_the_table_and_whole_in_json() {
    assert_eq!(
        [1.0 / 3.0, 2.0, -1.5, 0.0, 1e-9, 12345678.0 / 7.0, 1e300].map(short_number),
        ["0.333333", "2", "-1.5", "0", "1.000000e-9", "1763668.285714", "1.000000e300"]
    );
    assert!(report("n\n1\n0\n0\n", Format::Json).contains("\"mean\":0.3333333333333333"));
}

#[test]
fn an_unknown_format_is_refused() {
    assert_eq!("json".parse(), Ok(Format::Json));
    assert_eq!("table".parse(), Ok(Format::Table));
    assert_eq!("JSON".parse::<Format>(), Err("it is one of table, json"));
}
