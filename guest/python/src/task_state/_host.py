"""The border to whoever keeps the tasks: a task-state host, or the native double of one.

It is the interface ``dms:task-state`` in Python's words, with each error as one of ``errors``. All else in the package is
written in terms of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ._times import parse_time
from .models import PriorityLevel, TaskRecord, TaskResult, TaskStatus
from .timezone import now


@dataclass
class Draft:
    """A task as a caller saves it. Parameters are JSON text; times are ISO 8601 with an offset."""

    service: str
    user_id: str
    task_id: str | None = None
    status: TaskStatus = TaskStatus.PENDING
    parameters: str = "{}"
    active_jobs: list[str] = field(default_factory=list)
    created_at: str | None = None
    logs: list[str] = field(default_factory=list)
    result: TaskResult = field(default_factory=TaskResult)
    priority: PriorityLevel = PriorityLevel.low


@dataclass
class Record:
    """A task as the interface hands it over. Parameters are JSON text; times are ISO 8601 with an offset."""

    task_id: str
    service: str
    user_id: str
    status: TaskStatus
    parameters: str
    active_jobs: list[str]
    created_at: str
    updated_at: str
    logs: list[str]
    result: TaskResult
    priority: PriorityLevel

    def model(self) -> TaskRecord:
        """The same for users of the package."""
        fields = dict(self.__dict__)
        fields["parameters"] = json.loads(self.parameters)
        fields["created_at"] = parse_time(self.created_at) or now()
        fields["updated_at"] = parse_time(self.updated_at) or now()
        return TaskRecord.model_construct(None, **fields)


@dataclass(frozen=True)
class Precondition:
    """When a save may go ahead."""

    kind: Literal["none", "absent", "unchanged-since"]
    #: The ``updated_at`` that the stored task has to have, if ``kind`` is ``unchanged-since``.
    since: str = ""


@dataclass(frozen=True)
class Scope:
    """Which tasks a listing covers."""

    kind: Literal["all", "service", "user", "service-user", "ids"]
    service: str = ""
    user_id: str = ""
    ids: tuple[str, ...] = ()


class Host(Protocol):
    """What a host offers. Its methods are documented where the package hands them on."""

    def get(self) -> Record: ...
    def set_status(self, status: TaskStatus, log_entry: str | None) -> TaskStatus: ...
    def log(self, message: str) -> TaskStatus: ...
    def flush(self) -> TaskStatus: ...
    def set_progress(self, done: int, total: int | None, note: str | None) -> TaskStatus: ...
    def update_result(self, change: TaskResult) -> TaskStatus: ...
    def set_active_jobs(self, jobs: list[str]) -> TaskStatus: ...
    def cancel_requested(self) -> bool: ...

    def poll(self) -> bool:
        """Whether the task was asked to stop, for the event loop: no call that the plugin makes."""

    @property
    def repository(self) -> RepositoryHost:
        """The rest of the store."""


class RepositoryHost(Protocol):
    """What a host offers of the rest of the store."""

    def next_task_id(self) -> str: ...
    def peek_next_task_id(self) -> str: ...
    def save(self, task: Draft, only_if: Precondition) -> str: ...
    def get(self, task_id: str) -> Record: ...
    def delete(self, task_id: str) -> bool: ...
    def set_status(self, task_id: str, status: TaskStatus, log_entry: str | None) -> TaskStatus: ...
    def append_logs(self, task_id: str, messages: list[str]) -> TaskStatus: ...
    def update_result(self, task_id: str, change: TaskResult) -> TaskStatus: ...
    def set_active_jobs(self, task_id: str, jobs: list[str]) -> TaskStatus: ...
    def set_priority(self, task_id: str, priority: PriorityLevel) -> TaskStatus: ...
    def list_tasks(self, scope: Scope, limit: int, cursor: str | None) -> tuple[list[Record], str | None]: ...
    def list_users(self, service: str) -> list[str]: ...


_host: Host | None = None


def host() -> Host:
    """The host: the one around a component, or an in-memory double anywhere else."""
    global _host
    if _host is None:
        _host = _inside() if sys.platform == "wasi" else _outside()
    return _host


def _inside() -> Any:
    from ._guest.wit_host import WitHost

    return WitHost()


def _outside() -> Any:
    from ._double.host import unclaimed

    return unclaimed()


@contextmanager
def using(other: Host) -> Iterator[None]:
    """Have another host answer for a while."""
    global _host
    before, _host = _host, other
    try:
        yield
    finally:
        _host = before
