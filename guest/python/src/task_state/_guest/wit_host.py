"""The host around a component, by the imports of ``dms:task-state``."""

from __future__ import annotations

from typing import Any

from componentize_py_types import Err
from wit_world.imports import current_task, types
from wit_world.imports import repository as store

from .. import errors
from .._host import Draft, Precondition, Record, Scope
from ..models import PriorityLevel, TaskResult, TaskStatus

_ERRORS = {kind.case: kind for kind in errors.TaskStateError.__subclasses__()}
_STATUS = {status: types.TaskStatus[status.name] for status in TaskStatus}
_STATUS_BACK = {wit: status for status, wit in _STATUS.items()}
_PRIORITY = {priority: types.Priority[priority.name.upper()] for priority in PriorityLevel}
_PRIORITY_BACK = {wit: priority for priority, wit in _PRIORITY.items()}


def _error(wit: Any) -> errors.TaskStateError:
    name = type(wit).__name__.removeprefix("Error_")
    case = "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")
    if case == errors.InvalidTransition.case:
        return errors.InvalidTransition(_STATUS_BACK[wit.value])
    return _ERRORS[case](wit.value) if hasattr(wit, "value") else _ERRORS[case]()


class _Mapped:
    """Raises the interface's errors as the package's own."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: Any, frames: object) -> None:
        if isinstance(error, Err):
            raise _error(error.value) from None


_mapped = _Mapped()


def record(task: Any) -> Record:
    """A task as the interface hands it over."""
    return Record(
        task_id=task.task_id,
        service=task.service,
        user_id=task.user_id,
        status=_STATUS_BACK[task.status],
        parameters=task.parameters,
        active_jobs=task.active_jobs,
        created_at=task.created_at,
        updated_at=task.updated_at,
        logs=task.logs,
        result=TaskResult(pod_status=task.result.pod_status, launcher_output=task.result.launcher_output),
        priority=_PRIORITY_BACK[task.priority],
    )


def _result(change: TaskResult) -> Any:
    return types.TaskResult(change.pod_status, change.launcher_output)


class WitHost:
    """The host around a component."""

    def __init__(self) -> None:
        """The host around this one."""
        self.repository = WitRepository()

    def get(self) -> Record:
        """``current-task.get``."""
        with _mapped:
            return record(current_task.get())

    def set_status(self, status: TaskStatus, log_entry: str | None) -> TaskStatus:
        """``current-task.set-status``."""
        with _mapped:
            return _STATUS_BACK[current_task.set_status(_STATUS[status], log_entry)]

    def log(self, message: str) -> TaskStatus:
        """``current-task.log``."""
        with _mapped:
            return _STATUS_BACK[current_task.log(message)]

    def flush(self) -> TaskStatus:
        """``current-task.flush``."""
        with _mapped:
            return _STATUS_BACK[current_task.flush()]

    def set_progress(self, done: int, total: int | None, note: str | None) -> TaskStatus:
        """``current-task.set-progress``."""
        with _mapped:
            return _STATUS_BACK[current_task.set_progress(done, total, note)]

    def update_result(self, change: TaskResult) -> TaskStatus:
        """``current-task.update-result``."""
        with _mapped:
            return _STATUS_BACK[current_task.update_result(_result(change))]

    def set_active_jobs(self, jobs: list[str]) -> TaskStatus:
        """``current-task.set-active-jobs``."""
        with _mapped:
            return _STATUS_BACK[current_task.set_active_jobs(jobs)]

    def cancel_requested(self) -> bool:
        """``current-task.cancel-requested``."""
        return bool(current_task.cancel_requested())

    def poll(self) -> bool:
        """The same, for the event loop."""
        return bool(current_task.cancel_requested())


class WitRepository:
    """The rest of the store, by the interface ``repository``."""

    def next_task_id(self) -> str:
        """``repository.next-task-id``."""
        with _mapped:
            return str(store.next_task_id())

    def peek_next_task_id(self) -> str:
        """``repository.peek-next-task-id``."""
        with _mapped:
            return str(store.peek_next_task_id())

    def save(self, task: Draft, only_if: Precondition) -> str:
        """``repository.save``."""
        wit = store.TaskDraft(
            task_id=task.task_id,
            service=task.service,
            user_id=task.user_id,
            status=_STATUS[task.status],
            parameters=task.parameters,
            active_jobs=task.active_jobs,
            created_at=task.created_at,
            logs=task.logs,
            result=_result(task.result),
            priority=_PRIORITY[task.priority],
        )
        conditions = {"none": store.Precondition_None_, "absent": store.Precondition_Absent}
        if only_if.kind == "unchanged-since":
            condition = store.Precondition_UnchangedSince(only_if.since)
        else:
            condition = conditions[only_if.kind]()
        with _mapped:
            return str(store.save(wit, condition))

    def get(self, task_id: str) -> Record:
        """``repository.get``."""
        with _mapped:
            return record(store.get(task_id))

    def delete(self, task_id: str) -> bool:
        """``repository.delete``."""
        with _mapped:
            return bool(store.delete(task_id))

    def set_status(self, task_id: str, status: TaskStatus, log_entry: str | None) -> TaskStatus:
        """``repository.set-status``."""
        with _mapped:
            return _STATUS_BACK[store.set_status(task_id, _STATUS[status], log_entry)]

    def append_logs(self, task_id: str, messages: list[str]) -> TaskStatus:
        """``repository.append-logs``."""
        with _mapped:
            return _STATUS_BACK[store.append_logs(task_id, messages)]

    def update_result(self, task_id: str, change: TaskResult) -> TaskStatus:
        """``repository.update-result``."""
        with _mapped:
            return _STATUS_BACK[store.update_result(task_id, _result(change))]

    def set_active_jobs(self, task_id: str, jobs: list[str]) -> TaskStatus:
        """``repository.set-active-jobs``."""
        with _mapped:
            return _STATUS_BACK[store.set_active_jobs(task_id, jobs)]

    def set_priority(self, task_id: str, priority: PriorityLevel) -> TaskStatus:
        """``repository.set-priority``."""
        with _mapped:
            return _STATUS_BACK[store.set_priority(task_id, _PRIORITY[priority])]

    def list_tasks(self, scope: Scope, limit: int, cursor: str | None) -> tuple[list[Record], str | None]:
        """``repository.list-tasks``."""
        scopes = {
            "all": lambda: store.Scope_All(),
            "service": lambda: store.Scope_Service(scope.service),
            "user": lambda: store.Scope_User(scope.user_id),
            "service-user": lambda: store.Scope_ServiceUser((scope.service, scope.user_id)),
            "ids": lambda: store.Scope_Ids(list(scope.ids)),
        }
        with _mapped:
            page = store.list_tasks(scopes[scope.kind](), limit, cursor)
        return [record(task) for task in page.tasks], page.next

    def list_users(self, service: str) -> list[str]:
        """``repository.list-users``."""
        with _mapped:
            return list(store.list_users(service))
