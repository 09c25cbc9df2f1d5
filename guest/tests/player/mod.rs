//! Plays the cases of `tests/cases` over the SDK's public functions: natively, and as a plugin on the real host. Knows
//! neither the double nor the host; the format is in `tests/cases/README.md`.

mod calls;
pub(crate) mod values;

use std::collections::HashMap;

use serde_json::Value;
use task_state_guest::Failure;

use values::{differs, error_json, resolve};

/// The `updated-at` that the plugin has seen, by task.
pub(crate) type Seen = HashMap<String, String>;

/// Makes the calls of a case and ends as it says. Fails with the step whose answer was another one.
pub(crate) fn play(case: &Value) -> Result<(), Failure> {
    let mut seen = Seen::new();
    for (index, step) in case["steps"].as_array().into_iter().flatten().enumerate() {
        let answer = calls::call(step, &mut seen);
        if let Some(why) = differs_from(step, answer) {
            return Err(format!("step {} ({}): {why}", index + 1, step["call"]).into());
        }
    }
    match resolve(&case["end"]["error"], &seen).as_str() {
        Some(text) => Err(text.to_owned().into()),
        None => Ok(()),
    }
}

/// How an answer is not the one that a step wants.
fn differs_from(step: &Value, answer: task_state_guest::Result<Value>) -> Option<String> {
    match (answer, step.get("error"), step.get("ok")) {
        (Err(error), Some(wanted), _) => differs(&error_json(&error), wanted),
        (Err(error), None, _) => Some(format!("it answered the error {}", error_json(&error))),
        (Ok(answer), Some(wanted), _) => Some(format!("it answered {answer} instead of the error {wanted}")),
        (Ok(answer), None, Some(wanted)) => differs(&answer, &resolve(wanted, &Seen::new())),
        (Ok(_), None, None) => None,
    }
}
