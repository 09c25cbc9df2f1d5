"""What a program may use: each line of its output is a name and what came of it."""

import asyncio
import contextvars
import importlib
import importlib.metadata
import importlib.resources
import io
import json
import logging
import os
import pkgutil
import random
import sqlite3
import sys
import threading
import uuid
import warnings
from datetime import datetime, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

import helper
import pack
import tzdata

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")

VAR: contextvars.ContextVar[int] = contextvars.ContextVar("VAR", default=0)


def tell(name, value):
    print(f"{name}: {value}")


def refused(action):
    try:
        return action()
    except Exception as error:
        return type(error).__name__


async def queue():
    items, taken = asyncio.Queue(maxsize=2), []

    async def worker(number):
        while True:
            taken.append((await items.get()) * 10)
            items.task_done()

    workers = [asyncio.create_task(worker(number)) for number in range(3)]
    for number in range(6):
        await items.put(number)
    await items.join()
    for each in workers:
        each.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return sorted(taken)


async def group():
    async def one(number):
        VAR.set(number)
        await asyncio.sleep(0.01)
        return VAR.get()

    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(one(number)) for number in range(3)]
    return [each.result() for each in made], VAR.get()


async def failing_group():
    async def fails():
        raise ValueError("x")

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.sleep(60))
            tasks.create_task(fails())
    except* ValueError as errors:
        found = len(errors.exceptions)
    return found


async def timeout():
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
    except TimeoutError:
        return "timed out"


async def later():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.01, future.set_result, "late")
    return await future


async def main():
    tell("gather", await asyncio.gather(asyncio.sleep(0.01, 1), asyncio.sleep(0, 2)))
    tell("queue", await queue())
    tell("group", await group())
    tell("failing group", await failing_group())
    tell("timeout", await timeout())
    tell("wait_for", await asyncio.wait_for(asyncio.sleep(0, "in time"), 60))
    tell("to_thread", await asyncio.to_thread(sum, [1, 2]))
    tell("call_later", await later())


tell("main", (__name__, __file__, sys.argv))
tell("input", sys.stdin.readline() + sys.stdin.read())
tell("helper", helper.lazily())
tell("resource", importlib.resources.files(pack).joinpath("data", "words.txt").read_text())
tell("get_data", pkgutil.get_data("pack", "data/words.txt"))
tell("resources", sorted(each.name for each in (importlib.resources.files("pack") / "data").iterdir()))
tell("metadata", importlib.metadata.version("tzdata") == tzdata.__version__)
tell("by name", importlib.import_module("html" + ".parser").__name__)
tell("missing", refused(lambda: importlib.import_module("not" + "_there")))
tell("zone", datetime(2026, 7, 1, tzinfo=ZoneInfo("America/New_York")).isoformat())
tell("zones", len(available_timezones()) > 500)
tell("no zone", refused(lambda: ZoneInfo("No/Where")))
tell("clock", abs(datetime.now(timezone.utc).year - 2000) < 100)
tell("encodings", ("é".encode("cp1252"), "bücher".encode("idna")))
tell("sqlite", sqlite3.connect(":memory:").execute("select 1 + 1").fetchone())
tell("decimal", Decimal(1) / 8)
tell("json", json.loads("[" * 200 + "]" * 200)[0][0] is not None)
tell("recursion", refused(lambda: (lambda f: f(f))(lambda f: f(f))))
tell("environment", dict(os.environ))
tell("file", refused(lambda: open("/etc/passwd")))
tell("thread", refused(threading.Thread(target=print).start))
tell("pickle of a class", refused(lambda: __import__("pickle").loads(__import__("pickle").dumps(helper.Kept(1))).value))
tell("text file", io.StringIO("a\nb").readlines())
print("RANDOM", random.random(), uuid.uuid4(), file=sys.stderr)
warnings.warn("careful")
logging.getLogger("x").info("logged")
asyncio.run(main())
