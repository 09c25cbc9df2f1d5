//! JSON that comes from a caller.
//!
//! One record that the other readers of the datastore cannot parse makes their whole listing fail, so what a caller
//! gives is held to what all of them read.

use serde_json::value::RawValue;

use super::{InvalidValue, quote};

/// How deep arrays and objects may be nested, the outermost counted.
pub const MAX_DEPTH: usize = 128;

/// How many digits a number may have before its point. Python's readers refuse more than 4,300, whatever the exponent.
pub const MAX_INTEGER_DIGITS: usize = 4_000;

/// The text of a JSON object that every reader of the datastore can parse: compact, strings in their plain spelling,
/// numbers as they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonObject(String);

impl JsonObject {
    /// Checks a JSON object and drops the white space between its tokens.
    ///
    /// # Errors
    /// [`InvalidValue`] if the text is not a JSON object (RFC 8259), is nested deeper than [`MAX_DEPTH`], or holds a lone
    /// surrogate, a number with more than [`MAX_INTEGER_DIGITS`] digits before its point, or one beyond the range of a double.
    pub fn parse(what: &'static str, text: &str) -> Result<Self, InvalidValue> {
        compact(text, &|_| None).map(Self).map_err(|why| InvalidValue::new(what, text, why))
    }

    /// The same object, where a text takes the place of each name, text and number for which there is one.
    pub(crate) fn replace_values(&self, replace: &Replace<'_>) -> Self {
        // What was read once can be read again.
        compact(&self.0, replace).map_or_else(|_| self.clone(), Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for JsonObject {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

/// What takes the place of a name, text or number, if anything does.
type Replace<'a> = dyn Fn(&str) -> Option<String> + 'a;

fn compact(text: &str, replace: &Replace<'_>) -> Result<String, String> {
    // The parser settles the grammar; the walk below only has to tell tokens apart.
    let value: &RawValue = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let mut rest = value.get();
    if !rest.starts_with('{') {
        return Err("it is not a JSON object".to_owned());
    }
    let mut out = String::with_capacity(rest.len());
    let mut depth = 0_usize;
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => {
                let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                let read = strings.next().transpose();
                let string = read.map_err(|error| format!("one of its strings cannot be read: {error}"))?;
                let string = string.unwrap_or_default();
                out.push_str(&quote(&replace(&string).unwrap_or(string)));
                rest = &rest[strings.byte_offset()..];
                continue;
            }
            b'-' | b'0'..=b'9' => {
                let is_over = |b: char| !matches!(b, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
                let length = rest.find(is_over).unwrap_or(rest.len());
                check_number(&rest[..length])?;
                if let Some(replaced) = replace(&rest[..length]) {
                    out.push_str(&quote(&replaced));
                    rest = &rest[length..];
                    continue;
                }
                length
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(format!("it is nested more than {MAX_DEPTH} deep"));
                }
                1
            }
            b'}' | b']' => {
                depth -= 1;
                1
            }
            b' ' | b'\t' | b'\n' | b'\r' => {
                rest = &rest[1..];
                continue;
            }
            _ => 1,
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Ok(out)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        JsonObject::parse("parameters", text).map(|json| json.0).map_err(|error| error.to_string())
    }

    #[test]
    fn white_space_goes_and_every_value_stays_as_it_was() {
        let text =
            " { \"b\" : [ 1.50 , -0.0 , 1E+2 ] , \"a\\u0062\" : \"x \\u00e9 \\n\" , \"n\" : 10000000000000000000000 } ";
        assert_eq!(parse(text).unwrap(), "{\"b\":[1.50,-0.0,1E+2],\"ab\":\"x é \\n\",\"n\":10000000000000000000000}");
    }

    #[test]
    fn what_another_reader_cannot_parse_is_refused() {
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        let digits = |count: usize| format!("{{\"a\":-{}}}", "9".repeat(count));
        assert!(parse(&deep(128)).is_ok());
        for text in [digits(4_000), format!("{{\"a\":0.{}}}", "1".repeat(5_000)), digits(4_000).replace('}', "e-3999}")]
        {
            assert!(parse(&text).is_ok(), "{text}");
        }
        for (text, why) in [
            ("", "not JSON"),
            ("[]", "not a JSON object"),
            ("null", "not a JSON object"),
            ("{} x", "not JSON"),
            ("{\"a\":NaN}", "not JSON"),
            ("{\"a\":Infinity}", "not JSON"),
            ("{\"a\":\"\\ud800\"}", "cannot be read"),
            ("{\"\\udc00\":1}", "cannot be read"),
            ("{\"a\":1e400}", "range of a double"),
            (deep(129).as_str(), "more than 128 deep"),
            (digits(4_001).as_str(), "4001 digits"),
            (digits(5_000).replace('}', "e-4999}").as_str(), "5000 digits"),
            (digits(5_000).replace('}', ".5e-4999}").as_str(), "5000 digits"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(parse(&deep(100_000)).unwrap_err().contains("deep"));
    }
}
