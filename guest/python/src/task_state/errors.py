"""Why a call gave no answer: one class for each case of the interface's ``error``."""

from __future__ import annotations

from typing import ClassVar

from .models import TaskStatus

__all__ = [
    "Conflict",
    "Denied",
    "Failure",
    "Internal",
    "InvalidArgument",
    "InvalidTransition",
    "NotFound",
    "QuotaExceeded",
    "TaskStateError",
    "Unavailable",
]


class TaskStateError(Exception):
    """Why a call gave no answer. Nothing was written, except where a class says otherwise."""

    #: The case as the interface spells it, such as ``not-found``.
    case: ClassVar[str] = "error"


class NotFound(TaskStateError, LookupError):
    """No such task: never saved, deleted or expired."""

    case = "not-found"

    def __init__(self, message: str = "no such task") -> None:
        """A task that is not there."""
        super().__init__(message)


class InvalidArgument(TaskStateError, ValueError):
    """An argument that the store cannot hold; the text says which and why."""

    case = "invalid-argument"


class Denied(TaskStateError):
    """The plugin holds no grant for this; the text names the missing grant."""

    case = "denied"


class Conflict(TaskStateError):
    """The task is not as the save's precondition wants it."""

    case = "conflict"

    def __init__(self, message: str = "the task is not as the save's precondition wants it") -> None:
        """A save that may not go ahead."""
        super().__init__(message)


class InvalidTransition(TaskStateError):
    """The task may not move to that status from the one that it is in, which is ``status``."""

    case = "invalid-transition"

    #: The status that the task is in.
    status: TaskStatus

    def __init__(self, status: TaskStatus) -> None:
        """A move that the task may not make from ``status``."""
        super().__init__(f"the task is {status.value} and may not move to that status")
        self.status = status

    def __reduce__(self) -> tuple[type[InvalidTransition], tuple[TaskStatus]]:
        """Pickled by its status, which its text is made of."""
        return type(self), (self.status,)


class QuotaExceeded(TaskStateError):
    """The plugin has used up a quota; the text names it and its limit."""

    case = "quota-exceeded"


class Unavailable(TaskStateError):
    """The store did not answer in time. The call may have taken effect, at most once; it may succeed later."""

    case = "unavailable"


class Internal(TaskStateError):
    """The store refused, or holds something that cannot be read. Trying again will not help."""

    case = "internal"


class Failure(Exception):
    """Raise it to fail the task with a text of your own.

    Any other exception that is not caught fails the task too, with its traceback; this one with its text alone.
    """
