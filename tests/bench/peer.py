"""The peer's way of keeping tasks, for comparison: what the Python package sends, in a small program of our own.

An update reads the record with GET, validates it with pydantic, changes it, dumps it to JSON, and writes it back in one
MULTI: the record with its TTL, the metadata, and each of the five indexes with its TTL. There is no guard between the
read and the write. Redis is spoken to through `redis.asyncio` with the pool of connections that comes with it.

Usage: peer.py --url redis://HOST:PORT/DB [--ttl SECONDS] [--peer CHECKOUT]

One JSON request a line on standard input, one JSON answer a line on standard output:

    {"do": "append", "tasks": [ID, …], "times": K}       K entries, one after the other, to each task in turn
        -> {"seconds": [wall time of each append]}
    {"do": "lifecycles", "tasks": [ID, …], "at_once": C}  register, running, 7 entries, completed
        -> {"seconds": wall time of all}
    {"do": "list"}                                       every task there is, validated
        -> {"seconds": wall time, "tasks": how many}
    {"do": "describe"} -> {"description": TEXT}

With --peer, the requests are carried out by the real package instead. Nothing of its interface is assumed here but that
`import task_state` works with CHECKOUT (or CHECKOUT/src) on the path; how to call it is said by a module of yours in
CHECKOUT, `task_state_bench.py`, with

    async def connect(url: str, ttl_seconds: int) -> object with the coroutine methods
        register(task_id, service, user_id)   save a new pending task
        set_status(task_id, status)           "running", "completed", without an entry
        append_log(task_id, message)          one entry
        count_all()                           list every task, return how many there are
"""

import argparse
import asyncio
import importlib
import importlib.metadata
import json
import pathlib
import sys
import time
from datetime import datetime
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

ENTRIES = 7
SERVICE, USER = "analytics", "alice"


def our_own_peer(url: str, ttl: int):
    """The repository of our own, made here so that --peer needs neither library of this interpreter."""
    import redis.asyncio
    from pydantic import BaseModel, Field

    class Status(str, Enum):
        pending = "pending"
        dispatching = "dispatching"
        running = "running"
        completed = "completed"
        failed = "failed"
        cancel_requested = "cancel_requested"
        cancelled = "cancelled"

    class Priority(str, Enum):
        high = "high"
        low = "low"

    class Result(BaseModel):
        pod_status: str | None = None
        launcher_output: str | None = None

    class Task(BaseModel):
        task_id: str
        service: str
        user_id: str
        status: Status
        parameters: dict[str, Any] = Field(default_factory=dict)
        active_jobs: list[str] = Field(default_factory=list)
        created_at: datetime
        updated_at: datetime
        logs: list[str] = Field(default_factory=list)
        result: Result = Field(default_factory=Result)
        priority: Priority = Priority.low

    zone = ZoneInfo("Asia/Seoul")

    class Repository:
        def __init__(self) -> None:
            # As many connections as are wanted at once: newer versions of the library have a bound below 256.
            self.redis = redis.asyncio.Redis.from_url(url, decode_responses=True, max_connections=1_024)

        async def register(self, task_id: str, service: str, user_id: str) -> None:
            now = datetime.now(zone)
            await self._write(
                Task(
                    task_id=task_id,
                    service=service,
                    user_id=user_id,
                    status=Status.pending,
                    created_at=now,
                    updated_at=now,
                )
            )

        async def set_status(self, task_id: str, status: str) -> None:
            task = await self._read(task_id)
            task.status = Status(status)
            await self._write(task)

        async def append_log(self, task_id: str, message: str) -> None:
            task = await self._read(task_id)
            task.logs.append(f"{datetime.now(zone).isoformat()},{message}")
            await self._write(task)

        async def count_all(self) -> int:
            ids = await self.redis.smembers("index:tasks")
            texts = await self.redis.mget([f"task:{task_id}" for task_id in ids]) if ids else []
            tasks = [Task.model_validate_json(text) for text in texts if text is not None]
            tasks.sort(key=lambda task: task.task_id)
            return len(tasks)

        async def _read(self, task_id: str) -> Task:
            return Task.model_validate_json(await self.redis.get(f"task:{task_id}"))

        async def _write(self, task: Task) -> None:
            task.updated_at = datetime.now(zone)
            document = task.model_dump(mode="json")
            document["created_at"] = task.created_at.isoformat()
            document["updated_at"] = task.updated_at.isoformat()
            text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
            service, user, key = task.service, task.user_id, f"task:{task.task_id}"
            indexes = [
                ("index:tasks", task.task_id),
                (f"index:service:{service}", task.task_id),
                (f"index:service:{service}:users", user),
                (f"index:service:{service}:user:{user}", task.task_id),
                (f"index:user:{user}", task.task_id),
            ]
            async with self.redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, text, ex=ttl)
                pipeline.hset(f"{key}:metadata", mapping={"service": service, "user_id": user})
                pipeline.expire(f"{key}:metadata", ttl + 60)
                for index, member in indexes:
                    pipeline.sadd(index, member)
                    pipeline.expire(index, ttl)
                await pipeline.execute()

    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("redis", "pydantic"))
    return Repository(), f"our own program, Python {sys.version.split()[0]}, {versions}"


async def the_real_peer(checkout: pathlib.Path, url: str, ttl: int):
    """The package of a checkout, called in the way that the checkout's own adapter says."""
    for directory in (checkout / "src", checkout):
        if directory.is_dir():
            sys.path.insert(0, str(directory))
    package = importlib.import_module("task_state")
    adapter = importlib.import_module("task_state_bench")
    return await adapter.connect(url, ttl), f"the package at {package.__file__}, Python {sys.version.split()[0]}"


async def append(repository, request: dict) -> dict:
    seconds = []
    for task_id in request["tasks"]:
        for number in range(request["times"]):
            start = time.perf_counter()
            await repository.append_log(task_id, f"processed chunk {number:06} of the payload")
            seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}


async def lifecycles(repository, request: dict) -> dict:
    waiting = iter(request["tasks"])

    async def worker() -> None:
        for task_id in waiting:
            await repository.register(task_id, SERVICE, USER)
            await repository.set_status(task_id, "running")
            for number in range(ENTRIES):
                await repository.append_log(task_id, f"processed chunk {number:06} of the payload")
            await repository.set_status(task_id, "completed")

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(request["at_once"])))
    return {"seconds": time.perf_counter() - start}


async def count(repository) -> dict:
    start = time.perf_counter()
    tasks = await repository.count_all()
    return {"seconds": time.perf_counter() - start, "tasks": tasks}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--ttl", type=int, default=7_776_000)
    parser.add_argument("--peer", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.peer:
        repository, description = await the_real_peer(arguments.peer, arguments.url, arguments.ttl)
    else:
        repository, description = our_own_peer(arguments.url, arguments.ttl)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = json.loads(line)
        match request["do"]:
            case "append":
                answer = await append(repository, request)
            case "lifecycles":
                answer = await lifecycles(repository, request)
            case "list":
                answer = await count(repository)
            case "describe":
                answer = {"description": description}
            case other:
                raise SystemExit(f"unknown request {other!r}")
        print(json.dumps(answer), flush=True)


asyncio.run(main())
