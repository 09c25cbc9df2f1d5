"""A plugin: it counts the lines of its input, and greets the user for whom it does so."""

import sys

import task_state
from task_state import TaskRecord, current_task


@task_state.plugin
def main(task: TaskRecord) -> None:
    """Carry out one task. The parameter ``greeting`` is a word, ``hello`` if it is absent."""
    greeting = task.parameter("greeting", str, "hello")
    current_task.log(f"{greeting}, {task.user_id}")
    lines = 0
    for line in task_state.progress(sys.stdin, note="lines"):
        lines += 1
        print(line.rstrip("\n"))
    current_task.log(f"{lines} lines")
