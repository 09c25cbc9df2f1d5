//! Events of the crate `tracing`.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::{Style, append, once_at_a_time};

/// Makes the events of the crate [`tracing`] entries of the task, or output: a layer of
/// [tracing-subscriber](tracing_subscriber). It needs the crate's feature `tracing`.
///
/// What is told, and from which level and target on, is up to the filters of tracing-subscriber. A subscriber that is set
/// for the time of the run works in a component and in the tests of several threads:
///
/// ```
/// use task_state_guest::{Failure, Plugin, TaskLayer, TaskRecord};
/// use tracing_subscriber::filter::{LevelFilter, Targets};
/// use tracing_subscriber::prelude::*;
///
/// struct Import;
///
/// impl Plugin for Import {
///     fn run(_: TaskRecord) -> Result<(), Failure> {
///         let targets = Targets::new().with_default(LevelFilter::INFO).with_target("csv", LevelFilter::WARN);
///         let _guard = tracing_subscriber::registry().with(TaskLayer::entries().with_filter(targets)).set_default();
///
///         let _span = tracing::info_span!("import", file = "a.csv").entered();
///         tracing::info!(rows = 42, "imported");
///         Ok(())
///     }
/// }
/// # let run = task_state_guest::testing::Task::new("analytics", "alice").run::<Import>();
/// # assert_eq!(run.messages(), ["INFO import{file=\"a.csv\"}: imported rows=42"]);
/// ```
///
/// An event that cannot be an entry (the host answers an error) is written to the output, with the reason. Events that a
/// value makes itself while it is spelled are left out. Events are calls to the host: a plugin that makes more than
/// 100,000 in a second waits.
#[derive(Debug)]
#[must_use = "a layer does nothing until a subscriber has it"]
pub struct TaskLayer {
    style: Style,
    /// Tells what it keeps with a span from what another one does.
    id: u64,
}

impl TaskLayer {
    /// Events become log entries of the task: `INFO import{file="a.csv"}: imported rows=42`.
    pub fn entries() -> Self {
        Self::of(Style::ENTRIES)
    }

    /// Events become output, one line each: `INFO import{file="a.csv"}: import::csv: imported rows=42`.
    pub fn output() -> Self {
        Self::of(Style::OUTPUT)
    }

    fn of(style: Style) -> Self {
        static LAYERS: AtomicU64 = AtomicU64::new(0);
        Self { style, id: LAYERS.fetch_add(1, Ordering::Relaxed) }
    }

    /// The same layer, where an event begins with its level or does not.
    pub fn show_level(mut self, show: bool) -> Self {
        self.style.shows_level = show;
        self
    }

    /// The same layer, where an event tells its target or does not.
    pub fn show_target(mut self, show: bool) -> Self {
        self.style.shows_target = show;
        self
    }

    /// Adds fields to those of a span.
    fn keep<S>(&self, id: &Id, context: &Context<'_, S>, record: impl FnOnce(&mut Line))
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(span) = context.span(id) else { return };
        let mut line = Line::default();
        // A value may look at the span while it is spelled, so that nothing of it is borrowed.
        record(&mut line);
        let mut extensions = span.extensions_mut();
        if extensions.get_mut::<SpanFields>().is_none() {
            extensions.replace(SpanFields::default());
        }
        let Some(SpanFields(all)) = extensions.get_mut() else { return };
        match all.iter_mut().find(|(layer, _)| *layer == self.id) {
            Some((_, fields)) => fields.push_str(&line.fields),
            None => all.push((self.id, line.fields)),
        }
    }

    /// The spans around an event, the outermost first: `import{file="a.csv"}:row: `.
    fn spans<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> String
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let mut text = String::new();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            text.push_str(span.name());
            let extensions = span.extensions();
            let kept =
                extensions.get::<SpanFields>().and_then(|SpanFields(all)| all.iter().find(|(id, _)| *id == self.id));
            if let Some((_, fields)) = kept.filter(|(_, fields)| !fields.is_empty()) {
                append(&mut text, format_args!("{{{}}}", fields.trim_start()));
            }
            text.push(':');
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text
    }
}

impl<S> Layer<S> for TaskLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        once_at_a_time(|| self.keep(id, &context, |line| attributes.record(line)));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        once_at_a_time(|| self.keep(id, &context, |line| values.record(line)));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        once_at_a_time(|| {
            let metadata = event.metadata();
            let mut text = Line::default();
            event.record(&mut text);
            let mut line = self.style.begin(metadata.level(), &self.spans(event, &context), metadata.target());
            line.push_str(&text.message);
            // Without a message the fields are all that there is.
            line.push_str(if text.message.is_empty() { text.fields.trim_start() } else { &text.fields });
            self.style.send(&line);
        });
    }
}

/// The fields of a span as layers keep them.
#[derive(Debug, Default)]
struct SpanFields(Vec<(u64, String)>);

/// A message, and ` name=value` for each field.
#[derive(Debug, Default)]
struct Line {
    message: String,
    fields: String,
}

impl Line {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        match field.name() {
            "message" => append(&mut self.message, value),
            // What tracing-log says of the event of another crate stands in its metadata.
            name if name.starts_with("log.") => {}
            name => append(&mut self.fields, format_args!(" {}={value}", name.trim_start_matches("r#"))),
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.add(field, format_args!("{value}")),
            _ => self.add(field, format_args!("{value:?}")),
        }
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        self.add(field, format_args!("{}", crate::worker::describe(error)));
    }
}
