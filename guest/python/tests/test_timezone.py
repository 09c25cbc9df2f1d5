"""Times are in the host's zone, as far as it is known."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

import task_state
from task_state import timezone
from task_state.redis import RedisRepositorySettings


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("DMS_TIMEZONE", raising=False)
    before = timezone.get_default_timezone()
    yield
    timezone._configured = before


def test_the_zone_can_be_set_by_its_name() -> None:
    task_state.set_default_timezone("Europe/Zurich")
    assert str(task_state.get_default_timezone()) == "Europe/Zurich"
    assert task_state.now().utcoffset() in (timedelta(hours=1), timedelta(hours=2))
    with pytest.raises(ValueError, match="'Mars/Olympus' is not the name of a time zone"):
        task_state.set_default_timezone("Mars/Olympus")
    assert str(task_state.get_default_timezone()) == "Europe/Zurich"


def test_the_zone_follows_the_times_of_the_host() -> None:
    task_state.set_default_timezone("Asia/Seoul")
    timezone._follow(datetime.fromisoformat("2026-11-27T12:00:00+09:00"))
    assert str(task_state.get_default_timezone()) == "Asia/Seoul"
    for offset in ("+05:30", "-03:30", "+00:00", "-11:00"):
        timezone._follow(datetime.fromisoformat(f"2026-11-27T12:00:00{offset}"))
        assert task_state.format_log_entry("x").endswith(f"{offset},x")
        assert task_state.now().isoformat().endswith(offset)
        # A program that hands the zone on by its name stays in it.
        task_state.set_default_timezone(RedisRepositorySettings.from_env().timezone_name)
        assert task_state.now().isoformat().endswith(offset)


def test_a_zone_in_the_environment_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMS_TIMEZONE", "Europe/Zurich")
    timezone._follow(datetime.fromisoformat("2026-11-27T12:00:00+05:30"))
    assert str(task_state.get_default_timezone()) == "Europe/Zurich"
    assert RedisRepositorySettings.from_env().timezone_name == "Europe/Zurich"


def test_a_zone_in_the_environment_that_is_none_is_an_error_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMS_TIMEZONE", "Mars/Olympus")
    with pytest.raises(ValueError, match="'Mars/Olympus' is not the name of a time zone"):
        importlib.reload(timezone)
    monkeypatch.delenv("DMS_TIMEZONE")
    importlib.reload(timezone)
    assert str(timezone.get_default_timezone()) == "Asia/Seoul"
