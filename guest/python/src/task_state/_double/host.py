"""A host in memory: one run's view of a store, with its grants, its quotas and the faults that a test wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from .._host import Draft, Precondition, Record, Scope
from ..errors import Denied, TaskStateError
from ..models import PriorityLevel, TaskResult, TaskStatus
from . import checks
from .store import Progress, Store

Operation = Literal["read", "write", "sequence", "delete", "list"]

#: The calls that a test can make fail, as the interface spells them: all but ``cancel-requested``, which cannot.
CALLS = (
    *("current-task.get", "current-task.set-status", "current-task.log", "current-task.flush"),
    *("current-task.set-progress", "current-task.update-result", "current-task.set-active-jobs"),
    *("repository.next-task-id", "repository.peek-next-task-id", "repository.save", "repository.get"),
    *("repository.delete", "repository.set-status", "repository.append-logs", "repository.update-result"),
    *("repository.set-active-jobs", "repository.set-priority", "repository.list-tasks", "repository.list-users"),
)


@dataclass(frozen=True)
class Grants:
    """What a plugin may do: these operations, on tasks of these services that are also of these users.

    Its own task needs no grant.
    """

    #: Services; None for every one.
    services: Collection[str] | None
    #: Users; None for every one.
    users: Collection[str] | None = None
    #: Groups of operations of the repository, as grants name them.
    operations: Collection[Operation] = ("read", "write", "sequence")

    def permit(self, operation: Operation) -> None:
        """Refuse an operation that is not granted."""
        if operation not in self.operations:
            raise Denied(f'operation "{operation}" is not granted')

    def permit_service(self, service: str) -> None:
        """Refuse a service that the plugin named itself."""
        if not self._has(self.services, service):
            raise Denied(f"service {checks.quoted(service)} is not granted")

    def permit_user(self, user_id: str) -> None:
        """Refuse a user that the plugin named itself."""
        if not self._has(self.users, user_id):
            raise Denied(f"user {checks.quoted(user_id)} is not granted")

    def check(self, service: str, user_id: str) -> None:
        """Refuse a task by its owner."""
        if not self._has(self.services, service):
            raise Denied("the task's service is not granted")
        if not self._has(self.users, user_id):
            raise Denied("the task's user is not granted")

    def covers(self, record: Record) -> bool:
        """Whether a listing shows a task."""
        return self._has(self.services, record.service) and self._has(self.users, record.user_id)

    @staticmethod
    def _has(names: Collection[str] | None, name: str) -> bool:
        return names is None or name in names


@dataclass(frozen=True)
class Fault:
    """The ``nth`` call of a function, from 1, raises this error and does nothing.

    ``call`` is spelled as in the interface and in fixtures: ``current-task.flush``, ``repository.save``.
    """

    call: str
    error: TaskStateError
    nth: int = 1

    def __post_init__(self) -> None:
        """Refuse what is not a call that can fail."""
        if self.call not in CALLS:
            raise ValueError(f"{self.call!r} is not a call that can fail: it is one of {', '.join(CALLS)}")
        if self.nth < 1:
            raise ValueError(f"nth is {self.nth}, and the first call is 1")


class Stopped(BaseException):
    """The task was deleted or given to another owner: its run is stopped where it is."""

    stops_the_run = True


class DoubleHost:
    """A host for one run of one task."""

    def __init__(
        self,
        store: Store,
        task_id: str,
        grants: Grants,
        faults: Iterable[Fault] = (),
        cancel_before_call: int | None = None,
    ) -> None:
        """A host whose run has claimed the task, which is in the store."""
        if cancel_before_call is not None and cancel_before_call < 1:
            raise ValueError(f"cancel_before_call is {cancel_before_call}, and the first call is 1")
        self.store, self.task_id, self.grants = store, task_id, grants
        self.repository = DoubleRepository(self)
        self.calls: list[str] = []
        self.usage = checks.Usage()
        self._faults = {(fault.call, fault.nth): fault.error for fault in faults}
        self._made: Counter[str] = Counter()
        self._cancel_before = cancel_before_call
        self._cancelled = False
        record = store.records[task_id]
        self._owner = (record.service, record.user_id)

    def enter(self, call: str) -> None:
        """Begin a call that the plugin makes."""
        self.calls.append(call)
        self._made[call] += 1
        if len(self.calls) == self._cancel_before:
            self.cancel()
        self._watch()
        fault = self._faults.get((call, self._made[call]))
        if fault is not None:
            raise fault

    def cancel(self) -> None:
        """Ask the task to stop, unless it has ended."""
        record = self.store.records.get(self.task_id)
        if record is not None and not record.status.is_terminal:
            self.store.change(self.task_id, _anyone, status=TaskStatus.CANCEL_REQUESTED)

    def saw(self, task_id: str, status: TaskStatus) -> TaskStatus:
        """Take note of a status that an answer tells."""
        if task_id == self.task_id and status in (TaskStatus.CANCEL_REQUESTED, TaskStatus.CANCELLED):
            self._cancelled = True
        return status

    def is_there(self) -> bool:
        """Whether the task is there, and still that of its owner."""
        record = self.store.records.get(self.task_id)
        return record is not None and (record.service, record.user_id) == self._owner

    def check_own(self, service: str, user_id: str) -> None:
        """Refuse an owner that is not granted, or not that of the run's own task."""
        self.grants.check(service, user_id)
        if service != self._owner[0]:
            raise Denied("the task's service is not granted")
        if user_id != self._owner[1]:
            raise Denied("the task's user is not granted")

    def _watch(self) -> Record:
        if not self.is_there():
            raise Stopped
        return self.store.records[self.task_id]

    def poll(self) -> bool:
        """Whether the task was asked to stop."""
        record = self.store.records.get(self.task_id)
        if record is not None:
            self.saw(self.task_id, record.status)
        return self._cancelled

    def _change(
        self,
        *,
        status: TaskStatus | None = None,
        entries: Sequence[str] = (),
        result: TaskResult | None = None,
        jobs: list[str] | None = None,
    ) -> TaskStatus:
        self.usage.change(entries=entries, result=result, jobs=jobs or ())
        found = self.store.change(self.task_id, _anyone, status=status, entries=entries, result=result, jobs=jobs)
        return self.saw(self.task_id, found)

    def get(self) -> Record:
        """``current-task.get``."""
        self.enter("current-task.get")
        record = self.store.get(self.task_id, _anyone)
        self.saw(self.task_id, record.status)
        return record

    def set_status(self, status: TaskStatus, log_entry: str | None) -> TaskStatus:
        """``current-task.set-status``."""
        self.enter("current-task.set-status")
        return self._change(status=status, entries=_entries(log_entry))

    def log(self, message: str) -> TaskStatus:
        """``current-task.log``. The entry is written at once."""
        self.enter("current-task.log")
        return self._change(entries=[message])

    def flush(self) -> TaskStatus:
        """``current-task.flush``."""
        self.enter("current-task.flush")
        return self.saw(self.task_id, self._watch().status)

    def set_progress(self, done: int, total: int | None, note: str | None) -> TaskStatus:
        """``current-task.set-progress``."""
        self.enter("current-task.set-progress")
        checks.progress(done, total, note)
        self.store.progress[self.task_id] = Progress(done, total, note)
        return self.saw(self.task_id, self._watch().status)

    def update_result(self, change: TaskResult) -> TaskStatus:
        """``current-task.update-result``."""
        self.enter("current-task.update-result")
        return self._change(result=change)

    def set_active_jobs(self, jobs: list[str]) -> TaskStatus:
        """``current-task.set-active-jobs``."""
        self.enter("current-task.set-active-jobs")
        return self._change(jobs=jobs)

    def cancel_requested(self) -> bool:
        """``current-task.cancel-requested``."""
        self.enter("current-task.cancel-requested")
        return self.poll()


