"""What a build takes of a program and of its environment, before a component is made."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from conftest import SDK, build

from task_state.build.component import explain
from task_state.build.imports import imports
from task_state.build.packages import Packages
from task_state.build.project import project as project_of
from task_state.build.reach import reach
from task_state.build.stop import Mistake, Stop

Make = Callable[[Mapping[str, str]], Path]
Site = Callable[..., Path]


def found(source: str, package: str = "") -> list[tuple[str, str | None, bool]]:
    return [(each.module, each.name, each.required) for each in imports(ast.parse(source), package)]


def test_imports_are_found_wherever_they_stand() -> None:
    assert found("import a.b, c as d\nfrom e.f import g, h\nfrom i import *") == [
        *(("a.b", None, True), ("c", None, True), ("e.f", "g", True), ("e.f", "h", True), ("i", None, True))
    ]
    assert found("def f():\n    import a\nclass C:\n    import b") == [("a", None, False), ("b", None, True)]


def test_an_import_that_may_fail_is_not_required() -> None:
    for source in ("try:\n    import a\nexcept ImportError:\n    pass", "if x:\n    import a", "with s:\n    import a"):
        assert found(source) == [("a", None, False)], source


def test_an_import_for_type_checkers_is_none() -> None:
    assert found("from __future__ import annotations\nif TYPE_CHECKING:\n    import a\nelse:\n    import b") == [
        ("b", None, False)
    ]
    assert found("if typing.TYPE_CHECKING:\n    import a") == []


def test_an_import_by_name_is_found_if_the_name_is_written_out() -> None:
    source = "importlib.import_module('a.b')\n__import__('c')\nimport_module(name)\nimport_module('.x', 'y')"
    assert found(source) == [("a.b", None, False), ("c", None, False)]


def test_an_expression_may_be_deep() -> None:
    deep: ast.expr = ast.parse("__import__('a')", mode="eval").body
    for _ in range(5000):
        deep = ast.UnaryOp(ast.Not(), deep)
    assert [each.module for each in imports(ast.Module([ast.Expr(deep)], []))] == ["a"]
    assert found("x = " + "+".join(["1"] * 900) + "\nimport a") == [("a", None, True)]


def test_a_relative_import_is_of_its_package() -> None:
    assert found("from . import a\nfrom .b import c\nfrom ..d import e", "p.q") == [
        *(("p.q", "a", True), ("p.q.b", "c", True), ("p.d", "e", True))
    ]
    assert found("from .. import a", "p") == []


def test_the_script_of_a_folder_is_found_by_its_name(project: Make) -> None:
    folder = project({"a.py": "", "main.py": "", "project.py": "", "test_a.py": ""})
    assert project_of(folder, None).script.name == "project.py"
    (folder / "project.py").unlink()
    assert project_of(folder, None).script.name == "main.py"
    (folder / "main.py").unlink()
    assert project_of(folder, None).output == folder / "a.wasm"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"README.md": ""}, "there is no script: it is project.py, main.py or __main__.py"),
        ({"a.py": "", "b.py": ""}, "which script is the plugin, of a.py, b.py?"),
    ],
)
def test_a_folder_without_one_script_is_refused(project: Make, files: dict[str, str], told: str) -> None:
    with pytest.raises(Stop, match=told.replace("?", r"\?")):
        project_of(project(files), None)


def test_what_is_to_be_built_and_where_it_goes_has_to_be_there(project: Make, tmp_path: Path) -> None:
    script = project({"a.py": ""}) / "a.py"
    for source, output, told in [
        (tmp_path / "none.py", None, "none.py: there is no such script or folder"),
        (script, tmp_path, "and it is a folder"),
        (script, tmp_path / "none" / "a.wasm", "there is no such folder"),
        (script, script, "would take the place of the script"),
    ]:
        with pytest.raises(Stop, match=told):
            project_of(source, output)


def test_own_modules_and_packages_are_taken_as_far_as_they_are_reached(project: Make, site: Site) -> None:
    folder = project(
        {
            "main.py": "import helper\ndef f():\n    from pack.inner import deep",
            "helper.py": "import far, json",
            "far.py": "",
            "unused.py": "import nothing",
            "pack/__init__.py": "from . import other",
            "pack/other.py": "import csv",
            "pack/inner/deep.py": "import wave",
            "json/data.txt": "",
        }
    )
    got = reach(folder / "main.py", Packages(site({"x.py": ""}), folder))
    assert sorted(got.own) == ["far", "helper", "pack"]
    assert got.packages == {}
    assert [(each["module"], each["file"], each["line"]) for each in got.imports] == [
        *(("json", "helper.py", 1), ("csv", "pack/other.py", 1), ("wave", "pack/inner/deep.py", 1))
    ]


def test_what_lies_beside_the_script_takes_no_place_of_the_sdk(project: Make, site: Site) -> None:
    folder = project({"main.py": "import task_state.models", "task_state/__init__.py": "import nothing"})
    got = reach(folder / "main.py", Packages(site({"x.py": ""}), folder))
    assert (got.own, got.packages, [each["module"] for each in got.imports]) == ({}, {}, ["task_state.models"])


def test_packages_are_taken_as_far_as_they_are_reached(project: Make, site: Site) -> None:
    folder = project({"main.py": "import asked"})
    packages = site(
        {
            "asked/__init__.py": "import needed\nfrom . import part\nif needed:\n    import declared, optional",
            "asked/part.py": "def f():\n    import optional",
            "asked/unreached.py": "import unreached",
            "needed.py": "",
            "declared.py": "",
            "optional.py": "",
            "unreached.py": "",
            "other.py": "",
        },
        asked=["needed", "Declared >= 1", "optional; extra == 'all'"],
        needed=[],
        declared=[],
        optional=[],
    )
    assert sorted(reach(folder / "main.py", Packages(packages, folder)).packages) == ["asked", "declared", "needed"]


def test_an_sdk_that_is_installed_finds_what_is_installed_beside_it(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    shutil.copytree(SDK / "task_state", site / "task_state", ignore=shutil.ignore_patterns("__pycache__"))
    (site / "beside.py").touch()
    (tmp_path / "where_it_starts.py").touch()
    code = (
        "from pathlib import Path\nfrom task_state.build.packages import Packages\n"
        "packages = Packages(None, Path('none'))\n"
        "print(packages.find('beside') is not None, packages.find('where_it_starts'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True None\n"


def test_a_folder_of_packages_takes_the_place_of_the_environment(project: Make, site: Site) -> None:
    folder = project({"main.py": ""})
    assert Packages(None, folder).find("pytest") is not None
    assert Packages(site({"x.py": ""}), folder).find("pytest") is None
    assert Packages(None, folder).find("json") is None
    with pytest.raises(Stop, match="there is no such folder of packages"):
        Packages(folder / "none", folder)


def test_an_environment_beside_the_script_is_used(project: Make) -> None:
    place = "lib/python3.11/site-packages" if sys.platform != "win32" else "Lib/site-packages"
    folder = project({"main.py": "", ".venv/pyvenv.cfg": "", f".venv/{place}/only_there.py": ""})
    packages = Packages(None, folder)
    assert packages.find("only_there") is not None and packages.find("pytest") is None
    assert packages.shown == str(folder / ".venv")


def test_the_modules_of_a_package_that_are_native_code_are_known(project: Make, site: Site) -> None:
    packages = Packages(site({"fast/__init__.py": "", "fast/core/_x.cpython-311-x86_64-linux-gnu.so": ""}), project({}))
    package = packages.find("fast")
    assert package is not None
    assert [module for module, _ in package.natives()] == ["fast.core._x"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x = 1\nif x\n    pass\n", r"^main\.py:2: SyntaxError: .*\n    if x$"),
        ("x = '\\ud800'\nthis is no python", r"^main\.py:2: SyntaxError"),
        ("x = " + "not " * 20_000 + "1", r"^main\.py:1: cannot be read as Python source: (max|it is nested)"),
        ("# -*- coding: nothing -*-\n", r"^main\.py(:1)?: SyntaxError"),
    ],
)
def test_a_mistake_in_the_source_is_told_with_file_and_line(project: Make, source: str, told: str) -> None:
    folder = project({"main.py": source})
    with pytest.raises(Mistake, match=told):
        reach(folder / "main.py", Packages(None, folder))


def test_a_mistake_in_a_module_is_told_with_its_file(project: Make, tmp_path: Path) -> None:
    built = build(project({"main.py": "import helper", "helper.py": "\n\ndef f(:\n"}), tmp_path / "x.wasm")
    assert (built.code, built.error.splitlines()[0][:22]) == (1, "helper.py:3: SyntaxErr")
    assert not built.output.exists()


@pytest.mark.parametrize(
    ("names", "text", "told"),
    [
        (["fast", "fast._x"], "ModuleNotFoundError: no", "m.py:3: cannot import fast: it is native code (fast/_x.abi3.so)"),
        (["fast"], "ImportError: something is wrong", "m.py:3: cannot import fast: it is native code (fast/_x.abi3.so)"),
        (["fast", "other"], "ModuleNotFoundError: no", "m.py:3: there is no module other, which fast imports: neither"),
        (["plain", "plain.part"], "ModuleNotFoundError: no", "m.py:3: there is no module plain.part in plain"),
        (["plain"], "ValueError: no", "m.py:3: cannot import plain: ValueError: no"),
        (["none"], "ModuleNotFoundError: no", "m.py:3: there is no module none: neither beside the script, nor in"),
    ],
)
def test_why_an_import_failed_is_told(project: Make, site: Site, names: list[str], text: str, told: str) -> None:
    folder = project({"m.py": "import fast, plain"})
    packages = Packages(site({"fast/__init__.py": "", "fast/_x.abi3.so": "", "plain/__init__.py": ""}), folder)
    refused = json.dumps({"file": "m.py", "line": 3, "text": text, "names": names})
    stop = explain(f"noise\n<task-state>{refused}</task-state>\nCaused by", reach(folder / "m.py", packages), packages)
    assert isinstance(stop, Mistake) and str(stop).startswith(told), str(stop)
    assert explain("trap", reach(folder / "m.py", packages), packages).code == 2


def test_a_tool_that_is_missing_is_named_with_the_command_that_installs_it(
    project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from task_state.build import __main__ as command
    from task_state.build import tools

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools.sys, "executable", str(tmp_path / "python"))
    code = command.main([str(project({"main.py": ""})), "-o", str(tmp_path / "x.wasm")])
    told = capsys.readouterr().err
    assert code == 2
    assert f"error: componentize-py is not there: not in {tmp_path} or " in told
    assert "nor on the PATH. To install it: pip install componentize-py==0.25.1 tzdata" in told


@pytest.mark.parametrize("missing", ["componentize-py", "tzdata"])
def test_what_a_build_takes_is_looked_for_before_the_core_of_pydantic_is_built(
    project: Make, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    from task_state.build import __main__ as command
    from task_state.build import pydantic_core, tools

    def none(*_: object, **__: object) -> None:
        raise AssertionError("it is built")

    monkeypatch.setattr(pydantic_core, "built", none)
    monkeypatch.setattr(Packages, "_in_environment", staticmethod(lambda _: None))
    if missing == "componentize-py":
        monkeypatch.setenv("PATH", "")
        monkeypatch.setattr(tools.sys, "executable", "/none/python")
    else:
        monkeypatch.setattr(tools.shutil, "which", lambda command, **_: f"/bin/{command}")
    folder = project({"main.py": "import pydantic_core"})
    packages = site({"pydantic_core/__init__.py": ""})
    assert command.main([str(folder), "--site", str(packages)]) == 2
    told = capsys.readouterr().err
    if missing == "componentize-py":
        assert "error: componentize-py is not there: not in /none or " in told
    else:
        assert f"tzdata, which has the time zones, is not in {packages} or the environment of {sys.executable}. To" in told


def test_a_required_import_of_what_is_nowhere_is_refused_with_file_and_line(project: Make, site: Site) -> None:
    def refused(source: str) -> str | None:
        folder = project({"main.py": "import helper", "helper.py": f"\n{source}\n"})
        try:
            reach(folder / "main.py", Packages(packages, folder))
        except Mistake as mistake:
            return str(mistake)
        return None

    packages = site({"x.py": ""})
    told = f"helper.py:2: there is no module not_there: neither beside the script, nor in {packages}, nor in"
    assert (refused("import not_there.part") or "").startswith(told)
    for source in (
        *("try: import not_there\nexcept ImportError: ...", "def f(): import not_there", "import x, json, tzdata"),
        *("import tomllib, annotationlib, _sysconfigdata", "from compression import zstd"),
    ):
        assert refused(source) is None, source


def test_the_packaged_interface_is_that_of_the_repository() -> None:
    ours = Path(__file__).parents[1] / "src" / "task_state" / "wit"
    theirs = Path(__file__).parents[3] / "wit"
    names = {file.name for file in theirs.glob("*.wit")}
    assert names == {file.name for file in ours.glob("*.wit")} != set()
    for name in names:
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
