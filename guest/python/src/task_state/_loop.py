"""The event loop of a plugin: timers and callbacks, and a cancellation that comes from outside. No sockets, no threads."""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.events
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ._host import Host, host

#: Seconds that it sleeps at most before it looks whether the task was asked to stop.
_SLICE = 0.1

#: The host of the run whose cancellation was told to a main task. A run may make one loop after another, to clean up.
_told: Host | None = None


class _Timers:
    """What takes the place of a selector: it waits, and has nothing to select from."""

    def __init__(self, loop: PluginLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        """Wait for so many seconds, or until the task is asked to stop."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._loop.cancel_main():
            if deadline is None and sys.platform != "wasi":
                # Outside a component nobody else could ask the task to stop: a test would wait for ever.
                raise RuntimeError("the program waits for something that never comes; it would wait until it is cancelled")
            left = _SLICE if deadline is None else deadline - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(left, _SLICE))
        return []

    def close(self) -> None:
        """Nothing to close."""


class PluginLoop(asyncio.base_events.BaseEventLoop):
    """An event loop that raises ``CancelledError`` in the main task when the plugin's task is asked to stop."""

    def __init__(self) -> None:
        """A loop that runs nothing yet."""
        super().__init__()
        self._selector = _Timers(self)
        self._main: asyncio.Future[Any] | None = None

    def run_until_complete(self, future: Any) -> Any:
        """Run a future to its end, as the main task."""
        outer, self._main = self._main, asyncio.ensure_future(future, loop=self)
        try:
            return super().run_until_complete(self._main)
        finally:
            self._main = outer

    def cancel_main(self) -> bool:
        """Cancel the main task, once a run, if the plugin's task was asked to stop. Returns whether it does."""
        if self._main is None or _told is host() or not host().poll():
            return False
        # Not before the main task has begun, or it could not clean up.
        self.call_soon(self._cancel, self._main)
        return True

    def _cancel(self, main: asyncio.Future[Any]) -> None:
        global _told
        if main.cancel():
            _told = host()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # noqa: ARG002
        """Run the function at once: there are no threads."""
        future: asyncio.Future[Any] = self.create_future()
        try:
            future.set_result(func(*args))
        except StopIteration as error:
            future.set_exception(RuntimeError(f"the function raised StopIteration: {error}"))
        except Exception as error:
            future.set_exception(error)
        return future

    def _process_events(self, event_list: list[Any]) -> None:
        """Nothing: there are no events."""

    def _write_to_self(self) -> None:
        """Nothing: there is no other thread to wake this one."""


@contextmanager
def installed() -> Iterator[None]:
    """Have asyncio make loops of this kind."""
    policy: Any = (getattr(asyncio.events, "_get_event_loop_policy", None) or asyncio.get_event_loop_policy)()
    places = [(asyncio, "new_event_loop"), (asyncio.events, "new_event_loop"), (type(policy), "_loop_factory")]
    places += [(asyncio, name) for name in ("SelectorEventLoop", "EventLoop")]
    with ExitStack() as stack:
        for owner, name in places:
            if hasattr(owner, name):
                stack.callback(setattr, owner, name, getattr(owner, name))
                setattr(owner, name, PluginLoop)
        yield