class DoubleRepository:
    """The rest of the store, as far as the grants of a run reach."""

    def __init__(self, host: DoubleHost) -> None:
        """The repository of a run."""
        self._host = host

    def _permit(self, operation: Operation) -> Store:
        self._host.grants.permit(operation)
        return self._host.store

    def next_task_id(self) -> str:
        """``repository.next-task-id``."""
        self._host.enter("repository.next-task-id")
        return self._permit("sequence").next_task_id()

    def peek_next_task_id(self) -> str:
        """``repository.peek-next-task-id``."""
        self._host.enter("repository.peek-next-task-id")
        return self._permit("sequence").peek_next_task_id()

    def save(self, task: Draft, only_if: Precondition) -> str:
        """``repository.save``."""
        host = self._host
        host.enter("repository.save")
        host.usage.draft(task)
        store = self._permit("write")
        host.grants.permit_service(task.service)
        host.grants.permit_user(task.user_id)
        by_its_run = task.task_id == host.task_id
        task_id = store.save(task, only_if, host.check_own if by_its_run else host.grants.check, by_its_run=by_its_run)
        host.saw(task_id, task.status)
        return task_id

    def get(self, task_id: str) -> Record:
        """``repository.get``."""
        self._host.enter("repository.get")
        record = self._permit("read").get(task_id, self._host.grants.check)
        self._host.saw(task_id, record.status)
        return record

    def delete(self, task_id: str) -> bool:
        """``repository.delete``."""
        self._host.enter("repository.delete")
        store = self._permit("delete")
        checks.stored_id(task_id)
        return store.delete(task_id, self._host.grants.check)

    def _change(
        self,
        task_id: str,
        *,
        status: TaskStatus | None = None,
        entries: Sequence[str] = (),
        result: TaskResult | None = None,
        jobs: list[str] | None = None,
        priority: PriorityLevel | None = None,
    ) -> TaskStatus:
        host = self._host
        host.usage.change(entries=entries, result=result, jobs=jobs or ())
        store, check = self._permit("write"), host.grants.check
        found = store.change(
            task_id, check, status=status, entries=entries, result=result, jobs=jobs, priority=priority
        )
        return host.saw(task_id, found)

    def set_status(self, task_id: str, status: TaskStatus, log_entry: str | None) -> TaskStatus:
        """``repository.set-status``."""
        self._host.enter("repository.set-status")
        return self._change(task_id, status=status, entries=_entries(log_entry))

    def append_logs(self, task_id: str, messages: list[str]) -> TaskStatus:
        """``repository.append-logs``."""
        self._host.enter("repository.append-logs")
        return self._change(task_id, entries=messages)

    def update_result(self, task_id: str, change: TaskResult) -> TaskStatus:
        """``repository.update-result``."""
        self._host.enter("repository.update-result")
        return self._change(task_id, result=change)

    def set_active_jobs(self, task_id: str, jobs: list[str]) -> TaskStatus:
        """``repository.set-active-jobs``."""
        self._host.enter("repository.set-active-jobs")
        return self._change(task_id, jobs=jobs)

    def set_priority(self, task_id: str, priority: PriorityLevel) -> TaskStatus:
        """``repository.set-priority``."""
        self._host.enter("repository.set-priority")
        return self._change(task_id, priority=priority)

    def list_tasks(self, scope: Scope, limit: int, cursor: str | None) -> tuple[list[Record], str | None]:
        """``repository.list-tasks``."""
        self._host.enter("repository.list-tasks")
        store, grants = self._permit("list"), self._host.grants
        if scope.kind in ("service", "service-user"):
            grants.permit_service(scope.service)
        if scope.kind == "service-user":
            grants.permit_user(scope.user_id)
        return store.list_tasks(scope, limit, cursor, grants.covers)

    def list_users(self, service: str) -> list[str]:
        """``repository.list-users``."""
        self._host.enter("repository.list-users")
        store, grants = self._permit("list"), self._host.grants
        grants.permit_service(service)
        return [user for user in store.users(service) if grants.users is None or user in grants.users]


def _anyone(_service: str, _user_id: str) -> None:
    """The check of a run's own task, which needs no grant."""


def _entries(log_entry: str | None) -> list[str]:
    return [] if log_entry is None else [log_entry]


def unclaimed() -> DoubleHost:
    """The host of a program that runs outside a test: it may do all, and its own task is one of the service ``test``."""
    store = Store()
    task_id = store.save(
        Draft(service="test", user_id="tester", task_id="test", status=TaskStatus.RUNNING), Precondition("none"), _anyone
    )
    operations: tuple[Operation, ...] = ("read", "write", "sequence", "delete", "list")
    return DoubleHost(store, task_id, Grants(services=None, operations=operations))
