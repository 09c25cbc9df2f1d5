"""Modules that are kept in memory are found, run, and give their sources and data, when there are no files."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import importlib.util
import linecache
import pkgutil
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

if sys.version_info < (3, 11):
    pytest.skip("what is inside a component is for its Python", allow_module_level=True)

from task_state._guest.frozen import Frozen


@pytest.fixture
def keep(project: Callable[[Mapping[str, str]], Path]) -> Iterator[Callable[[Mapping[str, str]], Frozen]]:
    modules, finders = set(sys.modules), sys.meta_path[:]

    def make(files: Mapping[str, str]) -> Frozen:
        frozen = Frozen()
        folder = project(files)
        frozen.keep_tree(str(folder), shown="shown", compiled=True)
        shutil.rmtree(folder)
        sys.meta_path.insert(0, frozen)
        return frozen

    yield make
    sys.meta_path[:] = finders
    for name in set(sys.modules) - modules:
        del sys.modules[name]


Keep = Callable[[Mapping[str, str]], Frozen]


def load(name: str) -> Any:
    return importlib.import_module(name)


def test_modules_and_packages_are_loaded(keep: Keep) -> None:
    keep({"kept_one.py": "X = 1", "kept/__init__.py": "from . import a", "kept/a.py": "Y = 2", "kept/deep/b.py": "Z = 3"})
    assert (load("kept_one").X, load("kept").a.Y, load("kept.deep.b").Z) == (1, 2, 3)
    assert load("kept_one").__file__ == "shown/kept_one.py"
    assert importlib.util.find_spec("kept.deep") is not None
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'kept\.c'"):
        load("kept.c")


def test_a_traceback_shows_the_source(keep: Keep) -> None:
    keep({"kept_fails.py": "def f():\n    raise ValueError('x')\n"})
    module = load("kept_fails")
    linecache.lazycache(module.__file__, module.__dict__)
    assert linecache.getline(module.__file__, 2) == "    raise ValueError('x')\n"


def test_data_of_a_package_is_given(keep: Keep) -> None:
    keep({"kept_data/__init__.py": "", "kept_data/words.txt": "é\r\n", "kept_data/sub/more.bin": "b"})
    root = importlib.resources.files("kept_data")
    assert (root / "words.txt").read_text(encoding="utf-8") == "é\r\n"
    assert root.joinpath("sub", "more.bin").read_bytes() == b"b"
    with (root / "words.txt").open(encoding="utf-8") as opened:
        assert opened.read() == "é\n"
    assert sorted(each.name for each in root.iterdir()) == ["sub", "words.txt"]
    assert (root / "sub").is_dir() and not (root / "none").is_file()
    assert pkgutil.get_data("kept_data", "sub/more.bin") == b"b"
    with pytest.raises(FileNotFoundError):
        (root / "none").read_bytes()


def test_metadata_of_a_distribution_is_given(keep: Keep) -> None:
    keep({"Kept_It-1.0-beta.dist-info/METADATA": "Name: Kept.It\nVersion: 1.0-beta\n"})
    assert importlib.metadata.version("kept-it") == "1.0-beta"
    assert "Kept.It" in {each.metadata["Name"] for each in importlib.metadata.distributions()}
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("kept")


def test_a_module_that_cannot_be_compiled_is_named(keep: Keep) -> None:
    with pytest.raises(SyntaxError) as refused:
        keep({"kept_bad.py": "x = (\n"})
    assert refused.value.filename == "shown/kept_bad.py"
