"""The task store, as far as the plugin's grants reach.

``RedisTaskRepository`` has the methods of the package for Redis, under its name. The functions beside it do the same
without ``await``, and what that class has no method for: saves with a precondition, several entries in one step, another
priority, pages.

Every call may raise ``Denied`` for an operation, a service or a user that the plugin was not granted, ``Unavailable`` when
the store did not answer in time, and the other ``task_state.errors``.
"""

from __future__ import annotations

import abc
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from . import _later
from ._host import Draft, Precondition, Scope, host
from ._texts import number, optional_text, text, texts
from .errors import InvalidArgument, NotFound
from .models import PriorityLevel, TaskRecord, TaskResult, TaskStatus
from .timezone import get_default_timezone, now

__all__ = [
    "ABSENT",
    "Page",
    "Precondition",
    "RedisTaskRepository",
    "Scope",
    "TaskRepository",
    "append_logs",
    "delete",
    "format_log_entry",
    "get",
    "list_tasks",
    "list_users",
    "next_task_id",
    "peek_next_task_id",
    "save",
    "set_active_jobs",
    "set_priority",
    "set_status",
    "tasks",
    "unchanged_since",
    "update_result",
]

#: A save goes ahead only if there is no task with that id.
ABSENT = Precondition("absent")

_ALWAYS = Precondition("none")

#: The most tasks that a page holds.
_MOST = 1_000


class Page(NamedTuple):
    """One page of a listing."""

    #: The tasks in the order of their ids. There may be none though more pages follow.
    tasks: list[TaskRecord]
    #: Where the next page starts; None on the last page.
    next: str | None


def format_log_entry(message: str, *, tzinfo: tzinfo | None = None) -> str:
    """A log entry as the store holds it: ``<time>,<message>``, with the present time in the zone in use."""
    return f"{now(tzinfo).isoformat()},{message}"


def unchanged_since(task: TaskRecord | datetime) -> Precondition:
    """A save goes ahead only if the stored task has not been changed since this record of it, or this time."""
    return Precondition("unchanged-since", _iso(task.updated_at if isinstance(task, TaskRecord) else task))


def _iso(time: datetime) -> str:
    return (time if time.tzinfo else time.replace(tzinfo=get_default_timezone())).isoformat()


def next_task_id() -> str:
    """Take the next number of the store's task sequence."""
    return host().repository.next_task_id()


def peek_next_task_id() -> str:
    """The number that ``next_task_id`` would give, without taking it."""
    return host().repository.peek_next_task_id()


def save(task: TaskRecord, *, only_if: Precondition = _ALWAYS, new_id: bool = False) -> str:
    """Register a task, or replace the one with its id. Returns its id.

    With ``new_id`` the task gets the next number of the store's sequence and never replaces another. The host stamps
    ``updated_at``. Raises ``Conflict`` if the precondition does not hold, ``InvalidArgument`` for names, times or
    parameters that the store cannot hold.
    """
    try:
        parameters = json.dumps(task.parameters, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"invalid parameters: {error}") from None
    draft = Draft(
        task_id=None if new_id else text("task id", task.task_id),
        service=text("service", task.service),
        user_id=text("user id", task.user_id),
        status=TaskStatus(task.status),
        parameters=text("parameters", parameters),
        active_jobs=texts("jobs", task.active_jobs),
        created_at=_iso(task.created_at),
        logs=texts("log entries", task.logs),
        result=_result(task.result.pod_status, task.result.launcher_output),
        priority=PriorityLevel(task.priority),
    )
    _later.settle(task.task_id)
    return host().repository.save(draft, only_if)


def get(task_id: str) -> TaskRecord | None:
    """A task as the store holds it now; None if there is none."""
    try:
        return host().repository.get(text("task id", task_id)).model()
    except NotFound:
        return None


def delete(task_id: str) -> bool:
    """Remove a task. False if there was none."""
    _later.settle(task_id)
    return host().repository.delete(text("task id", task_id))


def set_status(task_id: str, status: TaskStatus | str, log_entry: str | None = None) -> TaskStatus:
    """Move a task to a status, with a log entry in the same step if one is given. Returns the status it is in now.

    Raises ``NotFound``, or ``InvalidTransition`` if the task may not move to this status.
    """
    _later.settle(task_id)
    return host().repository.set_status(text("task id", task_id), TaskStatus(status), optional_text("log entry", log_entry))


def append_logs(task_id: str, messages: Iterable[str]) -> TaskStatus:
    """Add log entries, in order and in one step, each stamped by the host. They are in the store when this returns.

    Returns the task's current status, so that a plugin sees a cancellation without asking for it. Raises ``NotFound``.
    """
    _later.settle(task_id)
    return host().repository.append_logs(text("task id", task_id), texts("log entries", messages))


