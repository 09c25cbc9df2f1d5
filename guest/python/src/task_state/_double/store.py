"""Tasks in memory: the sequence, saves, changes and listings, with the host's rules for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta

from .._host import Draft, Precondition, Record, Scope
from .._times import parse_time
from ..errors import Conflict, InvalidTransition, NotFound
from ..models import PriorityLevel, TaskResult, TaskStatus
from ..timezone import now
from . import checks

MAX_PAGE_TASKS = 1_000
MAX_PAGE_BYTES = 4 << 20

#: Whether the task of a service and user may be touched; raises ``Denied``.
Check = Callable[[str, str], None]

_INTEGER = re.compile(r"[+-]?\d+(?:_\d+)*")
_LAST = {TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED}
_ORDER = list(TaskStatus)


def may_move(start: TaskStatus, to: TaskStatus) -> bool:
    """Whether a change may move a task: forward only, and nothing leaves a terminal status."""
    if start in _LAST:
        return start is to
    if start is TaskStatus.CANCEL_REQUESTED:
        return to is start or to in _LAST
    return _ORDER.index(to) >= _ORDER.index(start)


def place(task_id: str) -> tuple[int, int, str]:
    """What listings sort by: numbers first, by value, then the rest; ties by code point."""
    text = task_id.strip()
    return (0, _integer(text), task_id) if _INTEGER.fullmatch(text) else (1, 0, task_id)


def _integer(text: str) -> int:
    # int() refuses more than some thousand digits, and an id has at most 128 bytes.
    return int(text[:4_000])


@dataclass(frozen=True)
class Progress:
    """How far a task has come."""

    done: int
    total: int | None
    note: str | None


class Store:
    """Tasks in memory."""

    def __init__(self) -> None:
        """A store without tasks."""
        self.records: dict[str, Record] = {}
        self.progress: dict[str, Progress] = {}
        self._sequence = 0

    def next_task_id(self) -> str:
        """Take the next number of the sequence."""
        self._sequence += 1
        return str(self._sequence)

    def peek_next_task_id(self) -> str:
        """The number that would be next."""
        return str(self._sequence + 1)

    def save(self, task: Draft, only_if: Precondition, check: Check, *, by_its_run: bool = False) -> str:
        """Register a task or replace it. The run that has a task cannot take back that it was asked to stop."""
        if task.task_id is not None:
            checks.new_name("task id", task.task_id)
        parameters = checks.json_object(task.parameters)
        created = None if task.created_at is None else checks.time_with_offset(task.created_at)
        checks.new_name("service", task.service)
        checks.new_name("user id", task.user_id)
        since = checks.time_with_offset(only_if.since) if only_if.kind == "unchanged-since" else None
        if created is not None and task.created_at is not None:
            checks.portable(task.created_at, created)
        task_id = task.task_id if task.task_id is not None else self._free_id()
        old = self.records.get(task_id)
        check(task.service, task.user_id)
        if old is not None:
            check(old.service, old.user_id)
            if by_its_run:
                _keeps_end(old, task)
        if (only_if.kind == "absent" and old is not None) or (
            since is not None and (old is None or _time(old.updated_at) != since)
        ):
            raise Conflict
        if not by_its_run:
            self.progress.pop(task_id, None)
        stamp = _stamp(old)
        self.records[task_id] = Record(
            task_id=task_id,
            service=task.service,
            user_id=task.user_id,
            status=task.status,
            parameters=parameters,
            active_jobs=list(task.active_jobs),
            created_at=created.isoformat() if created else stamp,
            updated_at=stamp,
            logs=list(task.logs),
            result=deepcopy(task.result),
            priority=task.priority,
        )
        return task_id

    def _free_id(self) -> str:
        while True:
            task_id = self.next_task_id()
            if task_id not in self.records:
                return task_id

    def get(self, task_id: str, check: Check) -> Record:
        """A copy of a record."""
        return deepcopy(self._find(task_id, check))

    def delete(self, task_id: str, check: Check) -> bool:
        """Remove a task."""
        if task_id not in self.records:
            return False
        self._find(task_id, check)
        self.progress.pop(task_id, None)
        del self.records[task_id]
        return True

    def change(
        self,
        task_id: str,
        check: Check,
        *,
        status: TaskStatus | None = None,
        entries: Iterable[str] = (),
        result: TaskResult | None = None,
        jobs: list[str] | None = None,
        priority: PriorityLevel | None = None,
    ) -> TaskStatus:
        """Change a task, all or nothing. Returns the status it is in then."""
        record = self._find(task_id, check)
        if status is not None and not may_move(record.status, status):
            raise InvalidTransition(record.status)
        stamp = _stamp(record)
        record.status = status or record.status
        record.logs.extend(f"{stamp},{entry}" for entry in entries)
        if result is not None:
            given = {name: text for name, text in result if text is not None}
            record.result = record.result.model_copy(update=given)
        record.active_jobs = record.active_jobs if jobs is None else list(jobs)
        record.priority = priority or record.priority
        record.updated_at = stamp
        return record.status

    def finish(self, task_id: str, status: TaskStatus, failure: str | None, output: str | None) -> None:
        """The end of a run: a terminal status stands, and a task that was asked to stop is cancelled."""
        record = self.records[task_id]
        if record.status not in _LAST:
            asked = record.status is TaskStatus.CANCEL_REQUESTED and status is TaskStatus.COMPLETED
            record.status = TaskStatus.CANCELLED if asked else status
        stamp = _stamp(record)
        if failure is not None:
            record.logs.append(f"{stamp},{failure}")
        if output is not None and record.result.launcher_output is None:
            record.result = record.result.model_copy(update={"launcher_output": output})
        record.updated_at = stamp

    def list_tasks(
        self, scope: Scope, limit: int, cursor: str | None, shows: Callable[[Record], bool]
    ) -> tuple[list[Record], str | None]:
        """One page, and where the next one starts."""
        if not 1 <= limit <= MAX_PAGE_TASKS:
            raise checks.invalid("limit", str(limit), f"it is a number from 1 to {MAX_PAGE_TASKS}")
        covered = (record for record in self.records.values() if _covers(scope, record) and shows(record))
        page: list[Record] = []
        length = 0
        for record in sorted(covered, key=lambda record: place(record.task_id)):
            if cursor is not None and place(record.task_id) <= place(cursor):
                continue
            more = _length(record)
            if page and (len(page) == limit or length + more > MAX_PAGE_BYTES):
                return page, page[-1].task_id
            page.append(deepcopy(record))
            length += more
        return page, None

    def users(self, service: str) -> list[str]:
        """The users that have tasks with a service."""
        return sorted({record.user_id for record in self.records.values() if record.service == service})

    def _find(self, task_id: str, check: Check) -> Record:
        checks.stored_id(task_id)
        record = self.records.get(task_id)
        if record is None:
            raise NotFound
        check(record.service, record.user_id)
        return record


def _keeps_end(stored: Record, task: Draft) -> None:
    """Of a task that was asked to stop, or has ended, the status only moves forward, and the log is kept."""
    if stored.status is TaskStatus.CANCEL_REQUESTED or stored.status.is_terminal:
        if not may_move(stored.status, task.status):
            raise InvalidTransition(stored.status)
        if task.logs[: len(stored.logs)] != stored.logs:
            raise Conflict


def _covers(scope: Scope, record: Record) -> bool:
    return {
        "all": True,
        "service": record.service == scope.service,
        "user": record.user_id == scope.user_id,
        "service-user": (record.service, record.user_id) == (scope.service, scope.user_id),
        "ids": record.task_id in scope.ids,
    }[scope.kind]


def _length(record: Record) -> int:
    result = (record.result.pod_status or "", record.result.launcher_output or "")
    return sum(len(text.encode()) for text in (record.parameters, *result, *record.logs, *record.active_jobs))


def _time(text: str) -> datetime:
    time = parse_time(text)
    if time is None:
        raise AssertionError(text)
    return time


def _stamp(old: Record | None) -> str:
    """Now, later than the last change, and with a fraction, so that it keeps its width."""
    time = now()
    if old is not None and time <= _time(old.updated_at):
        time = _time(old.updated_at).astimezone(time.tzinfo) + timedelta(microseconds=1)
    return (time if time.microsecond else time + timedelta(microseconds=1)).isoformat()
