"""Where packages come from: the environment of the Python that runs the build, the author's ``.venv``, or a folder."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import re
import sys
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from .stop import Stop

_NATIVE = (*importlib.machinery.EXTENSION_SUFFIXES, ".so", ".pyd", ".dylib")
#: What a requirement begins with: the name of a distribution.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Package(NamedTuple):
    """A package or a module at the top of the environment."""

    name: str
    #: Its folders, or its one file.
    places: tuple[Path, ...]

    def file_of(self, module: str) -> Path | None:
        """The source of a module of it."""
        inside = module.split(".")[1:]
        for place in self.places:
            if place.is_file():
                return None if inside or place.suffix != ".py" else place
            base = place.joinpath(*inside)
            for file in (base / "__init__.py", base.with_suffix(".py") if inside else base / "__init__.py"):
                if file.is_file():
                    return file
        return None

    def natives(self) -> list[tuple[str, Path]]:
        """The modules of it that are native code, and their files."""
        found = []
        for place in self.places:
            files = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.suffix in _NATIVE)
            for file in files:
                if file.name.endswith(_NATIVE):
                    inside = () if place.is_file() else file.relative_to(place).parts[:-1]
                    stem = file.name.split(".")[0]
                    found.append((".".join([self.name, *inside, stem] if not place.is_file() else [stem]), file))
        return found


class Packages:
    """The packages that a build may take."""

    def __init__(self, site: Path | None, folder: Path | None) -> None:
        """The packages for a program in a folder: of a ``site`` folder if one is named."""
        self._paths: list[str] | None
        if site is not None:
            if not site.is_dir():
                raise Stop(f"{site}: there is no such folder of packages")
            self._paths, self.shown = [str(site.resolve())], str(site)
        elif folder is not None and (folder / ".venv" / "pyvenv.cfg").is_file():
            found = [*folder.glob(".venv/lib/python3*/site-packages"), *folder.glob(".venv/Lib/site-packages")]
            self._paths, self.shown = [str(path) for path in found], str(folder / ".venv")
        else:
            self._paths, self.shown = None, f"the environment of {sys.executable}"
        self._known: dict[str, Package | None] = {}

    def find(self, name: str) -> Package | None:
        """A package by the name that it is imported by, unless it is of the standard library."""
        if name not in self._known:
            self._known[name] = None if name in sys.stdlib_module_names else self._find(name)
        return self._known[name]

    def missing(self, module: str, by: str | None = None) -> str:
        """What an author is told of a module that is nowhere, and of what imports it."""
        via, top = f", which {by} imports" if by else "", module.partition(".")[0]
        return (
            f"there is no module {module}{via}: neither beside the script, nor in {self.shown}, nor in the standard library "
            f"of the sandbox. Install it (pip install {top}), or name the folder that it is in by --site"
        )

    def _find(self, name: str) -> Package | None:
        if self._paths is not None:
            importlib.invalidate_caches()
            spec = importlib.machinery.PathFinder.find_spec(name, self._paths)
        else:
            spec = self._in_environment(name)
        if spec is None:
            return None
        if spec.submodule_search_locations is not None:
            return Package(name, tuple(Path(place) for place in spec.submodule_search_locations))
        return Package(name, (Path(spec.origin),)) if spec.origin and spec.has_location else None

    @staticmethod
    def _in_environment(name: str) -> importlib.machinery.ModuleSpec | None:
        # Where the build was started is no part of the environment.
        before, away = sys.path[:], {"", str(Path.cwd())}
        sys.path[:] = [path for path in sys.path if path not in away]
        try:
            return importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        finally:
            sys.path[:] = before

    @cached_property
    def _distributions(self) -> dict[str, importlib.metadata.Distribution]:
        if self._paths is None:
            found = importlib.metadata.distributions()
        else:
            found = importlib.metadata.distributions(path=self._paths)
        # Of two of a name, the first is the one that is imported.
        return {_plain(each.metadata["Name"]): each for each in reversed(list(found)) if each.metadata["Name"]}

    @cached_property
    def _owners(self) -> dict[str, str]:
        owners: dict[str, str] = {}
        for name, distribution in self._distributions.items():
            tops = (distribution.read_text("top_level.txt") or "").split()
            for file in () if tops else distribution.files or ():
                tops.append(file.parts[0] if len(file.parts) > 1 else file.name.split(".")[0])
            owners.update(dict.fromkeys(tops, name))
        return owners

    def distribution_of(self, package: str) -> importlib.metadata.Distribution | None:
        """The distribution that a package was installed with."""
        owner = self._owners.get(package)
        return self._distributions[owner] if owner else None

    def depends(self, package: str, other: str) -> bool:
        """Whether a package's distribution is that of another, or says that it needs that one."""
        mine, others = self._owners.get(package), self._owners.get(other)
        if mine is None or others is None:
            return package == other
        needed = {
            _plain(found[0])
            for line in self._distributions[mine].requires or ()
            if "extra" not in line.partition(";")[2] and (found := _NAME.match(line))
        }
        return mine == others or others in needed


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
