"""What is to be built: the script, the folder around it, and the file that the component goes to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .stop import Stop

#: Names of the script of a folder, the first that is there; before them the folder's own.
_USUAL = ("main.py", "__main__.py")


@dataclass(frozen=True)
class Project:
    """A program to build."""

    script: Path
    output: Path

    @property
    def folder(self) -> Path:
        """Where the modules are that the program imports as its own."""
        return self.script.parent


def project(source: Path, output: Path | None) -> Project:
    """The program in a script or in a folder."""
    if source.is_dir():
        script = _script_of(source.resolve())
    elif source.is_file():
        script = source.resolve()
    else:
        raise Stop(f"{source}: there is no such script or folder")
    target = output or script.with_suffix(".wasm")
    if target.is_dir():
        raise Stop(f"{target}: the component is to go there, and it is a folder")
    if not target.absolute().parent.is_dir():
        raise Stop(f"{target}: there is no such folder")
    if target.absolute() == script:
        raise Stop(f"{target}: the component would take the place of the script")
    return Project(script, target.absolute())


def _script_of(folder: Path) -> Path:
    for name in (f"{folder.name}.py", *_USUAL):
        if (folder / name).is_file():
            return folder / name
    scripts = [file for file in sorted(folder.glob("*.py")) if not _is_no_program(file.name)]
    if len(scripts) == 1:
        return scripts[0]
    wanted = f"{folder.name}.py, {' or '.join(_USUAL)}"
    if not scripts:
        raise Stop(f"{folder}: there is no script: it is {wanted}")
    found = ", ".join(file.name for file in scripts)
    raise Stop(f"{folder}: which script is the plugin, of {found}? It is {wanted}, or named as SCRIPT.py")


def _is_no_program(name: str) -> bool:
    return name.startswith("test_") or name.endswith("_test.py") or name in ("__init__.py", "conftest.py", "setup.py")
