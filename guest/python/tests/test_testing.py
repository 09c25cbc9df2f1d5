"""A plugin is run natively as a host runs it."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import task_state
from task_state import Failure, TaskRecord, TaskStatus, current_task, errors, repository, testing


def test_a_run_gives_its_task_and_takes_what_it_says() -> None:
    def plugin(task: TaskRecord) -> None:
        assert (task.task_id, task.service, task.user_id, task.status) == ("7", "analytics", "bob", TaskStatus.RUNNING)
        assert (task.parameters, task.priority.value) == ({"n": 1}, "high")
        current_task.log(f"{len(sys.stdin.read())} characters")
        current_task.update_result(pod_status="up")
        current_task.set_active_jobs(iter(["j"]))
        print("out")
        print("err", file=sys.stderr)

    outcome = testing.run(
        plugin, input="één", parameters={"n": 1}, service="analytics", user_id="bob", task_id="7", priority="high"
    )
    assert (outcome.status, outcome.failure, outcome.messages) == ("completed", None, ["3 characters"])
    assert outcome.output == "out\nerr\n" == outcome.result.launcher_output
    assert outcome.record is not None
    assert (outcome.result.pod_status, outcome.record.active_jobs) == ("up", ["j"])
    assert outcome.calls == ["current-task.log", "current-task.update-result", "current-task.set-active-jobs"]


def test_a_function_may_be_asynchronous() -> None:
    async def plugin(_: TaskRecord) -> None:
        async def entry(text: str) -> None:
            await asyncio.sleep(0)
            current_task.log(text)

        async with asyncio.timeout(5) if sys.version_info >= (3, 11) else _nothing():
            await asyncio.gather(entry("a"), entry("b"), asyncio.to_thread(current_task.log, "c"))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.001)

    outcome = testing.run(plugin)
    assert (outcome.status, sorted(outcome.messages)) == ("completed", ["a", "b", "c"])


class _nothing:  # noqa: N801
    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *_: object) -> None: ...


def _raise(error: BaseException) -> Any:
    def plugin(_: TaskRecord) -> None:
        raise error

    return plugin


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (Failure("line 3: no"), "failed", ["line 3: no"]),
        (SystemExit(0), "completed", []),
        (SystemExit(), "completed", []),
        (SystemExit(3), "failed", ["exited with status 3"]),
        (SystemExit("why"), "failed", ["why"]),
        (SystemExit(""), "failed", ["failed"]),
        (SystemExit(False), "completed", []),
    ],
)
def test_what_a_run_ends_with_is_its_outcome(error: BaseException, status: str, told: list[str]) -> None:
    outcome = testing.run(_raise(error))
    assert (outcome.status, outcome.messages) == (status, told)


def test_an_exception_fails_the_task_with_the_authors_part_of_its_traceback() -> None:
    async def inner() -> None:
        await asyncio.sleep(0)
        raise ValueError("boom")

    async def plugin(_: TaskRecord) -> None:
        await inner()

    told = testing.run(plugin).messages[-1].splitlines()
    assert told[0] == "Traceback (most recent call last):" and told[-1] == "ValueError: boom"
    frames = [line for line in told if line.startswith("  File")]
    assert all(Path(__file__).name in frame for frame in frames) and len(frames) == 2
    assert '    raise ValueError("boom")' in told


def test_a_terminal_status_that_the_plugin_has_set_stands() -> None:
    def plugin(_: TaskRecord) -> None:
        current_task.set_status("completed", "done")
        raise Failure("late")

    outcome = testing.run(plugin)
    assert (outcome.status, outcome.messages, outcome.failure) == ("completed", ["done", "late"], "late")


def test_an_output_that_the_plugin_has_set_stands() -> None:
    def plugin(_: TaskRecord) -> None:
        print("printed")
        current_task.update_result(launcher_output="mine")

    outcome = testing.run(plugin)
    assert (outcome.result.launcher_output, outcome.output) == ("mine", "printed\n")


def test_the_end_of_a_long_output_is_kept_with_a_mark() -> None:
    def plugin(_: TaskRecord) -> None:
        print("é" * 40_000, end="")

    kept = testing.run(plugin).result.launcher_output
    assert kept == "[14464 bytes of earlier output were cut]\n" + "é" * 32_768


def _closes(_: TaskRecord) -> None:
    print("before")
    csv.writer(io.TextIOWrapper(sys.stdout.buffer, newline="", write_through=True)).writerow([1, 2])


def _detaches(_: TaskRecord) -> None:
    print("before")
    sys.stdout = io.TextIOWrapper(sys.stdout.detach(), newline="")
    csv.writer(sys.stdout).writerow([1, 2])


@pytest.mark.parametrize("plugin", [_closes, _detaches])
def test_an_output_that_the_program_has_closed_is_kept_and_fails_nothing(plugin: Any) -> None:
    before = (sys.stdin, sys.stdout, sys.stderr)
    outcome = testing.run(plugin)
    assert (outcome.status, outcome.output) == ("completed", "before\n1,2\r\n")
    assert (sys.stdin, sys.stdout, sys.stderr) == before


def test_logging_is_output_whatever_the_test_has_set_up() -> None:
    def plugin(_: TaskRecord) -> None:
        logging.basicConfig(level=logging.INFO)
        logging.getLogger("plugin").info("told")

    before = logging.getLogger().handlers[:]
    assert testing.run(plugin).output == "INFO:plugin:told\n"
    assert logging.getLogger().handlers == before


def test_a_call_can_be_made_to_fail() -> None:
    def plugin(_: TaskRecord) -> None:
        current_task.log("1")
        try:
            current_task.log("2")
        except errors.Unavailable as error:
            current_task.log(f"not written: {error}")

    away = testing.Fault("current-task.log", errors.Unavailable("away"), nth=2)
    assert testing.run(plugin, faults=[away]).messages == ["1", "not written: away"]


@pytest.mark.parametrize(
    ("call", "nth"),
    [("current_task.log", 1), ("repository.append_log", 1), ("current-task.cancel-requested", 1), ("current-task.log", 0)],
)
def test_a_fault_of_what_is_no_call_that_can_fail_is_refused(call: str, nth: int) -> None:
    with pytest.raises(ValueError, match=r"is not a call that can fail: it is one of current-task|the first call is 1"):
        testing.Fault(call, errors.Conflict(), nth)
    with pytest.raises(ValueError, match="the first call is 1"):
        testing.run(_raise(Failure("x")), cancel_before_call=0)


def test_a_cancellation_comes_before_a_chosen_call() -> None:
    def plugin(_: TaskRecord) -> None:
        for number in range(10):
            if current_task.log(str(number)) is TaskStatus.CANCEL_REQUESTED:
                current_task.log("stopped")
                return

    outcome = testing.run(plugin, cancel_before_call=3)
    assert (outcome.status, outcome.messages) == ("cancelled", ["0", "1", "2", "stopped"])


def test_a_cancellation_is_raised_in_the_main_task_which_cleans_up() -> None:
    async def plugin(_: TaskRecord) -> None:
        try:
            current_task.log("started")
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            current_task.log("cleaned up")

    began = time.monotonic()
    outcome = testing.run(plugin, cancel_before_call=1)
    assert (outcome.status, outcome.failure, outcome.messages) == ("cancelled", None, ["started", "cleaned up"])
    assert time.monotonic() - began < 60


def test_a_cancelled_program_may_clean_up_in_a_loop_of_its_own() -> None:
    async def clean_up() -> None:
        await asyncio.sleep(0.01)
        current_task.log("cleaned up")

    def plugin(_: TaskRecord) -> None:
        current_task.log("started")
        try:
            asyncio.run(asyncio.sleep(60))
        finally:
            asyncio.run(clean_up())

    for _ in range(2):
        outcome = testing.run(plugin, cancel_before_call=1)
        assert (outcome.status, outcome.messages) == ("cancelled", ["started", "cleaned up"])


def test_a_cancelled_error_of_the_program_itself_is_a_failure() -> None:
    async def plugin(_: TaskRecord) -> None:
        raise asyncio.CancelledError

    outcome = testing.run(plugin)
    assert outcome.status == "failed" and outcome.messages[-1].endswith("CancelledError")


def test_a_program_that_would_wait_for_ever_fails_its_test() -> None:
    async def plugin(_: TaskRecord) -> None:
        await asyncio.Event().wait()

    outcome = testing.run(plugin)
    assert outcome.status == "failed" and "waits for something that never comes" in outcome.messages[-1]


def test_a_run_whose_task_is_deleted_is_stopped() -> None:
    said = []

    def plugin(task: TaskRecord) -> None:
        repository.delete(task.task_id)
        try:
            current_task.log("x")
        except Exception:
            said.append("caught")
        said.append("went on")

    outcome = testing.run(plugin, grants=testing.Grants(["test"], operations=["delete"]))
    assert (outcome.record, outcome.status, outcome.messages, said) == (None, None, [], [])


def test_other_tasks_are_there_before_and_can_be_looked_at_after() -> None:
    other = TaskRecord(task_id="o", service="test", user_id="bob", status=TaskStatus.PENDING, parameters={"a": 1})

    def plugin(_: TaskRecord) -> None:
        repository.set_status("o", TaskStatus.FAILED, "too old")

    outcome = testing.run(plugin, tasks=[other])
    found = outcome.task("o")
    assert found is not None
    assert (found.status, found.messages, found.parameters) == (TaskStatus.FAILED, ["too old"], {"a": 1})
    assert outcome.task("none") is None


def test_a_script_is_run_as_the_main_program_and_awaits_at_its_top(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        "import asyncio, sys\n"
        "import task_state\n"
        "await asyncio.sleep(0)\n"
        "print(__name__, __file__, sys.argv)\n"
        "@task_state.plugin\n"
        "def main(task):\n"
        "    print('on', task.task_id)\n",
        encoding="utf-8",
    )
    for _ in range(2):
        outcome = testing.run(script)
        assert outcome.failure is None
        assert outcome.output == f"__main__ {script} ['{script}']\non 1\n"
    assert sys.modules["__main__"].__name__ == "__main__" and sys.argv != [str(script)]


def test_a_script_that_marks_two_functions_fails_and_names_them(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text("import task_state\n@task_state.plugin\ndef a(t): ...\n@task_state.plugin\ndef b(t): ...\n")
    assert "one function is the plugin, but 2 are marked: a, b" in testing.run(script).messages[-1]


def test_progress_counts_what_a_loop_has_done() -> None:
    def plugin(_: TaskRecord) -> None:
        for number in task_state.progress(["a", "b", "c"], note="letters"):
            assert number

    outcome = testing.run(plugin)
    assert outcome.progress == testing.Progress(3, 3, "letters")
    assert outcome.calls[0] == "current-task.set-progress" and 2 <= len(outcome.calls) <= 4


def test_progress_of_a_loop_that_is_left_early_is_what_was_done() -> None:
    def plugin(_: TaskRecord) -> None:
        for number in task_state.progress(iter(range(10)), total=10):
            if number == 4:
                break

    assert testing.run(plugin).progress == testing.Progress(4, 10, None)


def test_progress_may_be_counted_in_other_units_and_may_exceed_what_was_thought() -> None:
    def plugin(_: TaskRecord) -> None:
        bar: task_state.current_task.Progress[None]
        with task_state.progress(total=10) as bar:
            bar.update(8)
            bar.update(8, note="more")

    assert testing.run(plugin).progress == testing.Progress(16, 16, "more")


def test_progress_of_no_items_is_none_of_none() -> None:
    def plugin(_: TaskRecord) -> None:
        assert list(task_state.progress([])) == []

    assert testing.run(plugin).progress == testing.Progress(0, 0, None)

    def counts(_: TaskRecord) -> None:
        bar: task_state.current_task.Progress[None]
        with task_state.progress() as bar:
            bar.update(2)

    assert testing.run(counts).progress == testing.Progress(2, None, None)


def test_progress_that_the_host_does_not_take_does_not_end_the_loop() -> None:
    def plugin(_: TaskRecord) -> None:
        for each in task_state.progress("abc", note="n" * 2000):
            current_task.log(each)

    away = testing.Fault("current-task.set-progress", errors.Unavailable("away"))
    for faults in [away], []:
        outcome = testing.run(plugin, faults=faults)
        assert (outcome.status, outcome.messages, outcome.progress) == ("completed", ["a", "b", "c"], None)


def test_progress_that_the_host_cannot_hold_is_refused() -> None:
    with testing.in_memory():
        current_task.set_progress(2**64 - 1, 2**64 - 1)
        with pytest.raises(ValueError, match="done is -1, which is not between 0"):
            current_task.set_progress(-1)
        with pytest.raises(ValueError, match="total is 18446744073709551616"):
            current_task.set_progress(0, 2**64)
        with pytest.raises(errors.InvalidArgument, match='invalid progress "2"'):
            current_task.set_progress(2, 1)


def test_without_a_test_around_it_a_program_has_a_store_of_its_own() -> None:
    assert current_task.get().service == "test"
    task = TaskRecord(task_id="ambient", service="any", user_id="any", status=TaskStatus.PENDING)
    assert repository.save(task) == "ambient"
    assert [each.task_id for each in repository.tasks(service="any")] == ["ambient"]
    assert repository.delete("ambient")


def test_input_that_is_not_utf_8_can_be_logged_and_a_failure_may_be_any_text() -> None:
    def plugin(_: TaskRecord) -> None:
        current_task.log(sys.stdin.read())
        raise Failure("\udcff")

    assert testing.run(plugin, input=b"a\xffb").messages == ["a\ufffdb", "\\udcff"]
