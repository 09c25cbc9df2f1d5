"""Progress of a loop, told to the host as it goes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Generic, TypeVar

from ._host import host
from ._texts import number, optional_text
from .errors import TaskStateError

_T = TypeVar("_T")

#: Seconds between two calls. The host writes twice a second at the most.
_INTERVAL = 0.1


class Progress(Generic[_T]):
    """How far a loop has come: made by ``progress``.

    Iterate over it, or call ``update`` in a loop of one's own; it is a context manager, too. The host is told at the
    start, ten times a second at the most, and at the end. A host that does not take it does not end the loop;
    ``set_progress`` raises what it says.
    """

    #: Units that are done.
    done: int
    #: Units that there are, if that is known.
    total: int | None
    #: A few words on what is done now.
    note: str | None

    def __init__(self, items: Iterable[_T], total: int | None, note: str | None) -> None:
        """Progress over items; ``progress`` makes one."""
        self._items = items
        self.done, self.total, self.note = 0, total, note
        self._told: tuple[int, int | None, str | None] | None = None
        self._due = 0.0

    def __iter__(self) -> Iterator[_T]:
        """The items; each counts as done when the next one is asked for."""
        with self:
            for item in self._items:
                yield item
                self.update()

    def update(self, units: int = 1, *, note: str | None = None) -> None:
        """Count more units as done, and replace the note if one is given."""
        self.done += units
        if note is not None:
            self.note = note
        if self.total is not None and self.done > self.total:
            # There was more than was thought.
            self.total = self.done
        if time.monotonic() >= self._due:
            self._tell()

    def close(self) -> None:
        """Tell what was not told yet. Leaving a ``with`` block or the loop does it."""
        if self._told != (self.done, self.total, self.note):
            self._tell()

    def _tell(self) -> None:
        total = None if self.total is None else number("total", self.total, 64)
        done, note = number("done", self.done, 64), optional_text("note", self.note)
        # What is shown of a loop is not worth its end.
        with suppress(TaskStateError):
            host().set_progress(done, total, note)
            self._told = (self.done, self.total, self.note)
        self._due = time.monotonic() + _INTERVAL

    def __enter__(self) -> Progress[_T]:
        """Tell that it starts."""
        self._tell()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Tell how far it has come."""
        if kind is None or kind is GeneratorExit:
            self.close()


def progress(items: Iterable[_T] | None = None, total: int | None = None, note: str | None = None) -> Progress[_T]:
    """Tell the host how far a loop has come, as ``tqdm`` tells a terminal.

    ``for row in progress(rows): …`` counts the rows; the total is their number, where they have one or it is given. For
    other units: ``with progress(total=size) as bar: … bar.update(len(chunk))``.
    """
    if total is None and items is not None:
        try:
            total = len(items)  # type: ignore[arg-type]
        except TypeError:
            total = None
    return Progress(() if items is None else items, total, note)
