//! How values are read from the command line. Each error names the value.

use clap::builder::{OsStringValueParser, TypedValueParser};
use task_state_host::record::{InvalidValue, JsonObject, Status, TaskId};
use task_state_registry::Component;

/// A component, in a file or in a registry.
pub(super) fn component() -> impl TypedValueParser<Value = Component> {
    OsStringValueParser::new().try_map(|text| Component::parse(&text))
}

/// An id of a task that is there already, however strange.
pub(super) fn stored_id(text: &str) -> Result<TaskId, InvalidValue> {
    TaskId::stored(text)
}

/// A status in its own spelling, or with `-` for `_`.
pub(super) fn status(text: &str) -> Result<Status, InvalidValue> {
    text.replace('-', "_").parse().map_err(|error: InvalidValue| InvalidValue::new(error.what, text, error.why))
}

/// The parameters of a task.
pub(super) fn json_object(text: &str) -> Result<JsonObject, InvalidValue> {
    JsonObject::parse("parameters", text)
}

/// One parameter, as `KEY=VALUE`.
pub(super) fn parameter(text: &str) -> Result<(String, String), InvalidValue> {
    pair("parameter", text)
}

/// One limit, as `KEY=VALUE`.
pub(super) fn limit(text: &str) -> Result<(String, String), InvalidValue> {
    pair("limit", text)
}

fn pair(what: &'static str, text: &str) -> Result<(String, String), InvalidValue> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(InvalidValue::new(what, text, "it has the form KEY=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_may_be_written_with_a_hyphen() {
        assert_eq!(status("cancel-requested"), Ok(Status::CancelRequested));
        assert!(status("on-fire").unwrap_err().to_string().starts_with("invalid status \"on-fire\""));
    }

    #[test]
    fn a_parameter_is_a_key_and_any_text() {
        assert_eq!(parameter("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(parameter("a="), Ok(("a".into(), String::new())));
        assert!(parameter("a").is_err() && parameter("=b").is_err());
    }
}
