"""Tests without a host: ``python -m pytest``."""

import NAME_
import task_state
from task_state import testing


def test_it_greets_the_user_and_counts_the_lines() -> None:
    outcome = testing.run(NAME_.main, input="a\nb\n", user_id="alice", parameters={"greeting": "good morning"})
    assert outcome.status == "completed"
    assert outcome.messages == ["good morning, alice", "2 lines"]
    assert outcome.output == "a\nb\n"
    assert outcome.progress == testing.Progress(done=2, total=None, note="lines")


def test_an_entry_that_cannot_be_written_fails_the_task() -> None:
    away = testing.Fault("current-task.log", task_state.errors.Unavailable("away"))
    outcome = testing.run(NAME_.main, faults=[away])
    assert outcome.status == "failed"
    assert "Unavailable: away" in outcome.messages[-1]
