//! JSON as the scheduler reads and writes it, which is as Python does: where it is wrong, and in which words.
//!
//! What Python reads beyond JSON is read too (`NaN`, `Infinity`), and left to whoever uses the value to refuse. Lone
//! surrogates are not: no text here can hold one.

use std::fmt::Write as _;

/// How deep arrays and objects may be nested.
const MAX_DEPTH: usize = 256;

/// How many digits an integer may have: Python's own bound.
const MAX_DIGITS: usize = 4_300;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// The digits of an integer, of any size.
    Int(String),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    /// Each name once, in the order in which it came first.
    Object(Vec<(String, Json)>),
}

/// Why a text is no JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not, from this character on, counted from 0.
    At(usize, &'static str),
    /// It is more than can be read: too deep, a number too long, or no text at all.
    Unreadable,
}

impl Json {
    /// Reads a document.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::Unreadable)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader { text, at: 0 };
        reader.skip_space();
        let value = reader.value(0)?;
        reader.skip_space();
        if reader.at < text.len() { Err(reader.wrong("Extra data")) } else { Ok(value) }
    }

    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// An object of these fields.
    pub(super) fn object<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The field of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Whether there is a number in it that JSON has no word for.
    pub(super) fn has_infinity(&self) -> bool {
        match self {
            Self::Float(number) => !number.is_finite(),
            Self::List(items) => items.iter().any(Self::has_infinity),
            Self::Object(fields) => fields.iter().any(|(_, value)| value.has_infinity()),
            _ => false,
        }
    }

    /// The document, compact. A number that JSON has no word for becomes `null`.
    pub(super) fn encode(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(digits) => out.push_str(digits),
            Self::Float(number) => write_float(*number, out),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                write_all(out, ['[', ']'], items, |out, item| item.write(out));
            }
            Self::Object(fields) => write_all(out, ['{', '}'], fields, |out, (name, value)| {
                write_text(name, out);
                out.push(':');
                value.write(out);
            }),
        }
    }
}

fn write_all<T>(out: &mut String, [open, close]: [char; 2], items: &[T], write: impl Fn(&mut String, &T)) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(close);
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The shortest digits that give the number again, as Python spells them.
fn write_float(number: f64, out: &mut String) {
    let magnitude = number.abs();
    let _ = if !number.is_finite() {
        write!(out, "null")
    } else if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let spelled = format!("{number:e}");
        let (digits, exponent) = spelled.split_once('e').unwrap_or((&spelled, "0"));
        let exponent: i32 = exponent.parse().unwrap_or_default();
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{digits}e{sign}{:02}", exponent.abs())
    } else {
        write!(out, "{number:?}")
    };
}

