"""What a program reaches by its imports: modules of its own, and packages of the environment."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .imports import Import, imports
from .packages import Package, Packages
from .stop import Mistake

#: Where no module of a program is.
_NO_MODULES = {"__pycache__", "node_modules", "site-packages"}

#: What is in every component, beside the standard library of the Python that builds it: that of the sandbox may be newer.
_IN_THE_SANDBOX = {"task_state", "tzdata", "tomllib", "annotationlib", "compression"}


@dataclass
class Reach:
    """What a program reaches."""

    #: Its own modules and packages, by the name at the top: a file, or a folder.
    own: dict[str, Path] = field(default_factory=dict)
    #: Packages of the environment, by name.
    packages: dict[str, Package] = field(default_factory=dict)
    #: Its imports of what is not its own, in order, for the component to make while it is built.
    imports: list[dict[str, Any]] = field(default_factory=list)


def reach(script: Path, packages: Packages) -> Reach:
    """Follow the imports of a script."""
    return _Walk(script, packages).reach


class _Walk:
    def __init__(self, script: Path, packages: Packages) -> None:
        self._folder, self._packages = script.parent, packages
        self.reach = Reach()
        self._seen: set[str] = set()
        self._own_file(script, "")

    def _own_file(self, file: Path, package: str) -> None:
        shown = str(file.relative_to(self._folder))
        for each in imports(_parse(file, shown), package):
            top = each.module.partition(".")[0]
            own = self._own_place(top)
            if own is not None:
                self.reach.own[top] = own
                for module in _modules(each):
                    self._own_module(module)
                continue
            wanted = {"module": each.module, "name": each.name, "required": each.required}
            self.reach.imports.append({**wanted, "file": shown, "line": each.line})
            found = self._packages.find(top)
            if found is not None and top != "task_state":
                self._package(found, _modules(each))
            elif found is None and each.required and not _may_be_in_the_sandbox(top):
                raise Mistake(f"{shown}:{each.line}: {self._packages.missing(top)}")

    def _own_place(self, top: str) -> Path | None:
        if top == "task_state":
            # The SDK is that which builds, whatever lies beside the script.
            return None
        file, folder = self._folder / f"{top}.py", self._folder / top
        if (folder / "__init__.py").is_file():
            return folder
        if file.is_file():
            return file
        is_known = top in sys.stdlib_module_names or self._packages.find(top) is not None
        return folder if not is_known and folder.is_dir() and any(folder.rglob("*.py")) else None

    def _own_module(self, module: str) -> None:
        """A module of the program, and the packages that it is in."""
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            name = ".".join(parts[:end])
            base = self._folder.joinpath(*parts[:end])
            if name in self._seen:
                continue
            if (base / "__init__.py").is_file():
                self._seen.add(name)
                self._own_file(base / "__init__.py", name)
            elif base.with_suffix(".py").is_file():
                self._seen.add(name)
                self._own_file(base.with_suffix(".py"), name.rpartition(".")[0])

    def _package(self, package: Package, modules: list[str]) -> None:
        """A package of the environment, and the packages that these modules of it need."""
        self.reach.packages[package.name] = package
        ways = [name for module in modules for name in _and_above(module)]
        while ways:
            module = ways.pop()
            file = None if module in self._seen else package.file_of(module)
            self._seen.add(module)
            if file is None:
                continue
            inside = module if file.name == "__init__.py" else module.rpartition(".")[0]
            for each in imports(_parse_leniently(file), inside):
                top = each.module.partition(".")[0]
                found = self._packages.find(top)
                if found is None or top == "task_state":
                    continue
                # Of what it may use besides, only what it says that it needs is taken.
                if top == package.name:
                    ways += [name for reached in _modules(each) for name in _and_above(reached)]
                elif each.required or self._packages.depends(package.name, top):
                    self._package(found, _modules(each))


def _may_be_in_the_sandbox(top: str) -> bool:
    """Whether a module that is neither the program's nor a package's may be there all the same."""
    return top in sys.stdlib_module_names or top in _IN_THE_SANDBOX or top.startswith(("_", "wit_world", "componentize_py"))


def _modules(each: Import) -> list[str]:
    return [each.module] if each.name is None else [each.module, f"{each.module}.{each.name}"]


def _and_above(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _parse(file: Path, shown: str) -> ast.AST:
    try:
        return ast.parse(file.read_bytes(), shown)
    except SyntaxError as error:
        where = f"{shown}:{error.lineno}" if error.lineno else shown
        source = f"\n    {error.text.strip()}" if error.text else ""
        version = ".".join(map(str, sys.version_info[:2]))
        raise Mistake(f"{where}: SyntaxError: {error.msg} (as Python {version} reads it){source}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Mistake(f"{shown}:1: cannot be read as Python source: {str(error) or 'it is nested too deeply'}") from None


def _parse_leniently(file: Path) -> ast.AST:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])
