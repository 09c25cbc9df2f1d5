"""Runs componentize-py, and makes an author's sense of what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from . import tools
from .packages import Package, Packages
from .reach import Reach
from .stop import Mistake, Stop

_REFUSED = re.compile(r"<task-state>(\{.*?\})</task-state>", re.DOTALL)


def componentize(tool: str, stage: Path, folders: list[Path], wit: Path, output: Path) -> tuple[int, str]:
    """Make the component, by componentize-py. Returns the exit code and what was said."""
    command = [tool, "-d", str(wit), "-w", "dms:task-state/plugin", "componentize", "task_state_component"]
    for folder in folders:
        command += ["-p", str(folder)]
    # Without one, all that this Python has installed would go in.
    environment = {"VIRTUAL_ENV": str(stage / "venv"), "RUST_BACKTRACE": "0"}
    done = tools.run([*command, "-o", str(output)], environment=environment, quiet=True)
    return done.returncode, done.stdout


def explain(said: str, reached: Reach, packages: Packages) -> Stop:
    """Why no component was made."""
    found = _REFUSED.search(said)
    if found is None:
        return Stop(f"componentize-py failed:\n{said.strip()}")
    refused = json.loads(found[1])
    where = f"{refused['file']}:{refused['line']}" if refused["line"] else refused["file"]
    names, text = refused["names"], refused["text"]
    if names:
        text = _import_failed(names, text, reached.packages, packages)
    return Mistake(f"{where}: {text}")


def _import_failed(names: list[str], text: str, reached: Mapping[str, Package], packages: Packages) -> str:
    """Why an import failed: for want of native code, of a module, or by itself."""
    tops = {name.partition(".")[0] for name in names}
    natives = {module: file for top in tops if top in reached for module, file in reached[top].natives()}
    wanted = [natives[name] for name in names if name in natives]
    is_missing = text.startswith("ModuleNotFoundError")
    if not wanted and is_missing and names[-1].partition(".")[0] not in reached:
        return _missing(names, packages)
    for file in (*wanted, *natives.values()):
        return (
            f"cannot import {names[0]}: it is native code ({'/'.join(file.parts[-2:])}), which does not run in the sandbox. "
            "Of native extensions only pydantic's is built for it; use a package in pure Python instead"
        )
    return _missing(names, packages) if is_missing else f"cannot import {names[0]}: {text}"


def _missing(names: list[str], packages: Packages) -> str:
    name = names[-1] if len(names) > 1 else names[0]
    top = name.partition(".")[0]
    if packages.find(top) is not None:
        return f"there is no module {name} in {top}"
    return packages.missing(name, by=names[0] if top != names[0].partition(".")[0] else None)
