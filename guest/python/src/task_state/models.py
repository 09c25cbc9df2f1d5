"""The records of tasks, under the names and with the spelling that they have in the package for Redis."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, overload

from ._model import Model, ValidationError, field, one_of, read_object, read_optional_text, read_text, read_texts
from ._times import from_unix, parse_time
from .timezone import now

__all__ = ["ParameterError", "PriorityLevel", "TaskRecord", "TaskResult", "TaskStatus", "ValidationError"]

_T = TypeVar("_T")


class TaskStatus(str, enum.Enum):
    """A stage in the life of a task. A status moves forward only, in this order; steps may be skipped."""

    PENDING = "pending"
    DISPATCHING = "dispatching"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the task has ended."""
        return self in (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)


class PriorityLevel(str, enum.Enum):
    """How urgently the platform should schedule a task."""

    high = "high"
    low = "low"


class ParameterError(ValueError):
    """A parameter that is not what the plugin wants; the text names it and its value."""


class TaskResult(Model):
    """What the workload left behind. A field that is None has never been set; in a change it is left alone."""

    #: A snapshot of the workload's pod, as text.
    pod_status: str | None = field(read_optional_text, default=lambda: None)
    #: Standard output and standard error of the workload, as one text.
    launcher_output: str | None = field(read_optional_text, default=lambda: None)


def _read_time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return from_unix(value)
    parsed = parse_time(value) if isinstance(value, str) else None
    if parsed is None:
        raise ValueError(f"a time is wanted, not {value!r}")
    return parsed


class TaskRecord(Model):
    """A task as the store holds it."""

    #: The task's id.
    task_id: str = field(read_text)
    #: The service that it belongs to.
    service: str = field(read_text)
    #: The user for whom it is done.
    user_id: str = field(read_text)
    #: Where it is in its life.
    status: TaskStatus = field(one_of(TaskStatus))
    #: What the task was registered with: a JSON object. ``parameter`` reads one of them.
    parameters: dict[str, Any] = field(read_object, default=dict)
    #: Identifiers that external schedulers gave to the task's jobs.
    active_jobs: list[str] = field(read_texts, default=list)
    #: When it was registered.
    created_at: datetime = field(_read_time, default=now)
    #: When it was last changed. A save does not set it: the host does.
    updated_at: datetime = field(_read_time, default=now)
    #: Entries of the form ``<time>,<message>``, oldest first.
    logs: list[str] = field(read_texts, default=list)
    #: What the workload left behind.
    result: TaskResult = field(TaskResult.model_validate, default=TaskResult)
    #: How urgent it is.
    priority: PriorityLevel = field(one_of(PriorityLevel), default=lambda: PriorityLevel.low)

    @overload
    def parameter(self, name: str, read: Callable[[str], _T]) -> _T | None: ...

    @overload
    def parameter(self, name: str, read: Callable[[str], _T], default: _T) -> _T: ...

    def parameter(self, name: str, read: Callable[[str], _T], default: _T | None = None) -> _T | None:
        """One of the task's parameters, read from its text; the default if it is absent or null.

        The text of a JSON string is what it says, that of any other value is its JSON, so that ``10`` and ``"10"`` (which
        is what ``task-state run --param every=10`` gives) are both the number ten for ``task.parameter("every", int)``.
        Raises ``ParameterError`` with the words of the ``ValueError`` that ``read`` raises.
        """
        value = self.parameters.get(name)
        if value is None:
            return default
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        try:
            return read(value if isinstance(value, str) else text)
        except ValueError as error:
            shown = text if len(text) <= 80 else f"{text[:80]}…"
            raise ParameterError(f'the parameter "{name}" is {shown}: {error}') from None

    @property
    def messages(self) -> list[str]:
        """The messages of the log, oldest first, without their times."""
        return [entry.partition(",")[2] if "," in entry else entry for entry in self.logs]
