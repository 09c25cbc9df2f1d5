"""The time zone of the times that the plugin makes itself. Entries and changes are stamped by the host, in its own."""

from __future__ import annotations

import io
import os
import re
import struct
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

__all__ = ["DEFAULT_TIMEZONE_NAME", "get_default_timezone", "now", "set_default_timezone"]

#: The zone that is used where nothing says another.
DEFAULT_TIMEZONE_NAME = "Asia/Seoul"

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


def _fixed(name: str) -> ZoneInfo:
    """A zone that is always at an offset such as ``+05:30``: a host may be in one of which only this is known."""
    sign, hours, minutes = _OFFSET.fullmatch(name).groups()  # type: ignore[union-attr]
    east = (int(hours) * 60 + int(minutes)) * (-60 if sign == "-" else 60)
    short = f"{sign}{hours}{minutes}"
    abbreviation = short.encode() + b"\0"

    def block(version: bytes) -> bytes:
        # RFC 8536: no transitions, one kind of local time.
        counts = struct.pack(">6l", 0, 0, 0, 0, 1, len(abbreviation))
        return b"TZif" + version + bytes(15) + counts + struct.pack(">lBB", east, 0, 0) + abbreviation

    posix = f"<{short}>{'-' if east >= 0 else '+'}{hours}:{minutes}"
    return ZoneInfo.from_file(io.BytesIO(block(b"2") + block(b"2") + b"\n" + posix.encode() + b"\n"), key=name)


def _zone(timezone_name: str) -> ZoneInfo:
    try:
        return _fixed(timezone_name) if _OFFSET.fullmatch(timezone_name) else ZoneInfo(timezone_name)
    except Exception as error:
        raise ValueError(f"{timezone_name!r} is not the name of a time zone") from error


def _initial() -> ZoneInfo:
    name = os.getenv("DMS_TIMEZONE") or DEFAULT_TIMEZONE_NAME
    try:
        return _zone(name)
    except ValueError:
        if name != DEFAULT_TIMEZONE_NAME:
            raise
        # A machine without a database of time zones still has the default: Korea has no summer time.
        return _fixed("+09:00")


_configured = _initial()


def _follow(stamp: datetime) -> None:
    """Take the zone of a time that the host has made, unless the environment names one."""
    global _configured
    offset = stamp.utcoffset()
    name = os.getenv("DMS_TIMEZONE")
    if name:
        _configured = _zone(name)
    elif offset is not None and stamp.astimezone(_configured).utcoffset() != offset:
        sign, east = ("-", -offset) if offset < timedelta(0) else ("+", offset)
        minutes = int(east.total_seconds()) // 60
        _configured = _fixed(f"{sign}{minutes // 60:02}:{minutes % 60:02}")


def set_default_timezone(timezone_name: str) -> None:
    """Use another zone, by its IANA name, for the times that are made from now on.

    Raises ``ValueError`` for a name that is no zone's.
    """
    global _configured
    _configured = _zone(timezone_name)


def get_default_timezone() -> ZoneInfo:
    """The zone in use: that of ``DMS_TIMEZONE``, else the host's as far as it is known, else ``Asia/Seoul``."""
    return _configured


def now(tz: tzinfo | None = None) -> datetime:
    """The present time, in the zone in use or in another."""
    return datetime.now(tz or _configured)