def update_result(task_id: str, *, pod_status: str | None = None, launcher_output: str | None = None) -> TaskStatus:
    """Overwrite the result fields that are given and leave the others alone. Returns the task's current status.

    Raises ``NotFound``.
    """
    _later.settle(task_id)
    return host().repository.update_result(text("task id", task_id), _result(pod_status, launcher_output))


def _result(pod_status: str | None, launcher_output: str | None) -> TaskResult:
    return TaskResult(
        pod_status=optional_text("pod status", pod_status),
        launcher_output=optional_text("launcher output", launcher_output),
    )


def set_active_jobs(task_id: str, jobs: Iterable[str]) -> TaskStatus:
    """Replace the identifiers of the task's jobs. Returns the task's current status. Raises ``NotFound``."""
    _later.settle(task_id)
    return host().repository.set_active_jobs(text("task id", task_id), texts("jobs", jobs))


def set_priority(task_id: str, priority: PriorityLevel | str) -> TaskStatus:
    """Say how urgent a task is: ``high`` or ``low``. Returns the task's current status. Raises ``NotFound``.

    One that waits in the platform's queue gets another place there; one that runs goes on as it does, and
    one that has ended keeps the change in its record alone.
    """
    wanted = PriorityLevel(priority)
    _later.settle(task_id)
    return host().repository.set_priority(text("task id", task_id), wanted)


def list_tasks(scope: Scope, limit: int = _MOST, cursor: str | None = None) -> Page:
    """One page of tasks in the order of their ids: numbers first, by value, then the rest by code point.

    At most ``limit`` of them (1 to 1,000), fewer if they are large, from ``cursor`` on, which is the ``next`` of an
    earlier page. Leaves out what the grants do not cover. ``tasks`` walks over all pages.
    """
    scope = Scope(scope.kind, text("service", scope.service), text("user id", scope.user_id), tuple(texts("ids", scope.ids)))
    limit = number("limit", limit, 32)
    records, following = host().repository.list_tasks(scope, limit, optional_text("cursor", cursor))
    return Page([record.model() for record in records], following)


def tasks(
    *, service: str | None = None, user_id: str | None = None, ids: Iterable[str] | None = None
) -> Iterator[TaskRecord]:
    """Every task of a service, of a user, of both, with these ids, or every task, page by page as it gets there."""
    if ids is not None:
        scope = Scope("ids", ids=tuple(ids))
    elif service is not None and user_id is not None:
        scope = Scope("service-user", service=service, user_id=user_id)
    elif service is not None:
        scope = Scope("service", service=service)
    else:
        scope = Scope("all") if user_id is None else Scope("user", user_id=user_id)
    cursor: str | None = None
    while True:
        page = list_tasks(scope, cursor=cursor)
        yield from page.tasks
        if page.next is None:
            return
        cursor = page.next


def list_users(service: str) -> list[str]:
    """The users that have tasks with a service, by code point."""
    return host().repository.list_users(text("service", service))


class TaskRepository(abc.ABC):
    """The methods of a repository. ``RedisTaskRepository`` says what they do."""

    @abc.abstractmethod
    async def next_task_id(self) -> str:
        """Take the next number of the task sequence."""

    @abc.abstractmethod
    async def peek_next_task_id(self) -> str:
        """The number that ``next_task_id`` would give, without taking it."""

    @abc.abstractmethod
    async def save(self, task: TaskRecord) -> None:
        """Register a task, or replace the one with its id."""

    @abc.abstractmethod
    async def get(self, task_id: str) -> TaskRecord | None:
        """A task; None if there is none."""

    @abc.abstractmethod
    async def delete(self, task_id: str) -> None:
        """Remove a task, if there is one."""

    @abc.abstractmethod
    async def set_status(self, task_id: str, status: TaskStatus, *, log_entry: str | None = None) -> TaskRecord | None:
        """Move a task to a status. Returns its record, or None if there is none."""

    @abc.abstractmethod
    async def append_log(self, task_id: str, message: str) -> TaskRecord | None:
        """Add a log entry. Returns the record, or None if there is none."""

    @abc.abstractmethod
    async def update_result(
        self, task_id: str, *, pod_status: str | None = None, launcher_output: str | None = None
    ) -> TaskRecord | None:
        """Overwrite the result fields that are given. Returns the record, or None if there is none."""

    @abc.abstractmethod
    async def list_by_ids(self, ids: Iterable[str]) -> list[TaskRecord]:
        """The tasks with these ids, as far as there are any."""

    @abc.abstractmethod
    async def list_all(self) -> list[TaskRecord]:
        """Every task."""

    @abc.abstractmethod
    async def list_by_service(self, service: str) -> list[TaskRecord]:
        """The tasks of a service."""

    @abc.abstractmethod
    async def list_by_service_and_user(self, service: str, user_id: str) -> list[TaskRecord]:
        """The tasks of a user with a service."""

    @abc.abstractmethod
    async def list_by_user(self, user_id: str) -> list[TaskRecord]:
        """The tasks of a user."""

    @abc.abstractmethod
    async def list_users_by_service(self, service: str) -> list[str]:
        """The users that have tasks with a service."""


