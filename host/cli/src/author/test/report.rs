//! What came of the fixtures: for people as they end, one document for machines, JUnit XML for CI.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use console::style;
use serde_json::{Value, json};

/// What came of one fixture.
#[derive(Debug)]
pub(crate) struct Tested {
    pub(super) fixture: PathBuf,
    pub(super) time: Duration,
    /// What differs from what is expected.
    pub(super) differences: Vec<String>,
    /// What the plugin has printed, to help with a failure.
    pub(super) output: String,
}

/// What came of all of them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(super) tested: Vec<Tested>,
}

impl Tested {
    fn passed(&self) -> bool {
        self.differences.is_empty()
    }

    /// A few lines for people: the fixture, and what is wrong.
    pub(crate) fn text(&self) -> String {
        let verdict = if self.passed() { style("ok").green() } else { style("FAILED").red() };
        let mut text = format!("{} ... {} ({:.2} s)\n", shown(&self.fixture), verdict, self.time.as_secs_f64());
        for difference in &self.differences {
            let _ = writeln!(text, "  {}", indented(difference));
        }
        if !self.passed() && !self.output.is_empty() {
            let _ = writeln!(text, "  its output:\n    {}", indented(&self.output).replace("\n  ", "\n    "));
        }
        text
    }
}

impl Report {
    pub(crate) fn passed(&self) -> bool {
        self.tested.iter().all(Tested::passed)
    }

    fn failed(&self) -> usize {
        self.tested.iter().filter(|tested| !tested.passed()).count()
    }

    /// The last line for people.
    pub(crate) fn summary(&self) -> String {
        let failed = self.failed();
        format!("{} passed, {failed} failed", self.tested.len() - failed)
    }

    pub(crate) fn json(&self) -> Value {
        let tests: Vec<Value> = self
            .tested
            .iter()
            .map(|tested| {
                json!({
                    "fixture": shown(&tested.fixture),
                    "passed": tested.passed(),
                    "seconds": tested.time.as_secs_f64(),
                    "differences": tested.differences,
                    "output": tested.output,
                })
            })
            .collect();
        let failed = self.failed();
        json!({"passed": self.tested.len() - failed, "failed": failed, "tests": tests})
    }

    /// JUnit XML, as CI servers read it.
    pub(crate) fn junit(&self, suite: &str) -> String {
        let time: f64 = self.tested.iter().map(|tested| tested.time.as_secs_f64()).sum();
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" \
             time=\"{time:.3}\">\n",
            escaped(suite),
            self.tested.len(),
            self.failed(),
        );
        for tested in &self.tested {
            let _ = writeln!(
                xml,
                "<testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">",
                escaped(suite),
                escaped(&shown(&tested.fixture)),
                tested.time.as_secs_f64(),
            );
            if !tested.passed() {
                let all = tested.differences.join("\n");
                let first = all.lines().next().unwrap_or_default();
                let _ = writeln!(xml, "<failure message=\"{}\">{}</failure>", escaped(first), escaped(&all));
            }
            let _ = writeln!(xml, "<system-out>{}</system-out>\n</testcase>", escaped(&tested.output));
        }
        xml.push_str("</testsuite>\n</testsuites>\n");
        xml
    }
}

fn shown(path: &Path) -> String {
    crate::output::name(&path.display().to_string())
}

fn indented(text: &str) -> String {
    crate::output::message(text).trim_end().replace('\n', "\n  ")
}

/// A text as XML 1.0 can hold it: other characters than it knows are shown as escapes.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\t' | '\n' | '\r' => _ = write!(xml, "&#{};", u32::from(c)),
            '\u{fffe}' | '\u{ffff}' => xml.extend(c.escape_unicode()),
            c if c.is_control() => xml.extend(c.escape_unicode()),
            c => xml.push(c),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let tested = |fixture: &str, differences: &[&str], output: &str| Tested {
            fixture: fixture.into(),
            time: Duration::from_millis(1_500),
            differences: differences.iter().map(|&text| text.to_owned()).collect(),
            output: output.to_owned(),
        };
        let failed = tested("tests/b.toml", &["status: expected completed, found failed"], "a <b> & \u{1b}\"c\"\n");
        Report { tested: vec![tested("tests/a.toml", &[], ""), failed] }
    }

    #[test]
    fn people_see_what_differs_and_what_was_printed() {
        let report = report();
        let text: String = report.tested.iter().map(Tested::text).collect();
        let text = console::strip_ansi_codes(&text).into_owned();
        assert_eq!(
            text,
            "tests/a.toml ... ok (1.50 s)\n\
             tests/b.toml ... FAILED (1.50 s)\n  \
               status: expected completed, found failed\n  \
               its output:\n    \
                 a <b> & \\u{1b}\"c\"\n"
        );
        assert_eq!((report.summary().as_str(), report.passed()), ("1 passed, 1 failed", false));
    }

    #[test]
    fn machines_read_it_as_json_and_as_junit() {
        let json = report().json();
        assert_eq!((&json["passed"], &json["failed"]), (&json!(1), &json!(1)));
        assert_eq!(json["tests"][1]["differences"][0], "status: expected completed, found failed");
        let xml = report().junit("hello");
        assert!(xml.contains("<testsuite name=\"hello\" tests=\"2\" failures=\"1\" time=\"3.000\">"), "{xml}");
        assert!(xml.contains("<failure message=\"status: expected completed, found failed\">"), "{xml}");
        assert!(xml.contains("a &lt;b&gt; &amp; \\u{1b}&quot;c&quot;&#10;"), "{xml}");
    }
}
