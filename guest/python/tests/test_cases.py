"""The table of cases that the host and the doubles of all SDKs pass."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from task_state import _host, errors, testing
from task_state._host import Draft, Host, Precondition, Record, Scope
from task_state.errors import Failure, TaskStateError
from task_state.models import PriorityLevel, TaskRecord, TaskResult, TaskStatus

TABLE = Path(os.environ.get("TASK_STATE_CASES") or Path(__file__).parents[3] / "tests" / "cases")
ERRORS = {kind.case: kind for kind in TaskStateError.__subclasses__()}


def cases() -> Iterator[Any]:
    for file in sorted(TABLE.glob("*.json")):
        for case in json.loads(file.read_text(encoding="utf-8")):
            yield pytest.param(case, id=f"{file.stem}: {case['name']}")


def words(status: TaskStatus) -> str:
    return status.value.replace("_", "-")


def status_of(word: str) -> TaskStatus:
    return TaskStatus(word.replace("-", "_"))


def snake(fields: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in fields.items()}


def error_of(spelled: Any) -> TaskStateError:
    case, payload = next(iter(spelled.items())) if isinstance(spelled, dict) else (spelled, None)
    if payload is None:
        return ERRORS[case]()
    return errors.InvalidTransition(status_of(payload)) if case == "invalid-transition" else ERRORS[case](payload)


def error_shown(error: TaskStateError) -> Any:
    if isinstance(error, errors.InvalidTransition):
        return {error.case: words(error.status)}
    return error.case if isinstance(error, (errors.NotFound, errors.Conflict)) else {error.case: str(error)}


def parameters_text(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, separators=(",", ":"))


def result_of(fields: dict[str, Any]) -> TaskResult:
    return TaskResult(**snake(fields))


def draft_of(fields: dict[str, Any]) -> Draft:
    given = snake(fields)
    if "status" in given:
        given["status"] = status_of(given["status"])
    if "priority" in given:
        given["priority"] = PriorityLevel(given["priority"])
    given["parameters"] = parameters_text(given.get("parameters", {}))
    given["result"] = result_of(given.get("result", {}))
    return Draft(**given)


def record_of(fields: dict[str, Any]) -> TaskRecord:
    given = {**draft_of(fields).__dict__, "parameters": json.loads(parameters_text(fields.get("parameters", {})))}
    return TaskRecord(**{name: value for name, value in given.items() if value is not None})


def precondition_of(spelled: Any) -> Precondition:
    if isinstance(spelled, dict):
        return Precondition("unchanged-since", spelled["unchanged-since"])
    return Precondition(spelled)


def scope_of(spelled: Any) -> Scope:
    if spelled == "all":
        return Scope("all")
    kind, payload = next(iter(spelled.items()))
    return {
        "service": lambda: Scope("service", service=payload),
        "user": lambda: Scope("user", user_id=payload),
        "service-user": lambda: Scope("service-user", service=payload[0], user_id=payload[1]),
        "ids": lambda: Scope("ids", ids=tuple(payload)),
    }[kind]()


def shown(value: Any) -> Any:
    if isinstance(value, TaskStatus):
        return words(value)
    if isinstance(value, Record):
        fields = {name.replace("_", "-"): shown(inner) for name, inner in vars(value).items()}
        return {**fields, "priority": value.priority.value}
    if isinstance(value, TaskResult):
        return {name.replace("_", "-"): inner for name, inner in value}
    if isinstance(value, tuple):
        return {"tasks": shown(value[0]), "next": value[1]}
    return [shown(inner) for inner in value] if isinstance(value, list) else value


def agrees(expected: Any, found: Any, name: str = "") -> bool:
    if expected == "*":
        return isinstance(found, str)
    if name == "logs":
        found = [entry.partition(",")[2] if "," in entry else entry for entry in found]
    if name == "parameters" and isinstance(expected, dict):
        found = json.loads(found)
        return bool(expected == found)
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            key in found and agrees(value, found[key], key) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(agrees, expected, found))
    return type(expected) is type(found) and bool(expected == found)


class Player:
    """Plays the steps of a case on the host around it."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.stamps: dict[str, str] = {}
        self.differences: list[str] = []

    def __call__(self, _: object) -> None:
        for number, step in enumerate(self.case["steps"], 1):
            try:
                answer = self.make(step["call"], self.texts(step.get("args", {})))
            except TaskStateError as error:
                found, expected = {"error": error_shown(error)}, {"error": self.texts(step.get("error"))}
            else:
                found = {"ok": shown(answer)}
                expected = {key: self.texts(step[key]) for key in ("ok", "error") if key in step}
            if not agrees(expected, found):
                self.differences.append(f"step {number} {step['call']}: {found}, where {expected} is expected")
        if "end" in self.case:
            raise Failure(self.texts(self.case["end"]["error"]))

    def texts(self, value: Any) -> Any:
        """The value, where texts stand for those that are made of others."""
        if isinstance(value, dict) and "$repeat" in value:
            before, piece, times, after = value["$repeat"]
            return before + piece * times + after
        if isinstance(value, dict) and "$updated-at" in value:
            return self.stamps[value["$updated-at"]]
        if isinstance(value, dict):
            return {name: self.texts(inner) for name, inner in value.items()}
        return [self.texts(inner) for inner in value] if isinstance(value, list) else value

    def make(self, call: str, args: dict[str, Any]) -> Any:
        interface, name = call.split(".")
        host = _host.host()
        answer = self.on_task(host, name, args) if interface == "current-task" else self.on_store(host, name, args)
        if isinstance(answer, Record):
            self.stamps[answer.task_id] = answer.updated_at
        return answer

    def on_task(self, host: Host, name: str, args: dict[str, Any]) -> Any:
        made = {
            "get": host.get,
            "set-status": lambda: host.set_status(status_of(args["status"]), args.get("log-entry")),
            "log": lambda: host.log(args["message"]),
            "flush": host.flush,
            "set-progress": lambda: host.set_progress(args["done"], args.get("total"), args.get("note")),
            "update-result": lambda: host.update_result(result_of(args["change"])),
            "set-active-jobs": lambda: host.set_active_jobs(args["jobs"]),
            "cancel-requested": host.cancel_requested,
        }
        return made[name]()

    def on_store(self, host: Host, name: str, args: dict[str, Any]) -> Any:
        store, task_id = host.repository, args.get("task-id", "")
        made = {
            "next-task-id": store.next_task_id,
            "peek-next-task-id": store.peek_next_task_id,
            "save": lambda: store.save(draft_of(args["task"]), precondition_of(args.get("only-if", "none"))),
            "get": lambda: store.get(task_id),
            "delete": lambda: store.delete(task_id),
            "set-status": lambda: store.set_status(task_id, status_of(args["status"]), args.get("log-entry")),
            "append-logs": lambda: store.append_logs(task_id, args["messages"]),
            "update-result": lambda: store.update_result(task_id, result_of(args["change"])),
            "set-active-jobs": lambda: store.set_active_jobs(task_id, args["jobs"]),
            "set-priority": lambda: store.set_priority(task_id, PriorityLevel(args["priority"])),
            "list-tasks": lambda: store.list_tasks(scope_of(args["scope"]), args["limit"], args.get("cursor")),
            "list-users": lambda: store.list_users(args["service"]),
        }
        return made[name]()


