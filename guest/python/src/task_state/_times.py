"""How times are read: the spellings that every reader of the datastore takes, on any version of Python."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[Tt _](?P<clock>\d\d:\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"(?P<offset>[Zz]|[+\-\u2212]\d\d:?\d\d)?)?",
    re.ASCII,
)

#: A greater number since the Unix epoch is one of milliseconds.
_MAX_UNIX_SECONDS = 2e10


def parse_time(text: str) -> datetime | None:
    """An ISO 8601 date and time, naive if it names no offset; None if the text is not one."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    micros = (found["fraction"] or "")[:6].ljust(6, "0")
    try:
        local = datetime.fromisoformat(f"{found['date']}T{found['clock'] or '00:00'}:{found['second'] or '00'}.{micros}")
        return local if found["offset"] is None else local.replace(tzinfo=_offset(found["offset"]))
    except ValueError:
        return None


def _offset(text: str) -> timezone:
    if text in "Zz":
        return timezone.utc
    hours, minutes = int(text[1:3]), int(text[-2:])
    if minutes > 59:
        raise ValueError(text)
    east = timedelta(hours=hours, minutes=minutes)
    return timezone(east if text[0] == "+" else -east)


def from_unix(number: float) -> datetime:
    """Seconds since the Unix epoch, or milliseconds if there are more than 20,000,000,000, as a time in UTC."""
    try:
        seconds = number / 1000 if abs(number) > _MAX_UNIX_SECONDS else number
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{number} is not a time between the years 1 and 9999") from None
