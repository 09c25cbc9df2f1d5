"""Tests of a plugin without a host: a store in memory with the host's rules, and runs on it.

::

    from task_state import testing
    import hello

    def test_it_counts_lines() -> None:
        outcome = testing.run(hello.main, input="a\\nb\\n", parameters={"greeting": "hello"})
        assert outcome.status == "completed"
        assert outcome.messages == ["hello, tester", "2 lines"]

What passes here passes in a host: both are held to one table of cases. What is not here: limits of time and memory, and
what a manifest lends (directories, settings, secrets). ``task-state test`` runs the component itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timezone
from importlib.util import decode_source
from pathlib import Path
from typing import Any

from . import _host, _later, _loop, _plugin, _run
from ._double.host import DoubleHost, Fault, Grants, Operation, Stopped
from ._double.output import captured, kept
from ._double.store import Progress, Store
from ._script import Script
from .models import PriorityLevel, TaskRecord, TaskResult, TaskStatus

__all__ = ["Fault", "Grants", "Operation", "Outcome", "Progress", "in_memory", "run"]

#: Bytes of a failure's text that are kept.
_FAILURE_BYTES = 64 << 10

#: A plugin as a test names it by its function; else by the path of its script.
Plugin = Callable[[TaskRecord], Any]


@dataclass(frozen=True)
class Outcome:
    """What a run has left."""

    #: The task as the store holds it; None if it was deleted.
    record: TaskRecord | None
    #: Why the run failed; None if it returned.
    failure: str | None
    #: All that was printed.
    output: str
    #: How far the task had come, if the plugin said so.
    progress: Progress | None
    #: The calls that were made, in order, as the interface spells them.
    calls: list[str]
    _store: Store

    @property
    def status(self) -> TaskStatus | None:
        """The status in which the task is; None if it was deleted."""
        return self.record.status if self.record else None

    @property
    def messages(self) -> list[str]:
        """The messages of the task's log, without their times."""
        return self.record.messages if self.record else []

    @property
    def result(self) -> TaskResult:
        """What the workload left behind."""
        return self.record.result if self.record else TaskResult()

    def task(self, task_id: str) -> TaskRecord | None:
        """Another task of the store; None if there is none."""
        found = self._store.records.get(task_id)
        return found.model() if found else None


def run(
    plugin: Plugin | str | Path,
    *,
    input: str | bytes = b"",  # noqa: A002 - the word that the command and the fixtures have
    parameters: Mapping[str, Any] | None = None,
    service: str = "test",
    user_id: str = "tester",
    task_id: str = "1",
    priority: PriorityLevel | str = PriorityLevel.low,
    grants: Grants | None = None,
    tasks: Iterable[TaskRecord] = (),
    faults: Iterable[Fault] = (),
    cancel_before_call: int | None = None,
) -> Outcome:
    """Run a plugin on a new task, to its end.

    ``plugin`` is its function, or the path of its script, whose top level is then run as the main program. ``tasks`` are in
    the store before. ``faults`` are calls that fail. With ``cancel_before_call`` somebody asks for the task to stop right
    before that call of the run, from 1, of any function. ``grants`` are, unless given, those that ``task-state run`` gives:
    the task's service, any user, to read, to write and to take numbers of the sequence.
    """
    program = _program(plugin)
    with in_memory(
        service=service,
        user_id=user_id,
        task_id=task_id,
        parameters=parameters,
        priority=priority,
        grants=grants,
        tasks=tasks,
        faults=faults,
        cancel_before_call=cancel_before_call,
    ) as host:
        task = host.store.records[task_id].model()
        return _carry_out(host, program, task, input.encode() if isinstance(input, str) else input)


def _program(plugin: Plugin | str | Path) -> Callable[[TaskRecord], None]:
    if callable(plugin):
        function = plugin
        return lambda task: _plugin.call(function, task)
    path = Path(plugin)
    script = Script(decode_source(path.read_bytes()), str(path))

    def main(task: TaskRecord) -> None:
        # As python does for a script that it runs.
        sys.path.insert(0, str(path.parent))
        try:
            script(task)
        finally:
            sys.path.remove(str(path.parent))

    return main


def _carry_out(host: DoubleHost, program: Callable[[TaskRecord], None], task: TaskRecord, given: bytes) -> Outcome:
    failure: str | None = None
    stopped = False
    with captured(given) as printed, _loop.installed():
        try:
            failure = _run.run(lambda: program(task))
        except Stopped:
            stopped = True
    store, task_id = host.store, task.task_id
    failure = None if failure is None else _cut(failure.encode(errors="backslashreplace").decode())
    if not stopped and host.is_there():
        status = TaskStatus.FAILED if failure is not None else TaskStatus.COMPLETED
        if failure is None and host.poll():
            status = TaskStatus.CANCELLED
        store.finish(task_id, status, failure, kept(printed.getvalue()))
    record = store.records.get(task_id)
    return Outcome(
        record=record.model() if record else None,
        failure=failure,
        output=printed.getvalue().decode(errors="replace"),
        progress=store.progress.get(task_id),
        calls=host.calls,
        _store=store,
    )


def _cut(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= _FAILURE_BYTES:
        return text
    begin = encoded[:_FAILURE_BYTES].decode(errors="ignore")
    return f"{begin}\n[{len(encoded) - len(begin.encode())} more bytes were cut]"


@contextmanager
def in_memory(
    *,
    service: str = "test",
    user_id: str = "tester",
    task_id: str = "1",
    parameters: Mapping[str, Any] | None = None,
    priority: PriorityLevel | str = PriorityLevel.low,
    grants: Grants | None = None,
    tasks: Iterable[TaskRecord] = (),
    faults: Iterable[Fault] = (),
    cancel_before_call: int | None = None,
) -> Iterator[DoubleHost]:
    """A new store for the calls in a ``with`` block, for tests of parts of a plugin: no run, and no end of one.

    Takes what ``run`` takes. ``current_task`` is a task of that service and user.
    """
    store = Store()
    for other in tasks:
        store.save(_draft(other), _host.Precondition("none"), _anyone)
    claimed = _host.Draft(
        service=service,
        user_id=user_id,
        task_id=task_id,
        status=TaskStatus.RUNNING,
        parameters=json.dumps(dict(parameters or {}), ensure_ascii=False),
        priority=PriorityLevel(priority),
    )
    store.save(claimed, _host.Precondition("absent"), _anyone)
    host = DoubleHost(store, task_id, grants or Grants(services=[service]), faults, cancel_before_call)
    _later.forget()
    with _host.using(host):
        yield host


def _draft(task: TaskRecord) -> _host.Draft:
    created = task.created_at if task.created_at.tzinfo else task.created_at.replace(tzinfo=timezone.utc)
    return _host.Draft(
        task_id=task.task_id,
        service=task.service,
        user_id=task.user_id,
        status=TaskStatus(task.status),
        parameters=json.dumps(task.parameters, ensure_ascii=False),
        active_jobs=list(task.active_jobs),
        created_at=created.isoformat(),
        logs=list(task.logs),
        result=task.result,
        priority=PriorityLevel(task.priority),
    )


def _anyone(_service: str, _user_id: str) -> None:
    """Tasks that a test registers need no grant."""
