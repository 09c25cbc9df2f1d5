"""A program whose models are pydantic's."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError, field_validator

import task_state
from task_state import TaskRecord, current_task
from task_state.timezone import now


class Report(BaseModel):
    at: datetime = Field(default_factory=now)
    rows: Annotated[int, Field(ge=0)]
    task: TaskRecord

    @field_validator("rows")
    @classmethod
    def even(cls, rows: int) -> int:
        if rows % 2:
            raise ValueError("odd")
        return rows


@task_state.plugin
def main(task: TaskRecord) -> None:
    report = Report(rows="4", task=task)
    again = Report.model_validate_json(report.model_dump_json())
    current_task.log(f"{again.rows} rows of {again.task.user_id}, the same: {again.at == report.at}")
    try:
        Report(rows=3, task=task)
    except ValidationError as error:
        current_task.log(error.errors()[0]["msg"])
