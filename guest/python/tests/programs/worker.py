"""A program for the package for Redis: it registers a task of its own, works, and awaits at its top level."""

import asyncio
import logging

from task_state import TaskRecord, TaskStatus, format_log_entry
from task_state.models import PriorityLevel
from task_state.redis import RedisRepositoryProvider, RedisRepositorySettings
from task_state.timezone import now

logging.basicConfig(level=logging.INFO)
logger = logging.getLogger(__name__)

provider = RedisRepositoryProvider(RedisRepositorySettings.from_env())
repository = await provider.get_repository()  # noqa: F704
task = TaskRecord(
    task_id="external-9", service="analytics", user_id="alice", status=TaskStatus.PENDING, priority=PriorityLevel.high
)
task.logs.append(format_log_entry("picked up"))
task.updated_at = now()
await repository.save(task)  # noqa: F704
await repository.set_status("external-9", TaskStatus.RUNNING, log_entry="started")  # noqa: F704
await asyncio.sleep(0.01)  # noqa: F704
for number in range(3):
    await repository.append_log("external-9", f"step {number}")  # noqa: F704
record = await repository.update_result("external-9", pod_status="phase=Running", launcher_output="out")  # noqa: F704
logger.info("%s entries", len(record.logs))
await repository.set_status("external-9", TaskStatus.COMPLETED, log_entry="finished")  # noqa: F704
await provider.close()  # noqa: F704