struct Reader<'t> {
    text: &'t str,
    /// In bytes.
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn wrong(&self, why: &'static str) -> Fault {
        self.wrong_at(self.at, why)
    }

    fn wrong_at(&self, at: usize, why: &'static str) -> Fault {
        Fault::At(self.text[..at].chars().count(), why)
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Goes on behind a text, if it comes next.
    fn take(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    fn value(&mut self, depth: usize) -> Result<Json, Fault> {
        const WORDS: [(&str, Json); 6] = [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
            ("NaN", Json::Float(f64::NAN)),
            ("Infinity", Json::Float(f64::INFINITY)),
            ("-Infinity", Json::Float(f64::NEG_INFINITY)),
        ];
        if depth > MAX_DEPTH {
            return Err(Fault::Unreadable);
        }
        if let Some((_, value)) = WORDS.into_iter().find(|(word, _)| self.take(word)) {
            return Ok(value);
        }
        match self.next() {
            Some('"') => self.string().map(Json::Text),
            Some('{') => self.object(depth),
            Some('[') => self.list(depth),
            Some('-' | '0'..='9') => self.number(),
            _ => Err(self.wrong("Expecting value")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, Fault> {
        self.at += 1;
        self.skip_space();
        let mut items = Vec::new();
        if self.take("]") {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take("]") {
                return Ok(Json::List(items));
            }
            self.comma()?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Fault> {
        self.at += 1;
        self.skip_space();
        let mut fields: Vec<(String, Json)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        if self.take("}") {
            return Ok(Json::Object(fields));
        }
        loop {
            if self.next() != Some('"') {
                return Err(self.wrong("Expecting property name enclosed in double quotes"));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(":") {
                return Err(self.wrong("Expecting ':' delimiter"));
            }
            self.skip_space();
            let value = self.value(depth + 1)?;
            match places.entry(name.clone()) {
                std::collections::hash_map::Entry::Occupied(place) => {
                    let place: &usize = place.get();
                    fields[*place].1 = value;
                }
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(fields.len());
                    fields.push((name, value));
                }
            }
            self.skip_space();
            if self.take("}") {
                return Ok(Json::Object(fields));
            }
            self.comma()?;
        }
    }

    /// The comma before one more, and the space after it.
    fn comma(&mut self) -> Result<(), Fault> {
        if !self.take(",") {
            return Err(self.wrong("Expecting ',' delimiter"));
        }
        self.skip_space();
        Ok(())
    }

    fn number(&mut self) -> Result<Json, Fault> {
        let rest = self.rest();
        let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let start = usize::from(rest.starts_with('-'));
        let whole = match digits(start) {
            0 => return Err(self.wrong("Expecting value")),
            _ if rest[start..].starts_with('0') => start + 1,
            count => start + count,
        };
        let mut end = whole;
        if rest[end..].starts_with('.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        if let Some('e' | 'E') = rest[end..].chars().next() {
            let signed = end + 1 + usize::from(rest[end + 1..].starts_with(['+', '-']));
            if digits(signed) > 0 {
                end = signed + digits(signed);
            }
        }
        let text = rest[..end].to_owned();
        self.at += end;
        if end > whole {
            text.parse().map(Json::Float).map_err(|_| Fault::Unreadable)
        } else if whole - start > MAX_DIGITS {
            Err(Fault::Unreadable)
        } else {
            Ok(Json::Int(if text == "-0" { "0".to_owned() } else { text }))
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let plain = self.rest().find(|c: char| c == '"' || c == '\\' || c < ' ');
            let Some(length) = plain else { return Err(self.wrong_at(start, "Unterminated string starting at")) };
            out.push_str(&self.text[self.at..self.at + length]);
            self.at += length;
            match self.next() {
                Some('"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some('\\') => out.push(self.escape(start)?),
                _ => return Err(self.wrong("Invalid control character at")),
            }
        }
    }

    fn escape(&mut self, start: usize) -> Result<char, Fault> {
        let backslash = self.at;
        self.at += 1;
        let Some(escaped) = self.next() else {
            return Err(self.wrong_at(start, "Unterminated string starting at"));
        };
        self.at += escaped.len_utf8();
        Ok(match escaped {
            '"' | '\\' | '/' => escaped,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.hex(backslash)?;
                let is_pair = (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u");
                if !is_pair {
                    return char::from_u32(first).ok_or(Fault::Unreadable);
                }
                let second = self.at;
                self.at += 2;
                let low = self.hex(second)?;
                if !(0xdc00..0xe000).contains(&low) {
                    return Err(Fault::Unreadable);
                }
                let joined = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
                char::from_u32(joined).ok_or(Fault::Unreadable)?
            }
            _ => return Err(self.wrong_at(backslash, "Invalid \\escape")),
        })
    }

    /// The four digits of an escape.
    fn hex(&mut self, backslash: usize) -> Result<u32, Fault> {
        let wrong = self.wrong_at(backslash + 1, "Invalid \\uXXXX escape");
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(wrong)?;
        self.at += 4;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, Fault> {
        Json::parse(text.as_bytes()).map(|json| json.encode())
    }

    #[test]
    fn what_python_reads_is_written_as_python_writes_it() {
        for (text, written) in [
            (
                " { \"a\" : [ 1 , -0, 1.50, 1E5, 1e-5 , 1e16,123456789012345678901234567890 ] } ",
                "{\"a\":[1,0,1.5,100000.0,1e-05,1e+16,123456789012345678901234567890]}",
            ),
            ("\u{feff}null", "null"),
            ("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"),
            (
                "\"\\u00e9\\ud83d\\ude00 \\/ \\b\\f\\n\\r\\t\\\\\\\" \\u0001\"",
                "\"é😀 / \\b\\f\\n\\r\\t\\\\\\\" \\u0001\"",
            ),
            ("[NaN,Infinity,-Infinity,1e999,true,false,{},[]]", "[null,null,null,null,true,false,{},[]]"),
            ("1.2345678901234567e22", "1.2345678901234568e+22"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(written), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_pythons_words_with_its_place_in_characters() {
        for (text, at, why) in [
            ("", 0, "Expecting value"),
            ("  ", 2, "Expecting value"),
            ("{", 1, "Expecting property name enclosed in double quotes"),
            ("{'a':1}", 1, "Expecting property name enclosed in double quotes"),
            ("{\"é\" 1}", 5, "Expecting ':' delimiter"),
            ("{\"a\":}", 5, "Expecting value"),
            ("{\"a\":1", 6, "Expecting ',' delimiter"),
            ("{\"a\":1 \"b\":2}", 7, "Expecting ',' delimiter"),
            ("[1 2]", 3, "Expecting ',' delimiter"),
            ("[", 1, "Expecting value"),
            ("{} x", 3, "Extra data"),
            ("01", 1, "Extra data"),
            ("-", 0, "Expecting value"),
            ("1.", 1, "Extra data"),
            ("\"abc", 0, "Unterminated string starting at"),
            ("\"a\\", 0, "Unterminated string starting at"),
            ("\"a\nb\"", 2, "Invalid control character at"),
            ("\"a\\x\"", 2, "Invalid \\escape"),
            ("[\"\\u12\"]", 3, "Invalid \\uXXXX escape"),
            ("nul", 0, "Expecting value"),
        ] {
            assert_eq!(parse(text), Err(Fault::At(at, why)), "{text}");
        }
    }

    #[test]
    fn what_is_more_than_can_be_read_is_refused() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(&deep(200)).is_ok());
        for text in
            [deep(1_000), deep(1_000_000), "1".repeat(4_301), "\"\\ud800\"".to_owned(), "\"\\ud800\\u0041\"".to_owned()]
        {
            assert_eq!(parse(&text), Err(Fault::Unreadable));
        }
        assert_eq!(Json::parse(b"\"\xff\""), Err(Fault::Unreadable));
    }
}
