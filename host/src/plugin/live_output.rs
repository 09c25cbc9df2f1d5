//! What a guest has printed, in its task's record while it runs.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::claimed_task::ClaimedTask;
use super::lock;
use super::output::Output;
use crate::record::{Change, OutputChange};

/// How often the record follows what is printed.
const INTERVAL: Duration = Duration::from_secs(2);

/// What a guest prints, and how much of it the record has.
#[derive(Debug)]
pub(super) struct LiveOutput {
    output: Output,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    /// How many bytes had been printed when the record was last written.
    printed: u64,
    /// What the record has for certain, if nobody else has set it.
    text: Option<String>,
    /// What it may have instead: a write that was not answered.
    unanswered: Option<String>,
}

impl LiveOutput {
    pub(super) fn new(output: Output) -> Self {
        Self { output, shown: Mutex::default() }
    }

    /// Writes the output now and then while it grows, until the run is over.
    pub(super) async fn follow(&self, task: &ClaimedTask, over: &Notify) {
        loop {
            tokio::select! {
                biased;
                () = over.notified() => return,
                // A timer only for a run that is not over at once.
                () = async { sleep(INTERVAL).await } => {}
            }
            let Some(change) = self.next() else { continue };
            // On the heap: few runs print for so long.
            let answer = Box::pin(task.write(Change::default().output(change))).await;
            if let Err(error) = &answer {
                tracing::debug!(%error, "the output of a run is not shown yet");
            }
            self.answered(answer.is_ok());
        }
    }

    /// The last change of the output, if anything was printed.
    pub(super) fn last(&self) -> Option<OutputChange> {
        let shown = lock(&self.shown);
        self.output.text().map(|text| shown.change_to(text))
    }

    /// What is to be written now, if the output has grown. What was not answered is written first, so that there are
    /// never more than two texts that the record may have.
    fn next(&self) -> Option<OutputChange> {
        let mut shown = lock(&self.shown);
        if let Some(text) = shown.unanswered.clone() {
            return Some(shown.change_to(text));
        }
        let printed = self.output.printed();
        if printed == shown.printed {
            return None;
        }
        let text = self.output.text()?;
        let change = shown.change_to(text.clone());
        (shown.printed, shown.unanswered) = (printed, Some(text));
        Some(change)
    }

    fn answered(&self, is_written: bool) {
        let mut shown = lock(&self.shown);
        if is_written {
            shown.text = shown.unanswered.take();
        }
    }
}

impl Shown {
    fn change_to(&self, text: String) -> OutputChange {
        let unanswered = self.unanswered.clone().map(Some);
        OutputChange { replaces: unanswered.into_iter().chain([self.text.clone()]).collect(), text }
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::p2::OutputStream as _;

    use super::super::OutputSink;
    use super::super::events::Events;
    use super::*;
    use crate::redaction::Redaction;

    fn change(replaces: &[Option<&str>], text: &str) -> Option<OutputChange> {
        let replaces = replaces.iter().map(|text| text.map(str::to_owned)).collect();
        Some(OutputChange { replaces, text: text.to_owned() })
    }

    #[test]
    fn what_is_written_takes_the_place_of_what_was_written_before() {
        let mut output = Output::new(OutputSink::Discard, Events::default(), 100, Redaction::default());
        let live = LiveOutput::new(output.clone());
        assert_eq!((live.next(), live.last()), (None, None));

        output.write("a".into()).unwrap();
        assert_eq!(live.last(), change(&[None], "a"));
        assert_eq!(live.next(), change(&[None], "a"));
        live.answered(true);
        assert_eq!(live.next(), None);

        output.write("b".into()).unwrap();
        assert_eq!(live.next(), change(&[Some("a")], "ab"));
        live.answered(false);
        output.write("c".into()).unwrap();
        assert_eq!(live.next(), change(&[Some("ab"), Some("a")], "ab"));
        assert_eq!(live.last(), change(&[Some("ab"), Some("a")], "abc"));
        live.answered(true);
        assert_eq!(live.next(), change(&[Some("ab")], "abc"));
    }
}
