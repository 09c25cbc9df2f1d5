//! What a plugin implements, and how it is exported.

use std::error::Error;

use crate::TaskRecord;
use crate::bindings::dms::task_state::types;
use crate::bindings::exports::dms::task_state::worker::Guest;

/// Why a plugin did not finish its task.
///
/// `?` makes one of any [`std::error::Error`], of a `String` and of a `&str`. The host puts its text, followed by those
/// of its [sources](std::error::Error::source), into the task's log.
pub type Failure = Box<dyn Error>;

/// A plugin. [`export!`](crate::export) makes a component of it.
///
/// ```no_run
/// use task_state_guest::{Failure, Plugin, TaskRecord, current_task};
///
/// struct LineCount;
///
/// impl Plugin for LineCount {
///     fn run(_: TaskRecord) -> Result<(), Failure> {
///         let lines = std::io::stdin().lines().count();
///         if lines == 0 {
///             return Err("the input is empty".into());
///         }
///         current_task::log(format!("{lines} lines"))?;
///         Ok(())
///     }
/// }
///
/// task_state_guest::export!(LineCount);
/// ```
pub trait Plugin {
    /// Carries out one task, in an instance of the component that runs nothing else before or after.
    ///
    /// The host has set the task `running` before. When this returns it becomes `completed` (`cancelled`, if it was asked
    /// to stop), or `failed` with the failure's text as its last log entry. A terminal status that the plugin has set
    /// itself stands. A panic is a failure too: its message goes to standard error, and the host logs the backtrace.
    ///
    /// # Errors
    /// Whatever kept the plugin from finishing.
    fn run(task: TaskRecord) -> Result<(), Failure>;
}

impl<P: Plugin> Guest for P {
    fn run(task: types::TaskRecord) -> Result<(), String> {
        P::run(task.into()).map_err(|failure| describe(&*failure))
    }
}

/// An error's text and those of its sources, except the ones that are part of what is there already.
pub(crate) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Exports a type that implements [`Plugin`] as the component's worker. Once in a component.
///
/// It expands to nothing but a check of the type on targets other than WebAssembly.
///
/// ```no_run
/// # use task_state_guest::{Failure, Plugin, TaskRecord};
/// struct Nothing;
///
/// impl Plugin for Nothing {
///     fn run(_: TaskRecord) -> Result<(), Failure> {
///         Ok(())
///     }
/// }
///
/// task_state_guest::export!(Nothing);
/// ```
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        #[cfg(target_family = "wasm")]
        $crate::__private::export_plugin!($plugin with_types_in $crate::__private);

        #[cfg(not(target_family = "wasm"))]
        const _: fn($crate::TaskRecord) -> ::core::result::Result<(), $crate::Failure> =
            <$plugin as $crate::Plugin>::run;
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn a_failure_is_told_with_those_of_its_sources_that_it_does_not_already_tell() {
        for (layers, told) in [
            (["reading row 3", "invalid number", "empty"], "reading row 3: invalid number: empty"),
            (["reading: broken pipe", "broken pipe", "os error 32"], "reading: broken pipe: os error 32"),
        ] {
            let [first, second, third] = layers;
            let source = Layer(second, Some(Box::new(Layer(third, None))));
            assert_eq!(describe(&Layer(first, Some(Box::new(source)))), told);
        }
    }

    #[test]
    fn the_question_mark_takes_errors_and_text() {
        fn fails(which: u8) -> Result<(), Failure> {
            match which {
                0 => Err("text")?,
                1 => Err(format!("text {which}"))?,
                2 => Err(crate::Error::NotFound)?,
                _ => drop("x".parse::<u8>()?),
            }
            Ok(())
        }
        let told: Vec<String> = (0..4).map(|which| describe(&*fails(which).unwrap_err())).collect();
        assert_eq!(told, ["text", "text 1", "no such task", "invalid digit found in string"]);
    }
}
