//! Parameters: the text of a JSON object that every reader of the store can parse.

use serde_json::value::RawValue;

use super::names::invalid;
use crate::Error;

/// How deep arrays and objects may be nested, the outermost counted.
const MAX_DEPTH: usize = 128;

/// How many digits a number may have before its point.
const MAX_INTEGER_DIGITS: usize = 4_000;

/// Checks the text of a task's parameters. Gives it without white space between its tokens, its strings in their plain
/// spelling and its numbers as they are.
pub(super) fn compact(text: &str) -> Result<String, Error> {
    compact_or_why(text).map_err(|why| invalid("parameters", text, why))
}

fn compact_or_why(text: &str) -> Result<String, String> {
    // The parser settles the grammar; the walk below only has to tell tokens apart.
    let value: &RawValue = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let mut rest = value.get();
    if !rest.starts_with('{') {
        return Err("it is not a JSON object".to_owned());
    }
    let (mut compact, mut depth) = (String::with_capacity(rest.len()), 0_usize);
    while let Some(first) = rest.bytes().next() {
        let mut length = 1;
        match first {
            b'"' => {
                let (string, end) = string(rest)?;
                compact.push_str(&string);
                rest = &rest[end..];
                continue;
            }
            b'-' | b'0'..=b'9' => {
                length = rest.find(|c| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
                check_number(&rest[..length])?;
            }
            b'{' | b'[' if depth == MAX_DEPTH => return Err(format!("it is nested more than {MAX_DEPTH} deep")),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if !first.is_ascii_whitespace() {
            compact.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    Ok(compact)
}

/// The string with which a text begins, in its plain spelling, and where it ends.
fn string(text: &str) -> Result<(String, usize), String> {
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let read = strings.next().transpose().map_err(|error| format!("one of its strings cannot be read: {error}"))?;
    let plain = serde_json::Value::from(read.unwrap_or_default()).to_string();
    Ok((plain, strings.byte_offset()))
}

fn check_number(text: &str) -> Result<(), String> {
    let unsigned = text.trim_start_matches('-');
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if digits > MAX_INTEGER_DIGITS {
        return Err(format!(
            "it holds a number with {digits} digits before its point, and at most {MAX_INTEGER_DIGITS} are allowed"
        ));
    }
    if digits < unsigned.len() && text.parse::<f64>().is_ok_and(f64::is_infinite) {
        return Err(format!("it holds the number {text}, which is beyond the range of a double"));
    }
    Ok(())
}