class RedisTaskRepository(TaskRepository):
    """The host's store. Connections, the time that records live, and the zone of their times are the host's.

    A method that changes a task returns its record after the change, or None if there is no such task. The record is
    fetched when it is looked at, so that a change whose answer nobody looks at costs no more than the change.
    """

    def __init__(
        self,
        reader: Any = None,  # noqa: ARG002
        writer: Any = None,  # noqa: ARG002
        *,
        ttl_seconds: int = 90 * 24 * 60 * 60,
        tzinfo: tzinfo | None = None,  # noqa: ARG002
    ) -> None:
        """A repository. What is given is not used: a plugin needs no connection.

        Raises ``ValueError`` for a ``ttl_seconds`` that is not positive.
        """
        if ttl_seconds <= 0:
            raise ValueError(f"ttl_seconds is {ttl_seconds}, and has to be positive")

    async def next_task_id(self) -> str:
        """Take the next number of the store's task sequence."""
        return next_task_id()

    async def peek_next_task_id(self) -> str:
        """The number that ``next_task_id`` would give, without taking it."""
        return peek_next_task_id()

    async def save(self, task: TaskRecord) -> None:
        """Register a task, or replace the one with its id."""
        save(task)

    async def get(self, task_id: str) -> TaskRecord | None:
        """A task as the store holds it now; None if there is none."""
        return get(task_id)

    async def delete(self, task_id: str) -> None:
        """Remove a task, if there is one."""
        delete(task_id)

    async def set_status(self, task_id: str, status: TaskStatus, *, log_entry: str | None = None) -> TaskRecord | None:
        """Move a task to a status, with a log entry unless it is empty.

        Raises ``InvalidTransition`` if the task may not move there: a status only moves forward.
        """
        try:
            return _later.record(task_id, set_status(task_id, status, log_entry or None))
        except NotFound:
            return None

    async def append_log(self, task_id: str, message: str) -> TaskRecord | None:
        """Add a log entry, acknowledged."""
        try:
            return _later.record(task_id, append_logs(task_id, [message]))
        except NotFound:
            return None

    async def update_result(
        self, task_id: str, *, pod_status: str | None = None, launcher_output: str | None = None
    ) -> TaskRecord | None:
        """Overwrite the result fields that are given; without any, only look."""
        if pod_status is None and launcher_output is None:
            return get(task_id)
        try:
            status = update_result(task_id, pod_status=pod_status, launcher_output=launcher_output)
            return _later.record(task_id, status)
        except NotFound:
            return None

    async def list_by_ids(self, ids: Iterable[str]) -> list[TaskRecord]:
        """These tasks, in this order; the ones that do not exist are left out."""
        wanted = [str(task_id) for task_id in ids]
        found = {task.task_id: task for task in tasks(ids=wanted)} if wanted else {}
        return [found[task_id] for task_id in wanted if task_id in found]

    async def list_all(self) -> list[TaskRecord]:
        """Every task that the grants cover, in the order of their ids."""
        return list(tasks())

    async def list_by_service(self, service: str) -> list[TaskRecord]:
        """The tasks of a service, in the order of their ids."""
        return list(tasks(service=service))

    async def list_by_service_and_user(self, service: str, user_id: str) -> list[TaskRecord]:
        """The tasks of a user with a service, in the order of their ids."""
        return list(tasks(service=service, user_id=user_id))

    async def list_by_user(self, user_id: str) -> list[TaskRecord]:
        """The tasks of a user, in the order of their ids."""
        return list(tasks(user_id=user_id))

    async def list_users_by_service(self, service: str) -> list[str]:
        """The users that have tasks with a service, by code point."""
        return list_users(service)

    async def handle_task_expired(self, task_id: str) -> bool:  # noqa: ARG002
        """False: the host removes what an expired task leaves behind."""
        return False
