"""What a module imports, read from its syntax tree. Nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
#: Whose contents may never be reached, or may fail and be helped.
_OPTIONAL = (ast.Try, ast.If, ast.With, *_FUNCTIONS, *([ast.TryStar] if hasattr(ast, "TryStar") else []))


class Import(NamedTuple):
    """A module that is imported, or a name out of one."""

    module: str
    name: str | None
    line: int
    #: Whether the program cannot go on without it.
    required: bool


def imports(tree: ast.AST, package: str = "") -> Iterator[Import]:
    """The imports of a module in a package, those in functions included and those for type checkers left out."""
    # No recursion: an expression may be as deep as its author likes.
    left = [(tree, True)]
    while left:
        node, required = left.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, node.lineno, required)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(node, package, required=required)
        elif isinstance(node, ast.Call):
            yield from _by_name(node)
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            children = list(node.orelse)
        left += [(child, required and not isinstance(node, _OPTIONAL)) for child in reversed(children)]


def _from(node: ast.ImportFrom, package: str, *, required: bool) -> Iterator[Import]:
    module = node.module or ""
    if node.level:
        parts = package.split(".") if package else []
        if node.level > len(parts):
            return
        module = ".".join([*parts[: len(parts) - node.level + 1], *([module] if module else [])])
    if module == "__future__":
        return
    for alias in node.names:
        yield Import(module, None if alias.name == "*" else alias.name, node.lineno, required)


def _by_name(node: ast.Call) -> Iterator[Import]:
    """``importlib.import_module("name")`` and ``__import__("name")``."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0] if node.args else None
    if called in ("import_module", "__import__") and isinstance(first, ast.Constant) and isinstance(first.value, str):
        name = first.value
        if name and not name.startswith("."):
            yield Import(name, None, node.lineno, False)


def _is_type_checking(test: ast.AST) -> bool:
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"
