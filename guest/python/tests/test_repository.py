"""The repository has the methods of the package for Redis, with what their users rely on."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
from collections.abc import Coroutine, Iterator
from datetime import datetime
from typing import Any, TypeVar

import pytest

import task_state
from task_state import (
    RedisTaskRepository,
    TaskRecord,
    TaskRepository,
    TaskStatus,
    _later,
    current_task,
    errors,
    repository,
    testing,
)
from task_state.redis import RedisRepositoryProvider, RedisRepositorySettings, TaskExpirationSubscriber

_T = TypeVar("_T")

ALL = testing.Grants(services=None, operations=("read", "write", "sequence", "delete", "list"))


@pytest.fixture(autouse=True)
def _store() -> Iterator[None]:
    with testing.in_memory(grants=ALL):
        yield


def wait(coroutine: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(coroutine)


def task(task_id: str = "x", **fields: Any) -> TaskRecord:
    return TaskRecord(**{"task_id": task_id, "service": "analytics", "user_id": "alice", "status": "pending", **fields})


REPOSITORY = RedisTaskRepository(ttl_seconds=60)


def test_a_task_goes_through_its_life() -> None:
    async def life() -> TaskRecord | None:
        provider = RedisRepositoryProvider(RedisRepositorySettings.from_env())
        store = await provider.get_repository()
        assert store is await provider.get_repository()
        await store.save(task("external-1", parameters={"source": "s3"}))
        await store.set_status("external-1", TaskStatus.RUNNING, log_entry="worker started")
        await store.append_log("external-1", "processed input payload")
        await store.update_result("external-1", pod_status="phase=Running", launcher_output="streamed")
        done = await store.set_status("external-1", TaskStatus.COMPLETED, log_entry="worker finished")
        await provider.close()
        return done

    done = wait(life())
    assert done is not None
    assert done.messages == ["worker started", "processed input payload", "worker finished"]
    assert (done.status, done.parameters) == (TaskStatus.COMPLETED, {"source": "s3"})
    assert dict(done.result) == {"pod_status": "phase=Running", "launcher_output": "streamed"}
    assert done == wait(REPOSITORY.get("external-1"))


def test_a_task_that_is_not_there_is_none() -> None:
    async def ask() -> list[Any]:
        return [
            await REPOSITORY.get("none"),
            await REPOSITORY.set_status("none", TaskStatus.RUNNING, log_entry="x"),
            await REPOSITORY.append_log("none", "x"),
            await REPOSITORY.update_result("none", pod_status="x"),
            await REPOSITORY.update_result("none"),
            await REPOSITORY.delete("none"),
        ]

    assert wait(ask()) == [None] * 6
    assert repository.get("none") is None
    assert repository.delete("none") is False
    with pytest.raises(errors.NotFound):
        repository.append_logs("none", ["x"])


def test_an_empty_entry_of_a_status_is_none_and_of_a_log_is_one() -> None:
    wait(REPOSITORY.save(task()))
    wait(REPOSITORY.set_status("x", TaskStatus.RUNNING, log_entry=""))
    wait(REPOSITORY.append_log("x", ""))
    found = wait(REPOSITORY.get("x"))
    assert found is not None and found.messages == [""]


def test_a_result_without_fields_changes_nothing() -> None:
    wait(REPOSITORY.save(task()))
    before = wait(REPOSITORY.get("x"))
    assert wait(REPOSITORY.update_result("x")) == before == wait(REPOSITORY.get("x"))


def test_a_record_that_is_returned_is_that_of_its_change() -> None:
    async def change() -> list[TaskRecord | None]:
        await REPOSITORY.save(task())
        first = await REPOSITORY.append_log("x", "1")
        second = await REPOSITORY.set_status("x", TaskStatus.RUNNING)
        third = await REPOSITORY.update_result("x", pod_status="p")
        await REPOSITORY.append_log("x", "2")
        await REPOSITORY.delete("x")
        return [first, second, third]

    first, second, third = wait(change())
    assert first is not None and second is not None and third is not None
    assert (first.status, first.messages) == (TaskStatus.PENDING, ["1"])
    assert (second.status, second.result.pod_status) == (TaskStatus.RUNNING, None)
    assert (third.result.pod_status, third.messages) == ("p", ["1"])
    assert type(third) is TaskRecord and copy.deepcopy(third) == third


def test_a_record_that_nobody_looks_at_is_not_fetched() -> None:
    async def append() -> None:
        await REPOSITORY.save(task())
        for number in range(3):
            assert await REPOSITORY.append_log("x", str(number)) is not None

    with testing.in_memory(grants=ALL) as host:
        wait(append())
        assert "repository.get" not in host.calls
        looked_at = wait(REPOSITORY.append_log("x", "3"))
        assert looked_at is not None
        looked_at.logs.append("mine")
        assert looked_at.messages == ["0", "1", "2", "3", "mine"]
        looked_at.status = TaskStatus.FAILED
        assert host.calls.count("repository.get") == 1


def test_an_assignment_to_a_record_that_was_not_looked_at_stands() -> None:
    wait(REPOSITORY.save(task()))
    record = wait(REPOSITORY.append_log("x", "1"))
    assert record is not None
    record.status = TaskStatus.FAILED
    assert (record.status, record.messages) == (TaskStatus.FAILED, ["1"])


def test_a_change_needs_no_grant_to_read() -> None:
    with testing.in_memory(grants=testing.Grants(services=None, operations=["write"])):
        wait(REPOSITORY.save(task()))
        record = wait(REPOSITORY.append_log("x", "1"))
        assert wait(REPOSITORY.append_log("x", "2")) is not None
        assert record is not None
        with pytest.raises(errors.Denied, match='operation "read" is not granted'):
            _ = record.logs


def test_ids_come_in_the_order_asked_for_and_other_listings_in_that_of_the_ids() -> None:
    for task_id in ("b", "10", "9"):
        repository.save(task(task_id))
    repository.save(task("s", service="sync", user_id="bob"))

    def ids(listing: Coroutine[Any, Any, list[TaskRecord]]) -> list[str]:
        return [each.task_id for each in wait(listing)]

    assert ids(REPOSITORY.list_by_ids(iter(["b", "none", "9", "b"]))) == ["b", "9", "b"]
    assert ids(REPOSITORY.list_by_ids([])) == []
    assert ids(REPOSITORY.list_by_service("analytics")) == ["9", "10", "b"]
    assert ids(REPOSITORY.list_all()) == ["1", "9", "10", "b", "s"]
    assert ids(REPOSITORY.list_by_user("bob")) == ["s"]
    assert ids(REPOSITORY.list_by_service_and_user("analytics", "bob")) == []
    assert wait(REPOSITORY.list_users_by_service("sync")) == ["bob"]


def test_a_listing_walks_over_all_pages() -> None:
    for number in range(1, 1_005):
        repository.save(task(f"t{number:05}"))
    assert len(wait(REPOSITORY.list_by_service("analytics"))) == 1_004
    page = repository.list_tasks(repository.Scope("service", service="analytics"), limit=2)
    assert ([each.task_id for each in page.tasks], page.next) == (["t00001", "t00002"], "t00002")


def test_ids_are_numbers_in_a_row() -> None:
    assert wait(REPOSITORY.peek_next_task_id()) == "1"
    assert [wait(REPOSITORY.next_task_id()) for _ in range(2)] == ["1", "2"]
    assert repository.save(task("ignored"), new_id=True) == "3"


def test_a_save_may_depend_on_what_is_there() -> None:
    assert repository.save(task(), only_if=repository.ABSENT) == "x"
    with pytest.raises(errors.Conflict) as refused:
        repository.save(task(), only_if=repository.ABSENT)
    assert refused.value.case == "conflict"
    seen = repository.get("x")
    assert seen is not None
    repository.save(seen, only_if=repository.unchanged_since(seen))
    with pytest.raises(errors.Conflict):
        repository.save(seen, only_if=repository.unchanged_since(seen.updated_at))


def test_a_naive_time_is_in_the_zone_in_use() -> None:
    repository.save(task(created_at=datetime(2025, 1, 1)))
    found = repository.get("x")
    assert found is not None
    assert found.created_at.replace(tzinfo=None) == datetime(2025, 1, 1)
    assert found.created_at.utcoffset() == task_state.now().utcoffset()


def test_parameters_that_are_no_json_are_refused() -> None:
    for parameters in ({"a": object()}, {"a": float("nan")}, {"a": {1, 2}}):
        with pytest.raises(errors.InvalidArgument, match="invalid parameters"):
            repository.save(task(parameters=parameters))


def test_an_error_carries_the_case_of_the_interface() -> None:
    repository.save(task(status="completed"))
    with pytest.raises(errors.InvalidTransition) as refused:
        repository.set_status("x", "running")
    assert (refused.value.case, refused.value.status) == ("invalid-transition", TaskStatus.COMPLETED)
    assert str(copy.copy(refused.value)) == "the task is completed and may not move to that status"
    with testing.in_memory(), pytest.raises(task_state.TaskStateError) as denied:
        repository.save(task())
    assert (denied.value.case, str(denied.value)) == ("denied", 'service "analytics" is not granted')


def test_what_takes_connections_takes_none() -> None:
    assert RedisTaskRepository(reader=None, writer=None, ttl_seconds=1)
    with pytest.raises(ValueError, match="positive"):
        RedisTaskRepository(ttl_seconds=0)
    provider = RedisRepositoryProvider(RedisRepositorySettings("a", "b", 60))
    assert (provider.reader, provider.writer) == (None, None)

    async def listen() -> None:
        await provider.start_key_expiration_listener()
        await provider.stop_key_expiration_listener()
        subscriber = TaskExpirationSubscriber(reader=None, repository=await provider.get_repository())
        await subscriber.start()
        await subscriber.stop()
        assert subscriber.snapshot()["total_messages"] == 0
        assert await REPOSITORY.handle_task_expired("1") is False

    wait(listen())
    assert provider.get_runtime_status()["expiration_listener_running"] is False


def test_settings_need_no_variable_and_read_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DMS_REDIS_WRITE_URL", "DMS_REDIS_READ_URL", "DMS_REDIS_TASK_TTL_SECONDS", "DMS_TIMEZONE"):
        monkeypatch.delenv(name, raising=False)
    settings = RedisRepositorySettings.from_env()
    assert (settings.ttl_seconds, settings.read_url) == (7_776_000, settings.write_url)
    monkeypatch.setenv("DMS_REDIS_WRITE_URL", "redis://w")
    monkeypatch.setenv("DMS_REDIS_TASK_TTL_SECONDS", "60")
    settings = RedisRepositorySettings.from_env()
    assert (settings.write_url, settings.read_url, settings.ttl_seconds) == ("redis://w", "redis://w", 60)
    assert RedisRepositorySettings.from_env(ttl_seconds=5).ttl_seconds == 5


def test_every_method_of_the_interface_is_there() -> None:
    for name in TaskRepository.__abstractmethods__:
        assert inspect.iscoroutinefunction(getattr(RedisTaskRepository, name)), name
        assert getattr(RedisTaskRepository, name).__doc__, name


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: repository.append_logs("x", [1]), TypeError, "log entries is text, not int"),
        (lambda: repository.append_logs("x", "one"), TypeError, "log entries are a list of texts, not one of str"),
        (lambda: repository.append_logs(7, ["a"]), TypeError, "task id is text, not int"),
        (lambda: repository.set_status("x", "running", 5), TypeError, "log entry is text, not int"),
        (lambda: repository.set_status("x", "done"), ValueError, "'done' is not a valid TaskStatus"),
        (lambda: repository.update_result("x", pod_status=b"p"), TypeError, "pod status is text, not bytes"),
        (lambda: repository.set_active_jobs("x", ["\ud800"]), errors.InvalidArgument, "character 1 is a lone surrogate"),
        (lambda: repository.set_priority("x", "urgent"), ValueError, "'urgent' is not a valid PriorityLevel"),
        (lambda: repository.set_priority(7, "high"), TypeError, "task id is text, not int"),
        (lambda: current_task.log("a\udcff"), errors.InvalidArgument, "invalid log entry 'a.udcff': character 2 is a lone"),
        (lambda: current_task.set_progress(1.5), TypeError, "done is a whole number, not float"),
        (lambda: current_task.set_active_jobs("abc"), TypeError, "jobs are a list of texts, not one of str"),
        (lambda: repository.list_tasks(repository.Scope("all"), limit=-1), ValueError, "limit is -1"),
        (lambda: repository.list_tasks(repository.Scope("all"), limit=2**40), ValueError, "limit is 1099511627776"),
        (lambda: repository.list_users(None), TypeError, "service is text, not NoneType"),
        (lambda: repository.save(task(parameters={"a": "\ud800"})), errors.InvalidArgument, "invalid parameters"),
    ],
)
def test_what_would_end_a_component_is_refused_before(call: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        call()
    record = task()
    record.logs.append(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="log entries is text, not int"):
        repository.save(record)


def test_of_changes_that_nobody_looks_at_nothing_is_kept() -> None:
    for number in range(50):
        wait(REPOSITORY.save(task(f"many-{number}")))
        wait(REPOSITORY.append_log(f"many-{number}", "entry"))
    gc.collect()
    assert len(_later._pending) == 0
