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


def componentize(stage: Path, folders: list[Path], wit: Path, output: Path, *, beside: Path) -> tuple[int, str]:
    """Make the component. Returns the exit code and what was said."""
    command = [tools.find("componentize-py", tools.INSTALL, beside=beside), "-d", str(wit), "-w", "dms:task-state/plugin"]
    command += ["componentize", "task_state_component"]
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
    native = _native(refused["names"], reached.packages)
    if native is not None:
        return Mistake(f"{where}: {native}")
    text = refused["text"]
    missing = refused["names"] and text.startswith("ModuleNotFoundError")
    if missing:
        text = _missing(refused["names"], packages)
    elif refused["names"]:
        text = f"cannot import {refused['names'][0]}: {text}"
    return Mistake(f"{where}: {text}")


def _native(names: list[str], packages: Mapping[str, Package]) -> str | None:
    """What to say of an import that failed for want of native code."""
    tops = {name.partition(".")[0] for name in names}
    natives = {module: file for top in tops if top in packages for module, file in packages[top].natives()}
    file = next((natives[name] for name in names if name in natives), next(iter(natives.values()), None))
    if file is None:
        return None
    place = "/".join(file.parts[-2:])
    return (
        f"cannot import {names[0]}: it is native code ({place}), which does not run in the sandbox. "
        "Of native extensions only pydantic's is built for it; use a package in pure Python instead"
    )


def _missing(names: list[str], packages: Packages) -> str:
    name = names[-1] if len(names) > 1 else names[0]
    top = name.partition(".")[0]
    if packages.find(top) is not None:
        return f"there is no module {name} in {top}"
    via = f", which {names[0]} imports" if top != names[0].partition(".")[0] else ""
    return (
        f"there is no module {name}{via}: neither beside the script, nor in {packages.shown}, nor in the standard library "
        f"of the sandbox. Install it (pip install {top}), or name the folder that it is in by --site"
    )
