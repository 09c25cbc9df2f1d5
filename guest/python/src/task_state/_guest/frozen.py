"""Modules and their data, kept in memory. A component has no files when it runs; it is filled while it is built."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import io
import os
import re
import sys
import traceback
import zlib
from collections.abc import Iterator
from importlib.resources.abc import Traversable, TraversableResources
from types import CodeType, ModuleType
from typing import Any, NamedTuple

#: Of the standard library, what a plugin has no use for: it needs a screen, a compiler, processes or libraries that are
#: not there.
_LEFT_OUT = {
    "__phello__", "_pyrepl", "antigravity.py", "bz2.py", "ctypes", "curses", "dbm", "ensurepip", "idlelib",
    "lib-dynload", "lzma.py", "multiprocessing", "pydoc_data", "site-packages", "ssl.py", "test", "this.py", "tkinter",
    "turtle.py", "turtledemo", "venv",
}  # fmt: skip

#: Fast, and within some percent of the best.
_LEVEL = 4


class Module(NamedTuple):
    """A module that is kept."""

    path: str
    is_package: bool
    #: Its source, compressed.
    source: bytes
    #: Its code, if it was compiled at build; else it is when it is imported.
    code: CodeType | None


class Frozen(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the modules that are kept, and gives their data to ``importlib.resources`` and ``pkgutil``."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self.modules: dict[str, Module] = {}
        self.data: dict[str, bytes] = {}
        self.folders: dict[str, set[str]] = {}

    def keep_tree(self, root: str, *, shown: str, compiled: bool = False, left_out: set[str] | None = None) -> None:
        """Keep all modules and data below a folder. ``shown`` is the folder that tracebacks name.

        Raises ``SyntaxError`` for a module of one that is to be compiled.
        """
        skipped = {"__pycache__"} | (left_out or set())
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(set(folders) - skipped)
            parts = [part for part in folder[len(root) :].split("/") if part]
            inside = "/".join([shown, *parts]) if shown else "/".join(parts)
            if parts and "__init__.py" not in files and all(part.isidentifier() for part in parts):
                # A package without a file of its own.
                self.modules.setdefault(".".join(parts), Module(f"{inside}/__init__.py", True, zlib.compress(b""), None))
            for file in sorted(set(files) - skipped):
                path = f"{inside}/{file}" if inside else file
                with open(f"{folder}/{file}", "rb") as opened:  # noqa: PTH123 - pathlib costs a tenth of a build
                    content = opened.read()
                if file.endswith(".py"):
                    self._keep_module(parts, file[:-3], path, content, compiled)
                elif not file.endswith((".so", ".pyi")):
                    self._keep_data(path, content)

    def _keep_module(self, parts: list[str], stem: str, path: str, source: bytes, compiled: bool) -> None:
        is_package = stem == "__init__"
        name = ".".join(parts if is_package else [*parts, stem])
        code = compile(source, path, "exec", dont_inherit=True) if compiled else None
        if name and all(part.isidentifier() for part in name.split(".")):
            self.modules[name] = Module(path, is_package, zlib.compress(source, _LEVEL), code)

    def _keep_data(self, path: str, content: bytes) -> None:
        self.data[path] = zlib.compress(content, _LEVEL)
        while "/" in path:
            folder, _, name = path.rpartition("/")
            self.folders.setdefault(folder, set()).add(name)
            path = folder

    def keep_standard_library(self) -> None:
        """Keep the source of the standard library."""
        root = os.path.dirname(traceback.__file__)  # noqa: PTH120
        self.keep_tree(root, shown=root, left_out=_LEFT_OUT)

    def adopt(self) -> None:
        """Become the loader of what was imported at build, so that its source and data are found at run time."""
        for name, module in list(sys.modules.items()):
            kept = self.modules.get(name)
            spec = getattr(module, "__spec__", None)
            if kept is not None and spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
                spec.loader = module.__loader__ = self
                if kept.is_package:
                    module.__path__ = spec.submodule_search_locations = [os.path.dirname(kept.path)]  # noqa: PTH120

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:  # noqa: ARG002
        """The module, if it is kept."""
        kept = self.modules.get(fullname)
        if kept is None:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=kept.path, is_package=kept.is_package)
        spec.has_location = True
        if kept.is_package:
            spec.submodule_search_locations = [os.path.dirname(kept.path)]  # noqa: PTH120
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's code."""
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, fullname: str) -> CodeType:
        """A module's code."""
        kept = self._kept(fullname)
        return kept.code or compile(zlib.decompress(kept.source), kept.path, "exec", dont_inherit=True)

    def get_source(self, fullname: str) -> str:
        """A module's source, for tracebacks among others."""
        return importlib.util.decode_source(zlib.decompress(self._kept(fullname).source))

    def is_package(self, fullname: str) -> bool:
        """Whether a module is a package."""
        return self._kept(fullname).is_package

    def get_filename(self, fullname: str) -> str:
        """The file that a module was in."""
        return self._kept(fullname).path

    def _kept(self, fullname: str) -> Module:
        try:
            return self.modules[fullname]
        except KeyError:
            raise ImportError(f"there is no module {fullname}", name=fullname) from None

    def get_data(self, path: str) -> bytes:
        """A file of a package."""
        try:
            return zlib.decompress(self.data[path])
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", path) from None

    def find_distributions(self, context: Any) -> Iterator[importlib.metadata.Distribution]:
        """The distributions that are kept, or those of a name, for ``importlib.metadata``."""
        for folder in self.folders:
            name, _, version = folder.rpartition("/")[2].partition("-")
            if version.endswith(".dist-info") and (context.name is None or _plain(context.name) == _plain(name)):
                yield _Distribution(self, folder)

    def get_resource_reader(self, fullname: str) -> TraversableResources | None:
        """The files of a package, for ``importlib.resources``."""
        kept = self.modules.get(fullname)
        if kept is None or not kept.is_package:
            return None
        return _Resources(_File(self, os.path.dirname(kept.path)))  # noqa: PTH120


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class _Distribution(importlib.metadata.Distribution):
    """What is known of a distribution whose packages are kept."""

    def __init__(self, frozen: Frozen, folder: str) -> None:
        self._frozen, self._folder = frozen, folder

    def read_text(self, filename: str) -> str | None:
        data = self._frozen.data.get(f"{self._folder}/{filename}")
        return None if data is None else zlib.decompress(data).decode()

    def locate_file(self, path: Any) -> Any:
        return _File(self._frozen, f"{self._folder.rpartition('/')[0]}/{path}")


class _Resources(TraversableResources):
    def __init__(self, root: _File) -> None:
        self._root = root

    def files(self) -> _File:
        return self._root


class _File(Traversable):
    """A file or a folder that is kept."""

    def __init__(self, frozen: Frozen, path: str) -> None:
        self._frozen, self._path = frozen, path

    @property
    def name(self) -> str:
        return self._path.rpartition("/")[2]

    def __str__(self) -> str:
        return self._path

    def iterdir(self) -> Iterator[_File]:
        return (self.joinpath(name) for name in sorted(self._frozen.folders.get(self._path, ())))

    def is_dir(self) -> bool:
        return self._path in self._frozen.folders

    def is_file(self) -> bool:
        return self._path in self._frozen.data

    def joinpath(self, *descendants: Any) -> _File:
        return _File(self._frozen, "/".join([self._path, *(str(name).strip("/") for name in descendants)]))

    __truediv__ = joinpath

    def read_bytes(self) -> bytes:
        return self._frozen.get_data(self._path)

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        opened = io.BytesIO(self.read_bytes())
        return opened if "b" in mode else io.TextIOWrapper(opened, *args, **{"encoding": "utf-8", **kwargs})
