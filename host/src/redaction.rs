//! Keeps the values of secrets out of what a guest says: wherever one stands, its name in angle brackets takes its place.
//!
//! A guest that means to can spell a secret in another way. This is for what happens by accident.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::record::{Change, Entry, JsonObject};

/// The secrets of one run, or none.
#[derive(Clone, Default)]
pub(crate) struct Redaction(Option<Arc<Secrets>>);

struct Secrets {
    /// The longest value first: of two that begin alike it is the one that counts.
    secrets: Vec<Secret>,
    /// The first bytes of the values.
    first: [bool; 256],
}

struct Secret {
    value: Vec<u8>,
    /// What takes the value's place.
    name: String,
}

impl Redaction {
    /// The names of secrets and their values, none of which is empty.
    pub(crate) fn new(secrets: impl IntoIterator<Item = (String, String)>) -> Self {
        let secret = |(name, value): (String, String)| Secret { value: value.into(), name: format!("<{name}>") };
        let mut secrets: Vec<Secret> =
            secrets.into_iter().map(secret).filter(|secret| !secret.value.is_empty()).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.len()));
        let mut first = [false; 256];
        secrets.iter().for_each(|secret| first[usize::from(secret.value[0])] = true);
        Self((!secrets.is_empty()).then(|| Arc::new(Secrets { secrets, first })))
    }

    /// Whether there is nothing to keep out.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// A text without secrets.
    pub(crate) fn text(&self, text: String) -> String {
        match self.replaced(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(replaced) => replaced,
        }
    }

    fn replaced<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(secrets) = &self.0 else { return Cow::Borrowed(text) };
        let (clean, _) = secrets.scan(text.as_bytes(), false);
        // A value is whole characters, and so is what is left between two of them.
        if clean == text.as_bytes() {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(String::from_utf8_lossy(&clean).into_owned())
        }
    }

    pub(crate) fn texts(&self, texts: Vec<String>) -> Vec<String> {
        if self.is_empty() { texts } else { texts.into_iter().map(|text| self.text(text)).collect() }
    }

    pub(crate) fn option(&self, text: Option<String>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    /// A change without secrets.
    pub(crate) fn change(&self, change: Change) -> Change {
        if self.is_empty() {
            return change;
        }
        let entry = |entry: Entry| Entry { message: self.text(entry.message), ..entry };
        Change {
            entries: change.entries.into_iter().map(entry).collect(),
            result: crate::record::TaskResult {
                pod_status: self.option(change.result.pod_status),
                launcher_output: self.option(change.result.launcher_output),
            },
            active_jobs: change.active_jobs.map(|jobs| self.texts(jobs)),
            output: change.output,
            status: change.status,
            priority: change.priority,
            // It is cleaned where it is made: it carries one text.
            progress: change.progress,
            // No guest makes one.
            restoration: change.restoration,
        }
    }

    /// JSON without secrets in its names, texts and numbers; none if a secret is a piece of the JSON itself, so that
    /// nothing can take its place.
    pub(crate) fn json(&self, json: &JsonObject) -> Option<JsonObject> {
        let Some(secrets) = &self.0 else { return Some(json.clone()) };
        let replace = |token: &str| match self.replaced(token) {
            Cow::Borrowed(_) => None,
            Cow::Owned(replaced) => Some(replaced),
        };
        let clean = json.replace_values(&replace);
        let (rest, _) = secrets.scan(clean.as_str().as_bytes(), false);
        (rest == clean.as_str().as_bytes()).then_some(clean)
    }
}

impl Secrets {
    /// What may be shown of some bytes, and how many of them that takes in. With more to come, the rest may be the
    /// beginning of a secret.
    fn scan(&self, bytes: &[u8], more: bool) -> (Vec<u8>, usize) {
        let mut clean = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let plain = rest.iter().take_while(|byte| !self.first[usize::from(**byte)]).count();
            if plain > 0 {
                clean.extend_from_slice(&rest[..plain]);
                at += plain;
                continue;
            }
            let begins = |secret: &Secret| secret.value.len() > rest.len() && secret.value.starts_with(rest);
            if more && self.secrets.iter().any(begins) {
                break;
            }
            match self.secrets.iter().find(|secret| rest.starts_with(&secret.value)) {
                Some(secret) => {
                    clean.extend_from_slice(secret.name.as_bytes());
                    at += secret.value.len();
                }
                None => {
                    clean.push(rest[0]);
                    at += 1;
                }
            }
        }
        (clean, at)
    }
}

/// The names alone.
impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = self.0.iter().flat_map(|secrets| &secrets.secrets);
        f.debug_list().entries(secrets.map(|secret| &secret.name)).finish()
    }
}

