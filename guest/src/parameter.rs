//! Reading one of a task's parameters. The only module that knows JSON.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde_json::value::RawValue;

use crate::TaskRecord;

impl TaskRecord {
    /// One of the task's parameters, parsed from its text; `None` if it is absent or null.
    ///
    /// The text of a JSON string is what it says, that of any other value is its JSON, so that `10` and `"10"` (which is
    /// what `task-state run --param every=10` gives) are both the number ten. For parameters of more structure, give
    /// [`parameters`](Self::parameters) to a JSON parser.
    ///
    /// ```
    /// # fn run(task: task_state_guest::TaskRecord) -> Result<(), task_state_guest::Failure> {
    /// let name: Option<String> = task.parameter("name")?;
    /// let every = task.parameter("every")?.unwrap_or(10_000_u64);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ParameterError`], which names the parameter and its value, if the text cannot be parsed as a `T`.
    pub fn parameter<T>(&self, name: &str) -> Result<Option<T>, ParameterError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        read(&self.parameters, name)
    }
}

fn read<T: FromStr<Err: fmt::Display>>(parameters: &str, name: &str) -> Result<Option<T>, ParameterError> {
    let all: HashMap<String, &RawValue> = serde_json::from_str(parameters)
        .map_err(|error| ParameterError::new(name, format!("cannot be read: {error}")))?;
    let Some(raw) = all.get(name).map(|value| value.get()).filter(|raw| *raw != "null") else { return Ok(None) };
    let is_wrong = |why: &dyn fmt::Display| ParameterError::new(name, format!("is {}: {why}", excerpt(raw)));
    let parsed = if raw.starts_with('"') {
        serde_json::from_str::<String>(raw).map_err(|error| is_wrong(&error))?.parse()
    } else {
        raw.parse()
    };
    parsed.map(Some).map_err(|why| is_wrong(&why))
}

/// The value, no longer than a message can bear.
fn excerpt(value: &str) -> String {
    const MOST: usize = 80;
    match value.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// A parameter that is not what the plugin wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterError {
    name: String,
    why: String,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the parameter \"{}\" {}", self.name, self.why)
    }
}

impl std::error::Error for ParameterError {}

impl ParameterError {
    fn new(name: &str, why: String) -> Self {
        Self { name: name.to_owned(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: &str = r#"{ "format": "js\u006fn", "huge": 1234567890123456789012345, "text": "50", "number": 50,
        "none": null, "list": [1, 2] }"#;

    #[test]
    fn a_string_is_what_it_says_and_any_other_value_is_its_json() {
        assert_eq!(read(PARAMETERS, "format"), Ok(Some("json".to_owned())));
        assert_eq!(read(PARAMETERS, "huge"), Ok(Some("1234567890123456789012345".to_owned())));
        assert_eq!(read(PARAMETERS, "list"), Ok(Some("[1, 2]".to_owned())));
    }

    #[test]
    fn a_number_may_be_given_as_a_string_and_an_absent_or_null_parameter_is_none() {
        for (name, value) in [("text", Some(50_u64)), ("number", Some(50)), ("missing", None), ("none", None)] {
            assert_eq!(read(PARAMETERS, name), Ok(value), "{name}");
        }
    }

    #[test]
    fn a_parameter_that_cannot_be_parsed_is_named_with_its_value() {
        let error = read::<u64>(PARAMETERS, "format").unwrap_err();
        assert_eq!(error.to_string(), r#"the parameter "format" is "js\u006fn": invalid digit found in string"#);
        let error = read::<u64>("[]", "every").unwrap_err().to_string();
        assert!(error.starts_with("the parameter \"every\" cannot be read"), "{error}");
    }
}
