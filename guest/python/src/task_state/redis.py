"""How a program gets its repository, under the names of the package for Redis. A plugin needs no Redis: the host has it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from .repository import RedisTaskRepository
from .timezone import _zone, get_default_timezone, set_default_timezone

__all__ = [
    "RedisRepositoryProvider",
    "RedisRepositorySettings",
    "TaskExpirationSubscriber",
    "TaskExpirationSubscriberStats",
]

#: What stands for a URL that a plugin does not know.
_HOST_URL = "task-state:host"


@dataclass
class RedisRepositorySettings:
    """Settings of a repository. A plugin's are the host's, but for the time zone of its own times."""

    write_url: str
    read_url: str
    ttl_seconds: int
    decode_responses: bool = True
    timezone_name: str = ""
    keyevent_validation_required: bool = True
    reconcile_interval_seconds: float = 300.0

    def __post_init__(self) -> None:
        """Take the zone in use for one that is not named."""
        self.timezone_name = self.timezone_name or str(get_default_timezone())

    @classmethod
    def from_env(
        cls,
        *,
        ttl_seconds: int | None = None,
        write_env: str = "DMS_REDIS_WRITE_URL",
        read_env: str = "DMS_REDIS_READ_URL",
        timezone_env: str = "DMS_TIMEZONE",
    ) -> RedisRepositorySettings:
        """Settings from the environment. No variable is needed, and what one says of Redis is not used.

        Raises ``ValueError`` for a time to live or a time zone that is none.
        """
        write_url = os.getenv(write_env) or _HOST_URL
        if ttl_seconds is None:
            ttl_seconds = int(os.getenv("DMS_REDIS_TASK_TTL_SECONDS") or 90 * 24 * 60 * 60)
        timezone_name = os.getenv(timezone_env) or str(get_default_timezone())
        _zone(timezone_name)
        return cls(
            write_url=write_url,
            read_url=os.getenv(read_env) or write_url,
            ttl_seconds=int(ttl_seconds),
            timezone_name=timezone_name,
        )


class RedisRepositoryProvider:
    """Gives the repository, and has nothing to open or close."""

    def __init__(self, settings: RedisRepositorySettings) -> None:
        """A provider of a repository with these settings."""
        self._settings = settings
        self._repository: RedisTaskRepository | None = None

    @property
    def reader(self) -> Any:
        """None: there is no client."""
        return None

    @property
    def writer(self) -> Any:
        """None: there is no client."""
        return None

    async def get_repository(self) -> RedisTaskRepository:
        """The repository: the same until ``close``."""
        if self._repository is None:
            set_default_timezone(self._settings.timezone_name)
            self._repository = RedisTaskRepository(ttl_seconds=self._settings.ttl_seconds)
        return self._repository

    async def start_key_expiration_listener(self) -> None:
        """Nothing to do: the host removes what expired tasks leave behind."""

    async def stop_key_expiration_listener(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Forget the repository."""
        self._repository = None

    def get_runtime_status(self) -> dict[str, Any]:
        """The state of a listener and a reconciler that do not run, since the host does their work."""
        return {
            "keyevent_notifications_ok": True,
            "keyevent_notifications_value": None,
            "expiration_listener_running": False,
            "expiration_listener_stats": TaskExpirationSubscriberStats().to_dict(),
            "reconciler_running": False,
            "reconciler_interval_seconds": self._settings.reconcile_interval_seconds,
            "reconciler_total_runs": 0,
            "reconciler_total_cleaned_members": 0,
            "reconciler_last_run_at": None,
            "reconciler_last_error": None,
        }


@dataclass
class TaskExpirationSubscriberStats:
    """What a subscriber has done: nothing, since the host does it."""

    total_messages: int = 0
    task_messages: int = 0
    cleanup_successes: int = 0
    metadata_missing: int = 0
    cleanup_failures: int = 0
    last_error: str | None = None
    last_message_at: str | None = None
    reconnect_count: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The same as a dictionary."""
        return asdict(self)


class TaskExpirationSubscriber:
    """Has nothing to do: the host removes what expired tasks leave behind."""

    def __init__(self, *, reader: Any = None, repository: RedisTaskRepository | None = None) -> None:
        """A subscriber. What is given is not used."""
        self._given = (reader, repository)

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    def snapshot(self) -> dict[str, Any]:
        """What it has done, which is nothing."""
        return TaskExpirationSubscriberStats().to_dict()
