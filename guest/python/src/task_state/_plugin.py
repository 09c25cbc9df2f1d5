"""The mark on the function that carries out a task."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .models import TaskRecord

#: A function that carries out a task, asynchronous or not.
Function = Callable[[TaskRecord], Coroutine[Any, Any, None] | None]

_F = TypeVar("_F", bound=Function)

_marked: list[Function] = []


def plugin(function: _F) -> _F:
    """Mark the function that carries out a task: ``def main(task)``, or ``async def main(task)``.

    It is called once for each task, after the top level of its script. When it returns the task becomes ``completed``
    (``cancelled``, if it was asked to stop). What it raises fails the task: a ``Failure`` with its text, anything else with
    its traceback. A terminal status that it has set itself stands.
    """
    _marked.append(function)
    return function


def forget() -> None:
    """Begin anew, for a script that is about to run."""
    _marked.clear()


def marked() -> Function | None:
    """The function that a script which has run has marked: its own before one of a module that it imports."""
    own = [function for function in _marked if function.__module__ == "__main__"] or _marked
    if len(own) > 1:
        names = ", ".join(function.__qualname__ for function in own)
        raise TypeError(f"one function is the plugin, but {len(own)} are marked: {names}")
    return own[0] if own else None


def call(function: Function, task: TaskRecord) -> None:
    """Have a function carry out a task, to its end."""
    answer = function(task)
    if inspect.iscoroutine(answer):
        asyncio.run(answer)
    elif inspect.isawaitable(answer):
        asyncio.run(_wait(answer))


async def _wait(answer: Any) -> None:
    await answer
