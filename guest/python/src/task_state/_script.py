"""A Python file that is run as the main program, with ``await`` at its top level allowed."""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import linecache
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

from . import _plugin
from .models import TaskRecord


class Script:
    """A program in a file."""

    def __init__(self, text: str, shown: str) -> None:
        """Compile it. ``shown`` is the name that tracebacks have for the file. Raises ``SyntaxError``."""
        self._text, self._shown = text, shown
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._code: CodeType = compile(text, shown, "exec", flags, dont_inherit=True)

    def __call__(self, task: TaskRecord) -> None:
        """Run it, and then the function that it has marked as the plugin, if it has."""
        _plugin.forget()
        # Tracebacks show lines of a file that is not there.
        linecache.cache[self._shown] = (len(self._text), None, self._text.splitlines(True), self._shown)
        with _as_main(self._shown) as names:
            if self._code.co_flags & inspect.CO_COROUTINE:
                asyncio.run(_top_level(self._code, names))
            else:
                exec(self._code, names)
            function = _plugin.marked()
            if function is not None:
                _plugin.call(function, task)


async def _top_level(code: CodeType, names: dict[str, Any]) -> None:
    await eval(code, names)


@contextmanager
def _as_main(shown: str) -> Iterator[dict[str, Any]]:
    before, arguments = sys.modules.get("__main__"), sys.argv
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=shown, __builtins__=builtins)
    sys.modules["__main__"], sys.argv = module, [shown]
    try:
        yield module.__dict__
    finally:
        sys.argv = arguments
        if before is not None:
            sys.modules["__main__"] = before
