"""The command ``python -m task_state.build``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import pydantic_core
from .component import componentize, explain
from .packages import Packages
from .project import Project, project
from .reach import reach
from .staging import lay_out, time_zones
from .stop import Stop
from .tools import INSTALL, find

_WIT = Path(__file__).resolve().parents[1] / "wit"


def build(target: Project, wit: Path, site: Path | None) -> None:
    """Make the component of a program."""
    packages = Packages(site, target.folder)
    reached = reach(target.script, packages)
    # Before what takes minutes.
    tool, zones = find("componentize-py", INSTALL, beside=target.folder / ".venv" / "bin"), time_zones(packages)
    if "pydantic_core" in reached.packages:
        core = pydantic_core.built(packages)
    with tempfile.TemporaryDirectory(prefix="task-state-build-") as folder:
        stage = Path(folder).resolve()
        folders = lay_out(stage, target, reached, packages, zones)
        if "pydantic_core" in reached.packages:
            shutil.copyfile(core, stage / "entry" / "site" / "pydantic_core" / pydantic_core.FILE)
        made = stage / "component.wasm"
        code, said = componentize(tool, stage, folders, wit, made)
        if code != 0 or not made.is_file():
            raise explain(said, reached, packages)
        partly = target.output.with_name(f".{target.output.name}.{os.getpid()}")
        try:
            shutil.copyfile(made, partly)
            partly.replace(target.output)
        except OSError as error:
            partly.unlink(missing_ok=True)
            raise Stop(f"{target.output}: {error.strerror or error}") from None
    taken = ", ".join(sorted(reached.packages))
    if taken:
        print(f"packages from {packages.shown}: {taken}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit code: 0 done, 1 a mistake in the source, 2 all else."""
    parser = argparse.ArgumentParser(prog="python -m task_state.build", description="Make a component of a Python program.")
    parser.add_argument("source", type=Path, metavar="SCRIPT.py|DIR", help="the program")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT.wasm", help="the component (SCRIPT.wasm beside it)")
    parser.add_argument("--wit", type=Path, default=_WIT, metavar="DIR", help="the interface (the package's own)")
    parser.add_argument("--site", type=Path, metavar="DIR", help="a folder of packages, instead of this environment's")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        target = project(given.source, given.output)
        if not given.wit.is_dir():
            raise Stop(f"{given.wit}: there is no such folder with the interface")
        build(target, given.wit.resolve(), given.site)
    except Stop as stop:
        print(f"error: {stop}", file=sys.stderr)
        return stop.code
    size = target.output.stat().st_size / (1 << 20)
    print(f"{target.output}: {size:.1f} MiB in {time.monotonic() - began:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