def records_of(case: dict[str, Any], player: Player, outcome: testing.Outcome) -> Iterator[tuple[Any, Any]]:
    for expected in player.texts(case.get("records", [])):
        task_id = expected["task-id"]
        record = outcome._store.records.get(task_id)
        progress = outcome._store.progress.get(task_id)
        found = {"absent": True} if record is None else shown(record)
        found["progress"] = vars(progress) if progress else None
        found["task-id"] = task_id
        yield expected, found


@pytest.mark.parametrize("case", list(cases()))
def test_the_double_passes_the_case(case: dict[str, Any]) -> None:
    player = Player(case)
    task, grants = case["task"], case.get("grants", {})
    outcome = testing.run(
        player,
        **snake(task),
        grants=testing.Grants(
            services=grants.get("services", [task["service"]]),
            users=grants.get("users"),
            operations=grants.get("operations", ("read", "write", "sequence")),
        ),
        tasks=[record_of(other) for other in case.get("tasks", [])],
        faults=[testing.Fault(f["call"], error_of(f["error"]), f["nth"]) for f in case.get("faults", [])],
        cancel_before_call=case.get("cancel", {}).get("before-call"),
    )
    assert player.differences == []
    assert ("end" in case) == (outcome.failure is not None), outcome.failure
    for expected, found in records_of(case, player, outcome):
        assert agrees(expected, found), f"{found}, where {expected} is expected"


def test_the_table_is_there() -> None:
    assert len(list(cases())) > 100, f"no table of cases in {TABLE}"
