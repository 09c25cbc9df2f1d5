"""Commands that the build runs, each of which it shows."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .stop import Missing, Stop

#: What has to be installed for a build.
INSTALL = "pip install componentize-py==0.25.1 tzdata"


def find(command: str, install: str, *, beside: Path | None = None) -> str:
    """The path of a command: beside this Python, in a folder, or on the PATH."""
    folders = [str(Path(sys.executable).parent), *([str(beside)] if beside else [])]
    found = shutil.which(command, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if found is None:
        raise Missing(f"{command} is not there: not in {' or '.join(folders)}, nor on the PATH. To install it: {install}")
    return found


def show(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Say which command is run."""
    settings = [f"{name}={shlex.quote(value)}" for name, value in (environment or {}).items()]
    print("$", *settings, shlex.join(command), file=sys.stderr, flush=True)


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    quiet: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command, shown with the variables that are set for it. With ``quiet`` its output is taken, not shown."""
    show(command, environment)
    output = subprocess.PIPE if quiet else sys.stderr
    try:
        return subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if quiet else sys.stderr,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise Stop(f"{command[0]} cannot be run: {error}") from None
