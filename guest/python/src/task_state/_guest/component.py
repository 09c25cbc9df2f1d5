"""How a component comes to be: a program and all that it may import, prepared while it is built, and the export ``worker``.

It is imported once, while the component is built. What it leaves in memory is what each run starts with.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import random
import sys
import traceback
from contextlib import AbstractContextManager
from typing import Any

from componentize_py_types import Err

from .. import _host, _loop, _run
from .._script import Script
from .._times import parse_time
from ..errors import Failure
from ..models import TaskRecord
from ..timezone import _follow
from .frozen import Frozen
from .wit_host import WitHost, record

#: What nearly every program uses, imported at build so that it costs nothing at run time.
_USUAL = ("asyncio", "importlib.metadata", "importlib.resources", "logging", "traceback", "zoneinfo", "encodings.idna")


#: The characters that are told of why a run failed.
_MOST_OF_A_FAILURE = 256 << 10


class Refused(Exception):
    """Something that the author can mend. Its text is JSON, for the build."""

    def __init__(self, file: str, line: int | None, text: str, names: list[str]) -> None:
        """Say where it is, and the modules that it is about."""
        super().__init__(json.dumps({"file": file, "line": line, "text": text, "names": names}))


def prepare(folder: str) -> type:
    """Make the export of a program that the build has laid out in a folder. Ends the process if it cannot."""
    try:
        return _prepare(folder)
    except Refused as refused:
        print(f"\n<task-state>{refused}</task-state>", file=sys.stderr)
        sys.stderr.flush()
        raise SystemExit(1) from None


def _prepare(folder: str) -> type:
    with open(f"{folder}/plan.json", encoding="utf-8") as opened:  # noqa: PTH123
        plan = json.load(opened)
    script = _read(f"{folder}/app", plan["script"], plan["shown"])
    frozen = Frozen()
    for name in _USUAL:
        importlib.import_module(name)
    for wanted in plan["imports"]:
        _import(wanted)
    frozen.keep_standard_library()
    for root, shown in plan["roots"].items():
        frozen.keep_tree(f"{folder}/{root}", shown=shown)
    try:
        frozen.keep_tree(f"{folder}/app", shown="", compiled=True, left_out={plan["script"]})
    except SyntaxError as error:
        raise _syntax(error) from None
    frozen.adopt()
    sys.meta_path.insert(2, frozen)
    sys.path[:] = []
    sys.path_importer_cache.clear()
    Worker.script = script
    Worker.loop = _loop.installed()
    Worker.loop.__enter__()
    # What a package has printed at its import is no output of a run.
    sys.stdout.flush()
    sys.stderr.flush()
    # What is here now stays: it need not be looked through when memory is freed.
    gc.collect()
    gc.freeze()
    return Worker


def _read(app: str, name: str, shown: str) -> Script:
    with open(f"{app}/{name}", "rb") as opened:  # noqa: PTH123
        content = opened.read()
    try:
        text = importlib.util.decode_source(content)
        return Script(text, shown)
    except SyntaxError as error:
        raise _syntax(error) from None
    except (ValueError, RecursionError, MemoryError) as error:
        why = str(error) or "it is nested too deeply"
        raise Refused(shown, None, f"cannot be read as Python source: {why}", []) from None


def _syntax(error: SyntaxError) -> Refused:
    lines = traceback.format_exception_only(error)
    return Refused(error.filename or "", error.lineno, "".join(lines[1:]).rstrip() or str(error), [])


def _import(wanted: dict[str, Any]) -> None:
    """Import a module at build, or a name in one. One that must be there and is not is the author's to mend."""
    module, name = wanted["module"], wanted["name"]
    try:
        importlib.import_module(module)
        if name and not hasattr(sys.modules[module], name):
            importlib.import_module(f"{module}.{name}")
    except Exception as error:
        if not wanted["required"]:
            return
        if name and module in sys.modules and isinstance(error, ModuleNotFoundError) and error.name == f"{module}.{name}":
            raise Refused(wanted["file"], wanted["line"], f"there is no {name} in {module}", []) from None
        text = "".join(traceback.format_exception_only(error)).strip()
        raise Refused(wanted["file"], wanted["line"], text, [module, *_names(error)]) from None


def _names(error: BaseException | None) -> list[str]:
    """The modules that an error and those before it are about."""
    names: list[str] = []
    while error is not None:
        if isinstance(error, ImportError) and error.name:
            names.append(error.name)
        error = error.__cause__ or error.__context__
    return names


class Worker:
    """The export ``worker``."""

    script: Script
    #: Holds the event loop in its place.
    loop: AbstractContextManager[None]

    def run(self, task: Any) -> None:
        """Carry out one task."""
        _wake()
        _host._host = WitHost()
        try:
            failure = _run.run(lambda: type(self).script(_begin(record(task))))
            atexit._run_exitfuncs()
        finally:
            _run.flush_output()
        if failure is not None:
            # More than the host keeps, and less than it takes in one call.
            raise Err(failure[:_MOST_OF_A_FAILURE].encode(errors="backslashreplace").decode())


def _begin(claimed: _host.Record) -> TaskRecord:
    """The task that a run is given, in whose zone it makes its times."""
    try:
        stamp = parse_time(claimed.updated_at)
        if stamp is not None:
            _follow(stamp)
    except ValueError as error:
        raise Failure(f"DMS_TIMEZONE: {error}") from None
    try:
        return claimed.model()
    except (ValueError, RecursionError) as error:
        raise Failure(f"the task's parameters cannot be read: {error}") from None


def _wake() -> None:
    """Put right what the build has left as it was then."""
    random.seed()
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8", errors="replace")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