/// A stream without secrets, also where one comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct RedactedStream {
    redaction: Redaction,
    held: Held,
}

/// What may be the beginning of a secret.
#[derive(Default)]
struct Held(Vec<u8>);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl RedactedStream {
    pub(crate) fn new(redaction: Redaction) -> Self {
        Self { redaction, held: Held::default() }
    }

    /// Takes the next bytes, and gives what may be shown by now.
    pub(crate) fn push<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(secrets) = &self.redaction.0 else { return Cow::Borrowed(bytes) };
        self.held.0.extend_from_slice(bytes);
        let (clean, taken) = secrets.scan(&self.held.0, true);
        self.held.0.drain(..taken);
        Cow::Owned(clean)
    }

    /// What is left at the end.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held.0);
        self.redaction.0.as_ref().map(|secrets| secrets.scan(&held, false).0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TaskResult;

    fn redaction() -> Redaction {
        let secret = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Redaction::new([
            secret("A", "hunter2"),
            secret("B", "hunter2-long"),
            secret("C", "\"é\n\""),
            secret("D", "1234"),
        ])
    }

    const CASES: [(&str, &str); 10] = [
        ("", ""),
        ("nothing", "nothing"),
        ("hunter2", "<A>"),
        ("hunter2hunter2", "<A><A>"),
        ("xhunter2-long.", "x<B>."),
        ("hunter2-lon", "<A>-lon"),
        ("hunthunter2", "hunt<A>"),
        ("hunter", "hunter"),
        ("é\"é\n\"é", "é<C>é"),
        ("12341123", "<D>1123"),
    ];

    #[test]
    fn a_name_takes_the_place_of_every_value() {
        for (text, clean) in CASES {
            assert_eq!(redaction().text(text.to_owned()), clean);
            assert_eq!(Redaction::default().text(text.to_owned()), text);
        }
    }

    #[test]
    fn a_value_that_comes_in_pieces_is_found_wherever_it_is_cut() {
        for (text, clean) in CASES {
            for cut in 0..=text.len() {
                for second in cut..=text.len() {
                    let mut stream = RedactedStream::new(redaction());
                    let mut shown = Vec::new();
                    for piece in [&text.as_bytes()[..cut], &text.as_bytes()[cut..second], &text.as_bytes()[second..]] {
                        shown.extend_from_slice(&stream.push(piece));
                    }
                    shown.extend(stream.finish());
                    assert_eq!(shown, clean.as_bytes(), "{text:?} cut at {cut} and {second}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_shown_at_once() {
        let mut stream = RedactedStream::new(redaction());
        assert_eq!(*stream.push(b"line\nhunt"), *b"line\n");
        assert_eq!(*stream.push(b"ing"), *b"hunting");
        assert_eq!(*RedactedStream::default().push(b"hunter2"), *b"hunter2");
    }

    #[test]
    fn a_change_is_clean_in_all_its_texts() {
        let change = Change {
            result: TaskResult { pod_status: Some("hunter2".to_owned()), launcher_output: None },
            ..Change::logs(["is hunter2"])
        };
        let clean = redaction().change(Change { active_jobs: Some(vec!["hunter2".to_owned()]), ..change });
        assert_eq!(clean.entries[0].message, "is <A>");
        assert_eq!(
            (clean.result.pod_status.as_deref(), clean.active_jobs),
            (Some("<A>"), Some(vec!["<A>".to_owned()]))
        );
    }

    #[test]
    fn json_is_clean_in_every_spelling_and_stays_json() {
        for (json, clean) in [
            (r#"{"a":["hunter2",1.50]}"#, r#"{"a":["<A>",1.50]}"#),
            (r#"{"hunter2":"\u0068unter2 \\n"}"#, r#"{"<A>":"<A> \\n"}"#),
            (r#"{"a":"\"é\n\""}"#, r#"{"a":"<C>"}"#),
            (r#"{"a":[912345,-1]}"#, r#"{"a":["9<D>5",-1]}"#),
        ] {
            let json = JsonObject::parse("parameters", json).unwrap();
            assert_eq!(redaction().json(&json).unwrap().as_str(), clean);
        }
        let whole = Redaction::new([("KEY".to_owned(), r#"{"a":1}"#.to_owned())]);
        assert_eq!(whole.json(&JsonObject::parse("parameters", r#"{"key": {"a": 1}}"#).unwrap()), None);
    }

    #[test]
    fn debug_shows_names_and_no_value() {
        let mut stream = RedactedStream::new(redaction());
        stream.push(b"hunter");
        let shown = format!("{:?} {stream:?}", redaction());
        assert!(shown.contains("<A>") && shown.contains("6 bytes") && !shown.contains("hunt"), "{shown}");
    }
}
