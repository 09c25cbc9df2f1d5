"""The DMS scheduler of a checkout, with handlers that do nothing in the place of its own: it accepts, and runs no jobs.

Usage: scheduler.py CHECKOUT PORT, with the scheduler's own variables for its datastore in the environment.
"""

import sys
from unittest.mock import MagicMock

# What the handlers that are replaced would need.
for name in ["kubernetes", "kubernetes.client", "kubernetes.config", "kubernetes.stream", "yaml", "jinja2"]:
    sys.modules[name] = MagicMock()
sys.path.insert(0, sys.argv[1])

import uvicorn  # noqa: E402
from app.models.schemas import TaskResult  # noqa: E402
from app.services import task_executor  # noqa: E402
from app.services.handlers.base import BaseTaskHandler  # noqa: E402


class Nothing(BaseTaskHandler):
    def __init__(self, *_):
        pass

    async def validate(self, request):
        pass

    async def execute(self, request):
        return TaskResult()


for handler in ["SyncTaskHandler", "RmTaskHandler", "HotcoldTaskHandler"]:
    setattr(task_executor, handler, Nothing)
task_executor.VolcanoJobRunner = MagicMock

from app.main import app  # noqa: E402

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
