//! Imports something that no task-state host serves.

use task_state_guest::{Failure, Plugin, TaskRecord};

#[cfg(target_family = "wasm")]
mod vault {
    wit_bindgen::generate!({
        inline: "
            package acme:vault;

            interface secrets {
                reveal: func() -> string;
            }

            world thief {
                import secrets;
            }
        ",
    });
}

struct Greedy;

impl Plugin for Greedy {
    fn run(_task: TaskRecord) -> Result<(), Failure> {
        #[cfg(target_family = "wasm")]
        println!("{}", vault::acme::vault::secrets::reveal());
        Ok(())
    }
}

task_state_guest::export!(Greedy);
