"""What the tests share: building components, and running them by the command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SDK = HERE.parent / "src"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs the command where there is none; where all has to be tested it fails instead."""
    if os.environ.get("TASK_STATE") or os.environ.get("CI"):
        return
    for item in items:
        if item.get_closest_marker("host"):
            item.add_marker(pytest.mark.skip(reason="TASK_STATE does not name the command task-state"))


@dataclass
class Built:
    """What a build has said and left."""

    code: int
    said: str
    output: Path

    @property
    def error(self) -> str:
        """What it stopped with."""
        return self.said.partition("error: ")[2].strip()


def build(source: Path, output: Path, *options: str, **variables: str) -> Built:
    command = [sys.executable, "-m", "task_state.build", str(source), "-o", str(output), *options]
    environment = {**os.environ, "PYTHONPATH": str(SDK), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    return Built(done.returncode, done.stderr, output)


@pytest.fixture(scope="session")
def component(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Builds a component of a program, each once."""
    folder = tmp_path_factory.mktemp("components")
    made: dict[Path, Path] = {}

    def make(source: Path) -> Path:
        if source not in made:
            built = build(source, folder / f"{len(made)}.wasm")
            assert built.code == 0, built.said
            made[source] = built.output
        return made[source]

    return make


@dataclass
class Ran:
    """What the command has said of a run, and the record it left."""

    code: int
    record: dict[str, Any]
    said: str
    store: str

    @property
    def messages(self) -> list[str]:
        """The messages of the log."""
        return [entry.partition(",")[2] for entry in self.record["logs"]]

    @property
    def output(self) -> str:
        """What was printed."""
        return self.record["result"]["launcher_output"] or ""

    def get(self, task_id: str) -> dict[str, Any]:
        """Another task of the store."""
        return dict(json.loads(command("--store", self.store, "--output", "json", "get", task_id).stdout))


def command(*arguments: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    program = os.environ.get("TASK_STATE")
    assert program, "TASK_STATE has to name the command task-state"
    return subprocess.run(
        [program, *arguments],
        input=given,
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Runs a component on a new task, in a store of the test's own."""
    store = f"sqlite:{tmp_path / 'tasks.db'}"

    def start(
        plugin: Path,
        *options: str,
        given: str = "",
        service: str = "analytics",
        parameters: Mapping[str, Any] | None = None,
        **variables: str,
    ) -> Ran:
        arguments = ["run", str(plugin), "--service", service, "--user", "alice", "--input", "-", *options]
        arguments += ["--parameters", json.dumps(dict(parameters or {}))]
        done = command("--store", store, "--output", "json", *arguments, given=given, **variables)
        assert done.stdout, done.stderr
        return Ran(done.returncode, json.loads(done.stdout), done.stderr, store)

    return start


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of packages, as ``pip install --target`` does."""

    def make(files: Mapping[str, str], **requires: list[str]) -> Path:
        folder = tmp_path / "site"
        for name, text in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for name, needed in requires.items():
            info = folder / f"{name}-1.0.dist-info"
            info.mkdir()
            lines = [
                "Metadata-Version: 2.1",
                f"Name: {name}",
                "Version: 1.0",
                *(f"Requires-Dist: {each}" for each in needed),
            ]
            (info / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (info / "top_level.txt").write_text(f"{name}\n", encoding="utf-8")
        return folder

    return make


@pytest.fixture
def project(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Makes a folder with a program."""

    def make(files: Mapping[str, str]) -> Path:
        folder = tmp_path / "project"
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return folder

    return make
