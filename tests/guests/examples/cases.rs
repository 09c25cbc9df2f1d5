//! Plays one case of `tests/cases`, which is its input, on the real host: with the player that the SDK's own tests have.

#[path = "../../../guest/tests/player/mod.rs"]
mod player;

use std::io;

use task_state_guest::{Failure, Plugin, TaskRecord};

struct Cases;

impl Plugin for Cases {
    fn run(_: TaskRecord) -> Result<(), Failure> {
        player::play(&serde_json::from_reader(io::stdin())?)
    }
}

task_state_guest::export!(Cases);
