"""What a build says of a program that no component can be made of. It runs componentize-py, and no host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from conftest import build

pytestmark = pytest.mark.host

Make = Callable[[Mapping[str, str]], Path]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"main.py": "import json\nimport not_there.part\n"},
            "main.py:2: there is no module not_there: neither beside the script, nor in {site}, nor in the standard library "
            "of the sandbox. Install it (pip install not_there), or name the folder that it is in by --site",
        ),
        ({"main.py": "from json import nothing\n"}, "main.py:1: there is no nothing in json"),
        (
            {"main.py": "import helper\n", "helper.py": "\nimport bz2\n"},
            "helper.py:2: there is no module _bz2, which bz2 imports",
        ),
        (
            {"main.py": "import fast\n"},
            "main.py:1: cannot import fast: it is native code (core/_x.cpython-311-x86_64-linux-gnu.so), which does not run "
            "in the sandbox. Of native extensions only pydantic's is built for it; use a package in pure Python instead",
        ),
        ({"main.py": "import broken\n"}, "main.py:1: cannot import broken: ValueError: no"),
    ],
)
def test_an_import_that_cannot_be_made_is_told_with_file_and_line(
    project: Make, site: Callable[..., Path], tmp_path: Path, files: dict[str, str], told: str
) -> None:
    packages = site(
        {
            "fast/__init__.py": "from .core import _x",
            "fast/core/__init__.py": "",
            "fast/core/_x.cpython-311-x86_64-linux-gnu.so": "",
            "broken.py": "raise ValueError('no')",
        }
    )
    built = build(project(files), tmp_path / "x.wasm", "--site", str(packages))
    assert built.code == 1, built.said
    assert built.error.startswith(told.format(site=packages)), built.error
    assert not built.output.exists()


def test_an_import_that_may_fail_is_left_to_the_program_and_nothing_is_written_beside_it(
    project: Make, tmp_path: Path
) -> None:
    folder = project(
        {
            "main.py": "try:\n    import not_there\nexcept ImportError: ...\ndef f():\n    import neither\n",
            "helper.py": "",
        }
    )
    before = sorted(folder.rglob("*"))
    built = build(folder / "main.py", tmp_path / "x.wasm")
    assert built.code == 0, built.said
    assert sorted(folder.rglob("*")) == before
    assert built.said.startswith("$ VIRTUAL_ENV=") and "componentize-py -d" in built.said
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["x.wasm"]


def test_an_interface_that_lacks_the_world_is_told(project: Make, tmp_path: Path) -> None:
    script, wit = project({"main.py": ""}), tmp_path / "wit"
    built = build(script, tmp_path / "x.wasm", "--wit", str(wit))
    assert (built.code, built.error) == (2, f"{wit}: there is no such folder with the interface")
    wit.mkdir()
    (wit / "a.wit").write_text("package a:b;\nworld w {}\n", encoding="utf-8")
    built = build(script, tmp_path / "x.wasm", "--wit", str(wit))
    assert built.code == 2 and built.error.startswith("componentize-py failed:"), built.error
