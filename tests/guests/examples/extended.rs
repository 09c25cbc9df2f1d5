//! Asks its platform where it runs, through an import that only that platform serves.

use task_state_guest::{Failure, Plugin, TaskRecord, current_task};

#[cfg(target_family = "wasm")]
mod platform {
    wit_bindgen::generate!({
        inline: "
            package example:platform@1.0.0;

            interface region {
                name: func() -> string;
            }

            world extended {
                import region;
            }
        ",
    });

    pub(crate) use self::example::platform::region::name as region;
}

#[cfg(not(target_family = "wasm"))]
mod platform {
    pub(crate) fn region() -> &'static str {
        "no platform"
    }
}

struct Extended;

impl Plugin for Extended {
    fn run(_: TaskRecord) -> Result<(), Failure> {
        current_task::log(format!("in {}", platform::region()))?;
        Ok(())
    }
}

task_state_guest::export!(Extended);
