"""Ends in the way that the parameter ``how`` names."""

import asyncio
import atexit
import csv
import io
import sys

import task_state
from task_state import Failure, TaskStatus, current_task, errors, repository


async def waits():
    try:
        current_task.log("waiting")
        current_task.flush()
        await asyncio.sleep(600)
    finally:
        await asyncio.sleep(0.01)
        current_task.log("cleaned up")


async def fails_late():
    await asyncio.sleep(0.01)
    raise ValueError("late")


def recurse():
    return recurse()


def denied():
    task = task_state.TaskRecord(task_id="x", service="other", user_id="u", status=TaskStatus.PENDING)
    try:
        repository.save(task)
    except errors.Denied as error:
        current_task.log(f"{error.case}: {error}")
    try:
        repository.delete("x")
    except task_state.TaskStateError as error:
        current_task.log(f"{error.case}: {error}")
    current_task.log(f"{repository.get('none')}")
    try:
        current_task.set_status(TaskStatus.PENDING)
    except errors.InvalidTransition as error:
        current_task.log(f"{error.case}: {error.status.value}")


@task_state.plugin
def main(task):
    atexit.register(print, "at exit")
    how = task.parameters["how"]
    if how == "raise":
        raise KeyError("why")
    if how == "failure":
        raise Failure("line 3: no")
    if how == "exit":
        sys.exit(int(task.parameters["status"]))
    elif how == "exit with a text":
        sys.exit("no input")
    elif how == "late":
        asyncio.run(fails_late())
    elif how == "wait":
        asyncio.run(waits())
    elif how == "recurse":
        recurse()
    elif how == "deny":
        denied()
    elif how == "complete":
        current_task.set_status(TaskStatus.COMPLETED, "mine")
        raise Failure("after")
    elif how == "interrupt":
        raise KeyboardInterrupt
    elif how == "generator exit":
        raise GeneratorExit
    elif how == "close the output":
        csv.writer(io.TextIOWrapper(sys.stdout.buffer, newline="")).writerow([1, 2])
    elif how == "priority":
        for priority in ("high", "low", "high"):
            status = repository.set_priority(task.task_id, priority)
            current_task.log(f"{status.value} {current_task.get().priority.value}")
    elif how == "progress":
        for _ in task_state.progress(range(5), note="steps"):
            pass
