"""The peer's way of running a task that does nothing, to be measured.

The event processor is the frontend's own, from a checkout (`--peer`). The scheduler that it talks to by HTTP is a few lines
here: it does by the peer's package what a scheduler does, and nothing else. Each line of standard input is a request of
tasks that are registered; the answer is the time from the first event to the last end.
"""

import argparse
import asyncio
import json
import sys
import time

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--peer", required=True)
    arguments = parser.parse_args()
    sys.path.insert(0, arguments.peer)

    from app.core.config import settings_from_overrides
    from app.core.events import TaskSubmission
    from app.services.event_processor import TaskEventProcessor
    from app.services.scheduler import SchedulerClient
    from task_state import TaskStatus
    from task_state.redis import RedisRepositoryProvider, RedisRepositorySettings

    provider = RedisRepositoryProvider(
        RedisRepositorySettings(
            write_url=arguments.url,
            read_url=arguments.url,
            ttl_seconds=7776000,
            keyevent_validation_required=False,
        )
    )
    repository = await provider.get_repository()
    ended: set[str] = set()
    running: set[asyncio.Task[None]] = set()

    async def work(task_id: str) -> None:
        await repository.set_status(task_id, TaskStatus.RUNNING, log_entry="Task started")
        await repository.set_status(task_id, TaskStatus.COMPLETED, log_entry="Task completed")
        ended.add(task_id)

    async def submit(request):
        task = asyncio.create_task(work((await request.json())["task_id"]))
        running.add(task)
        task.add_done_callback(running.discard)
        return JSONResponse({"status": "dispatching"}, status_code=202)

    application = Starlette(routes=[Route("/tasks/task", submit, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=0, log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    settings = settings_from_overrides(scheduler_base_url=f"http://127.0.0.1:{port}")
    client = SchedulerClient(settings)
    processor = TaskEventProcessor(repository, client, worker_count=settings.event_worker_count)
    await processor.start()
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        start = time.perf_counter()
        for number, task_id in enumerate(request["tasks"]):
            payload = {
                "task_id": task_id,
                "service": request["service"],
                "user_id": f"user-{number % 10}",
                "parameters": request["parameters"],
            }
            await processor.publish(TaskSubmission(payload=payload))
        while len(ended) < len(request["tasks"]):
            await asyncio.sleep(0.005)
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
        ended.clear()
    await processor.stop()
    server.should_exit = True
    await serving


asyncio.run(main())
