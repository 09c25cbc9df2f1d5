//! What is a row, what is none, and which line an error names.

use super::*;

/// An input that comes in pieces of `size` bytes.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(buffer.len());
        self.0.read(&mut buffer[..length])
    }
}

/// All rows with their lines; the row of names first.
fn rows_in_pieces(input: &[u8], size: usize) -> Result<Vec<(u64, Vec<String>)>, String> {
    let mut rows = Rows::new(Pieces(input, size)).map_err(|error| error.to_string())?;
    let mut found = vec![(rows.line(), rows.names().to_vec())];
    while let Some(row) = rows.next_row().map_err(|error| error.to_string())? {
        let row = row.iter().map(str::to_owned).collect();
        found.push((rows.line(), row));
    }
    Ok(found)
}

/// The same, and that it is the same however the input comes in.
fn rows(input: impl AsRef<[u8]>) -> Result<Vec<(u64, Vec<String>)>, String> {
    let input = input.as_ref();
    let whole = rows_in_pieces(input, usize::MAX);
    for size in 1..5 {
        assert_eq!(rows_in_pieces(input, size), whole, "in pieces of {size}");
    }
    whole
}

fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
    (line, fields.iter().map(|field| (*field).to_owned()).collect())
}

#[test]
fn quotes_hold_commas_quotes_and_line_ends() {
    assert_eq!(
        rows("a,b\n\"x,\"\"y\"\"\",\"1\n2\n3\"\nlast,\"\"\n"),
        Ok(vec![row(1, &["a", "b"]), row(2, &["x,\"y\"", "1\n2\n3"]), row(5, &["last", ""])])
    );
}

#[test]
fn lines_are_counted_alike_whatever_ends_them() {
    let expected = Ok(vec![row(1, &["a", "b"]), row(2, &["1", "2"]), row(4, &["3", "4"]), row(5, &["5", "6"])]);
    for text in ["a,b\n1,2\n\n3,4\n5,6", "a,b\n1,2\n\n3,4\n5,6\n", "a,b\n1,2\n\n3,4\n5,6\n\n\n"] {
        assert_eq!(rows(text), expected, "{text:?}");
        assert_eq!(rows(text.replace('\n', "\r\n")), expected, "{text:?} with \\r\\n");
    }
    let expected = Ok(vec![row(1, &["a\r\nb"]), row(3, &["1\r\n2"]), row(5, &["3"])]);
    assert_eq!(rows("\"a\r\nb\"\r\n\"1\r\n2\"\r\n3\r\n"), expected);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name_and_names_alone_are_a_file_without_rows() {
    assert_eq!(rows("\u{feff}a,b\n1,2"), Ok(vec![row(1, &["a", "b"]), row(2, &["1", "2"])]));
    assert_eq!(rows("\u{feff}\"a\",b"), Ok(vec![row(1, &["a", "b"])]));
    assert_eq!(rows("a, b ,"), Ok(vec![row(1, &["a", "b", ""])]));
}

#[test]
fn an_input_without_any_row_is_refused() {
    for text in ["", "\n", "\r\n\r\n", "\u{feff}", "\u{feff}\n"] {
        assert_eq!(rows(text), Err("the input is empty; it starts with a row of column names".to_owned()), "{text:?}");
    }
}

#[test]
fn a_row_with_another_number_of_fields_is_named_by_its_line() {
    for (text, line, fields) in [
        ("a,b\n1,2\n1,2,3\n", 3, 3),
        ("a,b\n1,2\n\n1\n", 4, 1),
        ("a,b\r\n1,2\r\n1,2,3", 3, 3),
        ("a,b\n\"1\n1\",\"2\n2\"\n\"3\n3\",4,5\n1,2", 5, 3),
        ("a,b\n\0", 2, 1),
    ] {
        let expected = format!("line {line}: the row has {fields} fields, but there are 2 columns");
        assert_eq!(rows(text), Err(expected), "{text:?}");
    }
}

#[test]
fn a_quote_that_is_never_closed_is_named_by_its_line() {
    for (text, line) in [
        ("a,b\n1,2\n3,\"4\n5,6\n", 3),
        ("a,b\n1,2\n\n\"3,4\n5,6\n", 4),
        ("a,b\n1,2\n3,\"", 3),
        ("\"a,b\n1,2\n3,4", 1),
        ("a\n\"", 2),
        ("a\r\n1\r\n\"2\r\n3\r\n", 3),
    ] {
        let expected = format!("line {line}: a quote is opened in this row and never closed");
        assert_eq!(rows(text), Err(expected), "{text:?}");
    }
}

#[test]
fn text_that_is_not_utf8_is_named_by_its_line_and_field() {
    assert_eq!(rows(b"a,b\r\n1,2\r\n3,\xb0\xa1\r\n"), Err("line 3: field 2 is not UTF-8 text".to_owned()));
    assert_eq!(rows(b"\xff,b\n1,2"), Err("line 1: field 1 is not UTF-8 text".to_owned()));
    // A character cut in two by a comma.
    assert_eq!(rows(b"a,b\n\n\xc3,\xa9\n"), Err("line 3: field 1 is not UTF-8 text".to_owned()));
}

#[test]
fn a_row_may_be_as_long_as_the_limit_and_no_much_longer() {
    let most = MAX_ROW_BYTES as usize;
    let longest = format!("a\n1\n{}\n2\n", "x".repeat(most - 1));
    assert_eq!(rows_in_pieces(longest.as_bytes(), usize::MAX).map(|rows| rows.len()), Ok(4));

    let expected = Err("line 3: the row is longer than 1048576 bytes; perhaps a quote is not closed".to_owned());
    let longer = format!("a\n1\n{}\n2\n", "x".repeat(most + BUFFER_BYTES));
    assert_eq!(rows_in_pieces(longer.as_bytes(), usize::MAX), expected);
    let swallowed = format!("a\r\n1\r\n\"2\r\n{}", "3\r\n".repeat(most));
    assert_eq!(rows_in_pieces(swallowed.as_bytes(), usize::MAX), expected);
}

#[test]
fn columns_are_bounded() {
    let names = |count: usize| vec!["c"; count].join(",");
    assert_eq!(rows_in_pieces(names(MAX_COLUMNS).as_bytes(), usize::MAX).unwrap()[0].1.len(), MAX_COLUMNS);
    let expected = Err("line 1: 1001 columns, which is more than 1000".to_owned());
    assert_eq!(rows_in_pieces(names(MAX_COLUMNS + 1).as_bytes(), usize::MAX), expected);
}

#[test]
fn an_input_that_breaks_off_is_an_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("pulled the plug"))
        }
    }
    let mut rows = Rows::new(b"a,b\n1,2\n3".chain(Broken)).unwrap();
    assert!(rows.next_row().unwrap().is_some());
    let error = rows.next_row().map(|_| ()).unwrap_err().to_string();
    assert_eq!(error, "cannot read the input: pulled the plug");
}
