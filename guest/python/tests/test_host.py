"""Components in the host: what a program may use there, how it ends, and what it leaves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import HERE, Ran, command

from task_state import testing

PROGRAMS = HERE / "programs"
EXAMPLES = HERE.parent / "examples"
TEMPLATE = HERE.parent / "template"

pytestmark = pytest.mark.host

Component = Callable[[Path], Path]
Run = Callable[..., Ran]


def lines(output: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in output.splitlines() if ": " in line)


def test_a_program_uses_what_python_has(component: Component, run: Run) -> None:
    ran = run(component(PROGRAMS / "features" / "features.py"), given="first\nsecond")
    assert ran.record["status"] == "completed", ran.messages
    told = lines(ran.output.replace("first\nsecond", "first second"))
    assert {name: value for name, value in told.items() if not name.startswith("features.py")} == {
        "main": "('__main__', 'features.py', ['features.py'])",
        "input": "first second",
        "helper": "((0.0, 1.0, 1), 'pack.inner.deep')",
        "resource": "words",
        "get_data": "b'words'",
        "resources": "['words.txt']",
        "metadata": "True",
        "by name": "html.parser",
        "missing": "ModuleNotFoundError",
        "zone": "2026-07-01T00:00:00-04:00",
        "zones": "True",
        "no zone": "ZoneInfoNotFoundError",
        "clock": "True",
        "encodings": r"(b'\xe9', b'xn--bcher-kva')",
        "sqlite": "(2,)",
        "decimal": "0.125",
        "json": "True",
        "recursion": "RecursionError",
        "environment": "{}",
        "file": "FileNotFoundError",
        "thread": "RuntimeError",
        "pickle of a class": "1",
        "text file": r"['a\n', 'b']",
        "gather": "[1, 2]",
        "queue": "[0, 10, 20, 30, 40, 50]",
        "group": "([0, 1, 2], 0)",
        "failing group": "1",
        "timeout": "timed out",
        "wait_for": "in time",
        "to_thread": "3",
        "call_later": "late",
    }
    assert "INFO logged\n" in ran.output and "UserWarning: careful\n" in ran.output


def test_two_runs_of_a_component_have_chance_of_their_own(component: Component, run: Run) -> None:
    plugin = component(PROGRAMS / "features" / "features.py")
    drawn = [re.findall(r"^RANDOM (\S+) (\S+)$", run(plugin).output, re.MULTILINE) for _ in range(2)]
    assert len(drawn[0]) == 1 and drawn[0][0][0] != drawn[1][0][0] and drawn[0][0][1] != drawn[1][0][1]


@pytest.mark.parametrize(
    ("parameters", "status", "last"),
    [
        ({"how": "return"}, "completed", None),
        ({"how": "exit", "status": 0}, "completed", None),
        ({"how": "exit", "status": 3}, "failed", "exited with status 3"),
        ({"how": "exit with a text"}, "failed", "no input"),
        ({"how": "failure"}, "failed", "line 3: no"),
        ({"how": "raise"}, "failed", "KeyError: 'why'"),
        ({"how": "late"}, "failed", "ValueError: late"),
        ({"how": "recurse"}, "failed", "RecursionError: maximum recursion depth exceeded"),
        ({"how": "complete"}, "completed", "after"),
    ],
)
def test_a_task_ends_as_its_program_does(
    component: Component, run: Run, parameters: dict[str, Any], status: str, last: str | None
) -> None:
    ran = run(component(PROGRAMS / "ends.py"), parameters=parameters)
    assert ran.record["status"] == status
    assert (ran.messages[-1].splitlines()[-1] if ran.messages else None) == last
    assert ran.output == "at exit\n"
    # The double says the same, but for where the SDK lies.
    outcome = testing.run(PROGRAMS / "ends.py", parameters=parameters, service="analytics", user_id="alice")
    assert outcome.status == status
    assert (outcome.messages[-1].splitlines()[-1] if outcome.messages else None) == last


def test_an_output_that_the_program_has_closed_fails_nothing(component: Component, run: Run) -> None:
    ran = run(component(PROGRAMS / "ends.py"), parameters={"how": "close the output"})
    assert (ran.record["status"], ran.messages) == ("completed", [])
    assert ran.output.startswith("1,2\r\n")


@pytest.mark.parametrize(("how", "last"), [("interrupt", "KeyboardInterrupt"), ("generator exit", "GeneratorExit")])
def test_what_ends_a_program_elsewhere_fails_its_task_here(component: Component, run: Run, how: str, last: str) -> None:
    ran = run(component(PROGRAMS / "ends.py"), parameters={"how": how})
    assert (ran.record["status"], ran.messages[-1].splitlines()[-1]) == ("failed", last)
    assert 'File "ends.py"' in ran.messages[-1]


def test_a_time_zone_that_is_none_is_told(component: Component, run: Run) -> None:
    ran = run(component(PROGRAMS / "ends.py"), "--env", "DMS_TIMEZONE=No/Where", parameters={"how": "return"})
    assert (ran.record["status"], ran.messages) == ("failed", ["DMS_TIMEZONE: 'No/Where' is not the name of a time zone"])


def test_a_traceback_shows_the_authors_lines(component: Component, run: Run) -> None:
    told = run(component(PROGRAMS / "ends.py"), parameters={"how": "raise"}).messages[-1]
    assert told.splitlines()[:3] == [
        "Traceback (most recent call last):",
        re.search(r'  File "ends.py", line \d+, in main', told)[0],  # type: ignore[index]
        '    raise KeyError("why")',
    ]


def test_an_error_of_the_host_carries_its_case(component: Component, run: Run) -> None:
    assert run(component(PROGRAMS / "ends.py"), parameters={"how": "deny"}).messages == [
        'denied: service "other" is not granted',
        'denied: operation "delete" is not granted',
        "None",
        "invalid-transition: running",
    ]


def test_a_priority_is_in_the_record(component: Component, run: Run) -> None:
    ran = run(component(PROGRAMS / "ends.py"), parameters={"how": "priority"})
    assert (ran.messages, ran.record["priority"]) == (["running high", "running low", "running high"], "high")


def test_progress_is_shown_beside_the_record(component: Component, tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'tasks.db'}"
    plugin = str(component(PROGRAMS / "ends.py"))
    done = command("--store", store, "run", plugin, "--service", "s", "--user", "u", "--parameters", '{"how":"progress"}')
    assert done.returncode == 0, done.stderr
    assert re.search(r"progress +5 of 5.*steps", command("--store", store, "get", "1").stdout)


def test_a_cancelled_program_cleans_up(component: Component, tmp_path: Path) -> None:
    store, plugin = f"sqlite:{tmp_path / 'tasks.db'}", str(component(PROGRAMS / "ends.py"))
    arguments = ["--store", store, "run", plugin, "--service", "s", "--user", "u", "--parameters", '{"how":"wait"}']
    with subprocess.Popen([os.environ["TASK_STATE"], *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        _until(lambda: "waiting" in command("--store", store, "logs", "1").stdout)
        assert command("--store", store, "cancel", "1").returncode == 0
        assert running.wait(timeout=60) == 3
    record = json.loads(command("--store", store, "--output", "json", "get", "1").stdout)
    messages = [entry.partition(",")[2] for entry in record["logs"]]
    assert (record["status"], messages[0], messages[-1]) == ("cancelled", "waiting", "cleaned up")


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def test_what_is_granted_is_there(component: Component, run: Run, project: Callable[..., Path], tmp_path: Path) -> None:
    source = (
        "import importlib, os, sys\nfrom pathlib import Path\nimport task_state\n"
        "print(os.environ['MODE'], len(os.environ['TOKEN']), os.environ['TOKEN'])\n"
        "print(sorted(os.listdir('/in')), Path('/in/a.txt').read_text())\n"
        "Path('/out/b.txt').write_text('written')\n"
        "sys.path.insert(0, '/in')\n"
        "print(importlib.import_module('lent').VALUE)\n"
        "print(task_state.now().isoformat()[-6:], task_state.format_log_entry('x')[-8:])\n"
    )
    folder = project({"main.py": source, "in/a.txt": "text", "in/lent.py": "VALUE = 42"})
    (folder / "out").mkdir()
    ran = run(
        *(component(folder / "main.py"), "--dir", f"{folder / 'in'}::/in", "--dir", f"{folder / 'out'}::/out:rw"),
        *("--env", "MODE=fast", "--secret", "TOKEN"),
        TOKEN="s3cret",
        DMS_TIMEZONE="Asia/Kolkata",
    )
    assert ran.record["status"] == "completed", ran.messages
    assert ran.output == "fast 6 <TOKEN>\n['a.txt', 'lent.py'] text\n42\n+05:30 +05:30,x\n"
    assert (folder / "out" / "b.txt").read_text() == "written"


def test_a_program_of_the_package_for_redis_runs_as_it_is(component: Component, run: Run) -> None:
    ran = run(component(PROGRAMS / "worker.py"))
    assert (ran.record["status"], ran.output) == ("completed", "INFO:__main__:5 entries\n"), ran.messages
    record = ran.get("external-9")
    assert (record["status"], record["priority"]) == ("completed", "high")
    assert [entry.partition(",")[2] for entry in record["logs"]] == [
        *("picked up", "started", "step 0", "step 1", "step 2", "finished")
    ]
    assert record["result"] == {"pod_status": "phase=Running", "launcher_output": "out"}


def test_pydantic_2_works(component: Component, run: Run) -> None:
    ran = run(component(PROGRAMS / "with_pydantic.py"))
    assert ran.messages == ["4 rows of alice, the same: True", "Value error, odd"], ran.messages


def test_the_template_passes_at_once(tmp_path: Path, run: Run, component: Component) -> None:
    folder = tmp_path / "hello"
    for file in TEMPLATE.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts and ".pytest_cache" not in file.parts:
            target = folder / str(file.relative_to(TEMPLATE)).replace("NAME_", "hello")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.read_text(encoding="utf-8").replace("NAME_", "hello"), encoding="utf-8")
    (folder / "sdk").mkdir()
    (folder / "sdk" / "src").symlink_to(HERE.parent / "src")
    native = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=folder, capture_output=True, check=False)
    assert native.returncode == 0, native.stdout
    ran = run(component(folder), given="a\nb\n", service="test", parameters={"greeting": "good morning"})
    assert (ran.messages, ran.output) == (["good morning, alice", "2 lines"], "a\nb\n")


def test_the_quickstart_leaves_its_task(component: Component, run: Run) -> None:
    ran = run(component(EXAMPLES / "quickstart.py"))
    record = ran.get("external-1")
    assert (ran.record["status"], ran.messages, record["status"]) == ("completed", [], "completed")
    assert [entry.partition(",")[2] for entry in record["logs"]] == [
        *("worker started", "processed input payload", "worker finished")
    ]


def test_the_profile_is_the_same_in_the_host_and_in_the_double(component: Component, run: Run) -> None:
    given = 'station,n\n서울,1\n"a\nb",007\n\n,1e-5\n'
    for parameters in ({"log_every": "2"}, {"format": "json"}, {"format": "xml"}, {"log_every": 0}):
        ran = run(component(EXAMPLES / "csv_profile.py"), given=given, parameters=parameters)
        outcome = testing.run(EXAMPLES / "csv_profile.py", input=given, parameters=parameters)
        assert (ran.record["status"], ran.messages) == (outcome.status, outcome.messages)
        assert ran.record["result"] == dict(outcome.result)


def _peer() -> Iterator[tuple[str, str]]:
    """The programs in the documentation of the package for Redis, from the folder that TASK_STATE_PEER names."""
    folder = Path(os.environ["TASK_STATE_PEER"])
    guide = (folder / "docs" / "services" / "task_state.md").read_text(encoding="utf-8")
    example = folder / "examples" / "external_status_service"
    snippets = _python(example.joinpath("README.md").read_text(encoding="utf-8"))
    yield "quickstart", _python(guide)[0]
    yield from ((f"snippet {number}", text) for number, text in enumerate(snippets) if "import" in text)
    yield "worker", (example / "worker.py").read_text(encoding="utf-8")


def _python(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(
    not os.environ.get("TASK_STATE_PEER"), reason="TASK_STATE_PEER names no folder with the package for Redis"
)
def test_the_programs_of_the_package_for_redis_run_byte_for_byte(component: Component, run: Run, tmp_path: Path) -> None:
    services = {"quickstart": "analytics", "snippet 2": "etl", "worker": "example-service"}
    ran = {}
    for name, text in _peer():
        script = tmp_path / f"{name.replace(' ', '_')}.py"
        script.write_text(text, encoding="utf-8")
        ran[name] = run(component(script), service=services.get(name, "analytics"))
        assert ran[name].record["status"] == "completed", (name, ran[name].messages)
    assert set(services) < set(ran)
    quickstart, worker = ran["quickstart"].get("external-1"), ran["worker"].get("demo")
    assert [entry.partition(",")[2] for entry in quickstart["logs"]] == [
        *("worker started", "processed input payload", "worker finished")
    ]
    assert quickstart["result"] == {"pod_status": "phase=Running", "launcher_output": "streamed stdout/stderr"}
    assert (worker["status"], worker["result"]["launcher_output"]) == ("completed", "Processed task demo")
    assert json.loads(worker["result"]["pod_status"])["duration_seconds"] == 0.1
