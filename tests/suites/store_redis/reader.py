"""What the readers of the Python package make of records.

One record's text a line on standard input, each as a JSON string; one answer a line on standard output: the error, or
what was read. Where TASK_STATE_PEER names a checkout of the package its own model reads, else one of the same fields.
"""

import enum
import json
import os
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

from pydantic import BaseModel, Field


class Status(str, enum.Enum):
    PENDING = "pending"
    DISPATCHING = "dispatching"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"


class Priority(str, enum.Enum):
    HIGH = "high"
    LOW = "low"


class Result(BaseModel):
    pod_status: str | None = None
    launcher_output: str | None = None


def now() -> datetime:
    return datetime.now(timezone.utc)


class Record(BaseModel):
    task_id: str
    service: str
    user_id: str
    status: Status
    parameters: dict[str, Any] = Field(default_factory=dict)
    active_jobs: list[str] = Field(default_factory=list)
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
    logs: list[str] = Field(default_factory=list)
    result: Result = Field(default_factory=Result)
    priority: Priority = Priority.LOW


def read(model: type[BaseModel], text: str) -> dict:
    record = model.model_validate_json(text)
    # What it writes it must be able to read again.
    model.model_validate_json(record.model_dump_json())
    created = record.created_at
    if created.tzinfo is None:
        created = created.replace(tzinfo=timezone.utc)
    try:
        portable = bool(created.astimezone(timezone.utc))
    except OverflowError:
        portable = False
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return {
        "status": record.status.value,
        "created_at": (created - epoch) // timedelta(microseconds=1),
        "portable": portable,
        "logs": record.logs,
    }


def main() -> None:
    model = Record
    if checkout := os.environ.get("TASK_STATE_PEER"):
        sys.path.insert(0, checkout)
        from task_state.models import TaskRecord as model
    for line in sys.stdin:
        try:
            answer = read(model, json.loads(line))
        except ValueError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer))


main()
