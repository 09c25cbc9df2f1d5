"""Records have pydantic's spelling without pydantic."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest

from task_state import PriorityLevel, TaskRecord, TaskResult, TaskStatus
from task_state.models import ParameterError, ValidationError

STAMP = "2025-11-17T10:00:16.515926+09:00"


def _deep(levels: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(levels):
        inner = [inner]
    return inner


def record(**fields: Any) -> TaskRecord:
    given: dict[str, Any] = {"task_id": "1", "service": "analytics", "user_id": "alice", "status": "pending"}
    return TaskRecord(**{**given, "created_at": STAMP, "updated_at": STAMP, **fields})


def test_a_record_is_written_as_the_store_holds_it() -> None:
    text = (
        '{"task_id":"1","service":"analytics","user_id":"앨리스","status":"cancel_requested","parameters":{"n":[1,null]},'
        f'"active_jobs":["j"],"created_at":"{STAMP}","updated_at":"{STAMP}","logs":["{STAMP},a, b"],'
        '"result":{"pod_status":null,"launcher_output":"x\\n"},"priority":"high"}'
    )
    task = TaskRecord.model_validate_json(text)
    assert task.model_dump_json() == text
    assert TaskRecord.model_validate_json(text.encode()) == task
    assert json.loads(task.model_dump_json(indent=2)) == json.loads(text)


def test_a_new_record_has_defaults_and_the_present_time() -> None:
    before = datetime.now(timezone.utc)
    task = TaskRecord(task_id="1", service="s", user_id="u", status=TaskStatus.PENDING)
    assert (task.parameters, task.active_jobs, task.logs, task.result) == ({}, [], [], TaskResult())
    assert task.priority is PriorityLevel.low
    assert before <= task.created_at <= datetime.now(timezone.utc)
    assert task.parameters is not TaskRecord(task_id="2", service="s", user_id="u", status=TaskStatus.PENDING).parameters


def test_what_is_given_is_read_as_pydantic_reads_it() -> None:
    task = record(status="running", priority="high", active_jobs=("a", "b"), result={"pod_status": "p"}, extra=1)
    assert (task.status, task.priority, task.active_jobs) == (TaskStatus.RUNNING, PriorityLevel.high, ["a", "b"])
    assert task.result == TaskResult(pod_status="p")
    assert not hasattr(task, "extra")
    assert TaskRecord.model_validate({**dict(task), "self": 1, 2: 3}) == task
    for given, expected in [
        ("2025-11-17T01:00:16Z", datetime(2025, 11, 17, 1, 0, 16, tzinfo=timezone.utc)),
        ("2025-11-17 01:00", datetime(2025, 11, 17, 1, 0)),
        ("2025-11-17T01:00:16,5-0930", datetime(2025, 11, 17, 1, 0, 16, 500000, timezone(-timedelta(hours=9, minutes=30)))),
        (0, datetime(1970, 1, 1, tzinfo=timezone.utc)),
        (1763341216515, datetime(2025, 11, 17, 1, 0, 16, 515000, timezone.utc)),
    ]:
        assert record(created_at=given).created_at == expected, given


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"task_id": 7}, "TaskRecord.task_id: text is wanted, not 7"),
        ({"status": "done"}, "TaskRecord.status: one of pending, dispatching, .* is wanted, not 'done'"),
        ({"logs": "text"}, "TaskRecord.logs: a list of texts is wanted, not 'text'"),
        ({"logs": [1]}, "TaskRecord.logs: text is wanted, not 1"),
        ({"parameters": []}, r"TaskRecord.parameters: an object is wanted, not \[\]"),
        ({"created_at": "yesterday"}, "TaskRecord.created_at: a time is wanted, not 'yesterday'"),
        ({"created_at": "2025-02-30T00:00:00Z"}, "a time is wanted"),
        ({"created_at": 1e300}, "TaskRecord.created_at: 1e"),
        ({"created_at": 10**400}, "TaskRecord.created_at: 1000"),
        ({"created_at": float("nan")}, "TaskRecord.created_at: "),
        ({"task_id": 10**5000}, "TaskRecord.task_id: text is wanted, not a value of the type int|not 1000"),
        ({"task_id": _deep(10**5)}, "TaskRecord.task_id: text is wanted, not a value of the type list"),
        ({"result": None}, "TaskRecord.result: TaskResult: an object is wanted, not None"),
        ({"result": {"pod_status": 1}}, "TaskResult.pod_status: text is wanted, not 1"),
        ({"priority": None}, "TaskRecord.priority: one of high, low is wanted"),
    ],
)
def test_a_value_that_a_field_cannot_hold_is_named(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        record(**fields)


def test_a_field_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match=r"TaskRecord\.service: it is missing"):
        TaskRecord.model_validate({"task_id": "1", "user_id": "u", "status": "pending"})
    for text in ("{", b"\xff", "[" * 10**6, "1" * 5000 + "x"):
        with pytest.raises(ValidationError, match="not JSON"):
            TaskRecord.model_validate_json(text)
    with pytest.raises(ValidationError, match=r"not JSON: Exceeds|an object is wanted"):
        TaskRecord.model_validate_json("1" * 5000)
    with pytest.raises(ValidationError, match="an object is wanted"):
        TaskRecord.model_validate_json("[]")


def test_an_assignment_is_not_checked_but_for_the_name() -> None:
    task = record()
    task.status = TaskStatus.RUNNING
    assert task.model_dump(mode="json")["status"] == "running"
    with pytest.raises(ValueError, match='"TaskRecord" object has no field "state"'):
        task.state = 1  # type: ignore[attr-defined]


def test_a_dump_has_times_as_text_and_enums_as_asked() -> None:
    task = record(parameters={"at": datetime(2025, 1, 1, tzinfo=timezone.utc), "s": TaskStatus.FAILED})
    assert task.model_dump()["status"] is TaskStatus.PENDING
    assert task.model_dump()["created_at"] == STAMP
    dumped = task.model_dump(mode="json")
    assert (dumped["status"], dumped["priority"]) == ("pending", "low")
    assert dumped["parameters"] == {"at": "2025-01-01T00:00:00+00:00", "s": "failed"}


def test_a_dump_includes_and_excludes() -> None:
    task = record(result=TaskResult(pod_status="p"))
    assert task.model_dump(include={"task_id", "status"}, mode="json") == {"task_id": "1", "status": "pending"}
    assert set(task.model_dump(exclude={"logs", "result"})) == set(TaskRecord.model_fields) - {"logs", "result"}
    assert task.model_dump(exclude={"result": {"pod_status"}})["result"] == {"launcher_output": None}
    assert task.model_dump(include={"result": {"pod_status"}}) == {"result": {"pod_status": "p"}}
    assert task.model_dump(exclude_none=True)["result"] == {"pod_status": "p"}
    assert set(task.model_dump(exclude_unset=True)) == {
        *("task_id", "service", "user_id", "status", "created_at", "updated_at", "result")
    }
    assert "priority" not in task.model_dump(exclude_defaults=True)


def test_a_field_that_a_subclass_adds_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^Sub\.extra: a record has the fields of the interface and no others$"):

        class Sub(TaskRecord):
            extra: str = "x"

    with pytest.raises(TypeError, match=r"^High\.priority: "):

        class High(TaskRecord):
            priority: PriorityLevel = PriorityLevel.high

    class Named(TaskRecord):
        kind: ClassVar[str] = "named"
        _hidden: int = 0
        other = 1
        status: TaskStatus

    made = Named(task_id="1", service="s", user_id="u", status="pending")
    assert (made.kind, made.other, made.status) == ("named", 1, TaskStatus.PENDING)


def test_a_copy_is_shallow_or_deep_and_may_differ() -> None:
    task = record(parameters={"a": [1]})
    shallow, deep = task.model_copy(update={"task_id": "2"}), task.model_copy(deep=True)
    assert (shallow.task_id, shallow.parameters is task.parameters) == ("2", True)
    assert deep == task and deep.parameters["a"] is not task.parameters["a"]
    assert copy.deepcopy(task) == task == copy.copy(task) == pickle.loads(pickle.dumps(task))


def test_a_record_shows_itself_as_it_would_be_made_and_gives_its_fields() -> None:
    result = TaskResult(pod_status="p")
    assert repr(result) == "TaskResult(pod_status='p', launcher_output=None)"
    assert str(result) == "pod_status='p' launcher_output=None"
    assert dict(result) == {"pod_status": "p", "launcher_output": None}
    assert result != TaskResult() and result != "p"
    with pytest.raises(TypeError):
        hash(result)


def test_a_parameter_is_read_from_its_text() -> None:
    task = record(parameters={"n": 10, "text": "10", "none": None, "list": [1, "é"], "word": "x"})
    assert (task.parameter("n", int), task.parameter("text", int)) == (10, 10)
    assert (task.parameter("none", int, 5), task.parameter("absent", int, 5), task.parameter("absent", int)) == (5, 5, None)
    assert task.parameter("list", json.loads) == [1, "é"]
    with pytest.raises(ParameterError, match=r'^the parameter "word" is "x": invalid literal'):
        task.parameter("word", int)


def test_messages_are_what_follows_the_first_comma() -> None:
    assert record(logs=[f"{STAMP},a, b", "no time"]).messages == ["a, b", "no time"]


def test_pydantic_takes_a_record_as_a_field() -> None:
    pydantic = pytest.importorskip("pydantic")
    report = pydantic.create_model("Report", task=(TaskRecord, ...))
    made = report(task=record())
    assert made.task == record()
    assert json.loads(made.model_dump_json())["task"] == record().model_dump(mode="json")
    with pytest.raises(pydantic.ValidationError, match=r"TaskRecord\.service: it is missing"):
        report(task={"task_id": "1"})
