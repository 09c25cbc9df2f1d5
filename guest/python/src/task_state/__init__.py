"""Python SDK for plugins that report the life of their tasks through ``dms:task-state``.

A plugin is a WebAssembly component that a task-state host runs once for each task. It holds no connection and no secret:
all that it does to the task store goes through the host, which checks its grants. ``python -m task_state.build`` makes one
of a script::

    import task_state
    from task_state import current_task

    @task_state.plugin
    def main(task: task_state.TaskRecord) -> None:
        current_task.log(f"hello, {task.user_id}")

A program for the Python package that keeps tasks in Redis has its names here, in the modules where they stand there, and is
a plugin as it is. Outside a component all of it works on a store in memory with the host's rules: see
``task_state.testing``.
"""

from . import current_task, errors, repository
from ._plugin import plugin
from ._progress import progress
from .errors import Failure, TaskStateError
from .models import PriorityLevel, TaskRecord, TaskResult, TaskStatus
from .redis import RedisRepositoryProvider, RedisRepositorySettings, TaskExpirationSubscriber
from .repository import RedisTaskRepository, TaskRepository, format_log_entry
from .timezone import get_default_timezone, now, set_default_timezone

__all__ = [
    "Failure",
    "PriorityLevel",
    "RedisRepositoryProvider",
    "RedisRepositorySettings",
    "RedisTaskRepository",
    "TaskExpirationSubscriber",
    "TaskRecord",
    "TaskRepository",
    "TaskResult",
    "TaskStateError",
    "TaskStatus",
    "current_task",
    "errors",
    "format_log_entry",
    "get_default_timezone",
    "now",
    "plugin",
    "progress",
    "repository",
    "set_default_timezone",
]
