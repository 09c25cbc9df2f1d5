"""One run of a program on a task, inside a component and in its double alike: what becomes of what it raises."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ._host import host
from .errors import Failure

#: Where the package's own code is, which is no part of a traceback that an author reads.
_OWN = str(Path(__file__).parent)

#: Not the program's to end with, where somebody else may have raised it: in a test, not inside a component.
_PASSED_ON: tuple[type[BaseException], ...] = () if sys.platform == "wasi" else (KeyboardInterrupt, GeneratorExit)


def run(program: Callable[[], None]) -> str | None:
    """Run a program on its task. Returns why it failed, or None if it did not."""
    try:
        program()
    except SystemExit as end:
        return _exit_text(end.code)
    except asyncio.CancelledError as error:
        return None if host().poll() else describe(error)
    except _PASSED_ON:
        raise
    except BaseException as error:
        if getattr(error, "stops_the_run", False):
            raise
        return describe(error)
    return None


def flush_output() -> None:
    """Write out what was printed. A stream that the program has closed, or put in the place of one, cannot fail the run."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _exit_text(code: object) -> str | None:
    if code is None or code == 0:
        return None
    return f"exited with status {code}" if isinstance(code, int) else str(code) or "failed"


def describe(error: BaseException) -> str:
    """What a task fails with: the text of a ``Failure``, else the traceback as far as it is the author's."""
    if isinstance(error, Failure):
        return str(error) or "failed"
    frames = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    lines = traceback.format_exception(type(error), error, frames or error.__traceback__)
    return "".join(lines).rstrip()


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OWN) or "/asyncio/" in filename
