"""What the host refuses of what it is handed, in its words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

from .._host import Draft
from .._times import parse_time
from ..errors import InvalidArgument, QuotaExceeded
from ..models import TaskResult

MAX_NAME_BYTES = 128
MAX_DEPTH = 128
MAX_INTEGER_DIGITS = 4_000
MAX_NOTE_BYTES = 1 << 10

ENTRY_BYTES = 256 << 10
ENTRIES_BYTES = 64 << 20
RESULT_BYTES = 1 << 20
RECORD_BYTES = 1 << 20
CALL_ENTRIES = 10_000

#: What an entry takes besides its message, and what a text in a list does.
_STAMP_BYTES = 36
_QUOTES_BYTES = 3

_SEQUENCE = "id:sequence"
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
_SPACES = " \t\n\r"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+\-]*|[ \t\n\r]+|[\[\]{},:]|true|false|null', re.ASCII)


def _shown(text: str) -> str:
    return "".join(_SHORT.get(c) or (c if c.isprintable() else f"\\u{{{ord(c):x}}}") for c in text)


def quoted(text: str) -> str:
    """The text in quotes, on one line."""
    return f'"{_shown(text)}"'


def invalid(what: str, value: str, why: str) -> InvalidArgument:
    """The error about a value that the store cannot hold."""
    shown = quoted(value) if len(value) <= 80 else f"{quoted(value[:80])}… ({len(value.encode())} bytes)"
    return InvalidArgument(f"invalid {what} {shown}: {why}")


def new_name(what: str, text: str) -> None:
    """Refuse a name that a save does not take."""
    length = len(text.encode())
    bad = next((c for c in text if c in ":{}" or c.isspace() or ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0), None)
    if not text:
        raise invalid(what, text, "it is empty")
    if length > MAX_NAME_BYTES:
        raise invalid(what, text, f"it has {length} bytes, and at most {MAX_NAME_BYTES} are allowed")
    if bad is not None:
        spelled = "'\"'" if bad == '"' else f"'{_shown(bad)}'"
        why = f"it contains {spelled}; ':', '{{', '}}', white space and control characters are not allowed"
        raise invalid(what, text, why)


def stored_id(text: str) -> None:
    """Refuse an id that no record may have."""
    if not text:
        raise invalid("task id", text, "it is empty")
    if text == _SEQUENCE:
        raise invalid("task id", text, "the store keeps its sequence of ids under it")


def time_with_offset(text: str) -> datetime:
    """A time that a caller gives."""
    time = parse_time(text)
    if time is None:
        raise invalid("timestamp", text, "it is not an ISO 8601 date and time with an offset of hours and minutes")
    if time.tzinfo is None:
        raise invalid("timestamp", text, "it has no offset")
    return time


def portable(text: str, time: datetime) -> datetime:
    """The time, unless its year is one that not every reader can hold."""
    try:
        time.astimezone(timezone.utc)
    except OverflowError:
        raise invalid("created_at", text, "its year in UTC is not between 1 and 9999") from None
    return time


def json_object(text: str) -> str:
    """A JSON object that every reader can parse, without the white space between its tokens."""
    try:
        # Nothing is read of a number: what it is spelled like is kept.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except RecursionError:
        raise invalid("parameters", text, f"it is nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise invalid("parameters", text, f"it is not JSON: {error}") from None
    if not text.lstrip(_SPACES).startswith("{"):
        raise invalid("parameters", text, "it is not a JSON object")
    return "".join(_compact(text))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no value")


def _compact(text: str) -> Iterable[str]:
    depth = 0
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token[0] == '"':
            string = json.loads(token)
            if any(0xD800 <= ord(c) < 0xE000 for c in string):
                raise invalid("parameters", text, "one of its strings cannot be read: it has a lone surrogate")
            token = json.dumps(string, ensure_ascii=False)
        elif token[0] == "-" or token[0].isdigit():
            _check_number(text, token)
        elif token in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise invalid("parameters", text, f"it is nested more than {MAX_DEPTH} deep")
        elif token in "}]":
            depth -= 1
        if token[0] not in _SPACES:
            yield token


def _check_number(text: str, number: str) -> None:
    unsigned = number.lstrip("-")
    digits = len(unsigned) - len(unsigned.lstrip("0123456789"))
    if digits > MAX_INTEGER_DIGITS:
        why = f"it holds a number with {digits} digits before its point, and at most {MAX_INTEGER_DIGITS} are allowed"
        raise invalid("parameters", text, why)
    if digits < len(unsigned) and float(number) in (float("inf"), float("-inf")):
        raise invalid("parameters", text, f"it holds the number {number}, which is beyond the range of a double")


def progress(done: int, total: int | None, note: str | None) -> None:
    """Refuse progress that the host does not take."""
    within(_bytes(note), MAX_NOTE_BYTES, "the note of a progress")
    if total is not None and done > total:
        raise invalid("progress", str(done), f"it is more than the total of {total}")


class Usage:
    """What a run has used of its quotas."""

    def __init__(self) -> None:
        """A run that has used nothing."""
        self._entries = 0

    def change(self, *, entries: Sequence[str] = (), result: TaskResult | None = None, jobs: Iterable[str] = ()) -> None:
        """Admit a change, or refuse it."""
        for text in (result.pod_status, result.launcher_output) if result else ():
            within(_bytes(text), RESULT_BYTES, "one field of a result")
        within(sum(map(_listed_bytes, jobs)), RECORD_BYTES, "the list of jobs")
        self._admit_entries(entries, _STAMP_BYTES)

    def _admit_entries(self, entries: Sequence[str], beside: int) -> None:
        if len(entries) > CALL_ENTRIES:
            raise QuotaExceeded(f"{len(entries)} log entries are more than the quota of {CALL_ENTRIES} for one call")
        total = self._entries
        for entry in entries:
            within(_bytes(entry), ENTRY_BYTES, "one log entry")
            total += _bytes(entry) + beside
        within(total, ENTRIES_BYTES, "all log entries of a run")
        self._entries = total

    def draft(self, task: Draft) -> None:
        """Admit a save, or refuse it."""
        results = (task.result.pod_status, task.result.launcher_output)
        for text in results:
            within(_bytes(text), RESULT_BYTES, "one field of a result")
        names = (task.service, task.user_id, task.task_id, task.parameters)
        lists = sum(map(_listed_bytes, (*task.active_jobs, *task.logs)))
        within(lists + sum(map(_bytes, (*names, *results))), RECORD_BYTES, "a task")
        self._admit_entries(task.logs, _QUOTES_BYTES)


def _listed_bytes(text: str) -> int:
    return _bytes(text) + _QUOTES_BYTES


def _bytes(text: str | None) -> int:
    return len((text or "").encode(errors="surrogatepass"))


def within(count: int, most: int, what: str) -> None:
    """Refuse more bytes than a quota."""
    if count > most:
        raise QuotaExceeded(f"{count} bytes are more than the quota of {_in_units(most)} for {what}")


def _in_units(count: int) -> str:
    for name, unit in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"
