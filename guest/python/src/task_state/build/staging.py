"""Lays out what goes into a component, so that the author's own folder is left as it is."""

from __future__ import annotations

import importlib.machinery
import json
import shutil
from pathlib import Path

from .packages import Package, Packages
from .project import Project
from .reach import Reach
from .stop import Missing
from .tools import INSTALL

#: What is in a package that no program needs: what was compiled, for another machine or another Python.
_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "*.pyc", *(f"*{suffix}" for suffix in importlib.machinery.EXTENSION_SUFFIXES), "*.so", "*.pyd",
    "*.dylib", "*.a", "*.c", "*.h", "*.pyi", "*.pyx", "*.pxd",
)  # fmt: skip
#: What is in a program's own package that is none of it.
_NOT_ITS_OWN = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "node_modules", "*.wasm")
_SDK = Path(__file__).resolve().parents[1]
_ENTRY = """from task_state._guest.component import prepare
Worker = prepare(__file__.rpartition("/")[0])
"""


def time_zones(packages: Packages) -> Package:
    """The package with the time zones, which goes into every component."""
    environment = Packages(None, None)
    found = packages.find("tzdata") or environment.find("tzdata")
    if found is None:
        places = " or ".join(dict.fromkeys([packages.shown, environment.shown]))
        raise Missing(f"the package tzdata, which has the time zones, is not in {places}. To install it: {INSTALL}")
    return found


def lay_out(stage: Path, project: Project, reached: Reach, packages: Packages, zones: Package) -> list[Path]:
    """Lay a program out in an empty folder. Returns the folders that the component is built from."""
    entry = stage / "entry"
    for folder in (entry / "app", entry / "site", stage / "sdk", stage / "venv" / "lib" / "site-packages"):
        folder.mkdir(parents=True)
    (entry / "task_state_component.py").write_text(_ENTRY, encoding="utf-8")
    plan = {
        "script": project.script.name,
        "shown": project.script.name,
        "imports": reached.imports,
        "roots": {"site": "site"},
    }
    (entry / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    shutil.copy(project.script, entry / "app")
    for place in reached.own.values():
        _copy(place, entry / "app" / place.name, _NOT_ITS_OWN)
    for package in reached.packages.values():
        _lay_out_package(package, packages, entry / "site")
    _lay_out_package(zones, packages, entry / "site")
    ignored = shutil.ignore_patterns("__pycache__", "build", "wit")
    shutil.copytree(_SDK, stage / "sdk" / "task_state", ignore=ignored)
    return [entry, stage / "sdk", entry / "site"]


def _copy(place: Path, to: Path, left_out: object) -> None:
    if place.is_dir():
        shutil.copytree(place, to, ignore=left_out, dirs_exist_ok=True)  # type: ignore[arg-type]
    elif place.suffix == ".py":
        shutil.copyfile(place, to)


def _lay_out_package(package: Package, packages: Packages, site: Path) -> None:
    for place in package.places:
        _copy(place, site / (package.name if place.is_dir() else place.name), _LEFT_OUT)
    distribution = packages.distribution_of(package.name)
    if distribution is not None:
        folder = site / f"{distribution.metadata['Name'].replace('-', '_')}-{distribution.version}.dist-info"
        folder.mkdir(exist_ok=True)
        for name in ("METADATA", "entry_points.txt"):
            text = distribution.read_text(name)
            if text is not None:
                (folder / name).write_text(text, encoding="utf-8")
