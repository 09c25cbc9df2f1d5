"""The one task that the plugin runs for. It needs no grant, and names no id: through it a plugin reaches no other task.

Every function but ``cancel_requested`` raises one of ``task_state.errors`` when the host could not do it. ``NotFound``
means that the task was deleted or has expired meanwhile. What is no text, or no text that UTF-8 can hold, is refused before:
``TypeError``, ``InvalidArgument``.
"""

from __future__ import annotations

from collections.abc import Iterable

from ._host import host
from ._progress import Progress, progress
from ._texts import number, optional_text, text, texts
from .models import TaskRecord, TaskResult, TaskStatus

__all__ = [
    "Progress",
    "cancel_requested",
    "flush",
    "get",
    "log",
    "progress",
    "set_active_jobs",
    "set_progress",
    "set_status",
    "update_result",
]


def get() -> TaskRecord:
    """The task as the store holds it now."""
    return host().get().model()


def set_status(status: TaskStatus | str, log_entry: str | None = None) -> TaskStatus:
    """Move the task to a status, with a log entry in the same step if one is given. Returns the status.

    Raises ``InvalidTransition`` with the status that the task is in, if it may not move to this one.
    """
    return host().set_status(TaskStatus(status), optional_text("log entry", log_entry))


def log(message: object) -> TaskStatus:
    """Add a log entry, stamped now. Returns the status last known.

    The host may hold the entry for up to 100 ms to write several together, so that this is no acknowledgement: ``flush``,
    or the next other call, is. Every later call, and the end of the run, come after it in the store.
    """
    return host().log(text("log entry", str(message)))


def flush() -> TaskStatus:
    """Wait until every entry logged so far is in the store. Returns the task's current status."""
    return host().flush()


def set_progress(done: int, total: int | None = None, note: str | None = None) -> TaskStatus:
    """Say how far the task has come: ``done`` of ``total`` units of any kind, with a few words on what is done now.

    Both replace what was said before. The host keeps the last value and may hold it for up to 500 ms. Returns the status
    last known. Raises ``InvalidArgument`` if ``done`` is larger than ``total``, ``QuotaExceeded`` if the note is longer
    than 1 KiB, ``ValueError`` for a number that is not between 0 and 2^64 - 1. ``progress`` does it for a loop.
    """
    most = None if total is None else number("total", total, 64)
    return host().set_progress(number("done", done, 64), most, optional_text("note", note))


def update_result(*, pod_status: str | None = None, launcher_output: str | None = None) -> TaskStatus:
    """Overwrite the result fields that are given and leave the others alone. Returns the task's current status."""
    return host().update_result(
        TaskResult(
            pod_status=optional_text("pod status", pod_status),
            launcher_output=optional_text("launcher output", launcher_output),
        )
    )


def set_active_jobs(jobs: Iterable[str]) -> TaskStatus:
    """Replace the identifiers of the task's jobs. Returns the task's current status."""
    return host().set_active_jobs(texts("jobs", jobs))


def cancel_requested() -> bool:
    """Whether someone has asked for the task to stop.

    A plugin that sees True should clean up and return; one that does not is stopped by the host when its grace period
    ends. A program on asyncio need not ask: its main task gets a ``CancelledError``.
    """
    return host().cancel_requested()
