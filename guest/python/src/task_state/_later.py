"""Records that are fetched when somebody looks at them.

A method that changes a task returns its record, which grows with its log, and few callers look at it. It is fetched at the
first look, and at the latest before this plugin changes the task again, so that a record that is kept is of its change.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ._host import host
from .errors import TaskStateError
from .models import TaskRecord, TaskStatus

#: By task, of which there is one at the most: a change settles what an earlier one has left.
_pending: weakref.WeakValueDictionary[str, _LaterRecord] = weakref.WeakValueDictionary()


class _LaterRecord(TaskRecord):
    """A record that becomes an ordinary one when more of it is looked at than its status."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name not in self.model_fields and name != "_given":
                raise AttributeError(name)
            _fetch(self)
            return getattr(self, name)


def record(task_id: str, status: TaskStatus) -> TaskRecord:
    """The record of a task that was just changed, and is in this status."""
    later = _LaterRecord.__new__(_LaterRecord)
    repository = host().repository
    later.__dict__.update(status=status, _ask=lambda: repository.get(task_id).model())
    _pending[task_id] = later
    return later


def settle(task_id: str) -> None:
    """Fetch the record of a task that somebody still has, before the task is changed."""
    later = _pending.pop(task_id, None)
    if isinstance(later, _LaterRecord):
        # What cannot be fetched now is told to whoever looks.
        with suppress(TaskStateError):
            _fetch(later)


def forget() -> None:
    """Leave alone what was changed in another store."""
    _pending.clear()


def _fetch(later: TaskRecord) -> None:
    found = later.__dict__["_ask"]()
    later.__dict__.clear()
    later.__dict__.update(found.__dict__)
    object.__setattr__(later, "__class__", TaskRecord)
