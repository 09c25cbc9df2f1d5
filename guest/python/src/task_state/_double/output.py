"""What a run prints and reads in the double: standard output and error as one text, and an input of its own."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .._run import flush_output

#: How much of the output is kept: its end.
OUTPUT_BYTES = 64 << 10


def kept(printed: bytes) -> str | None:
    """What becomes of the output of a run: its end, with a mark where it was cut; None if nothing was printed."""
    if len(printed) <= OUTPUT_BYTES:
        return printed.decode(errors="replace") if printed else None
    tail = printed[-OUTPUT_BYTES:]
    broken = 0
    while broken < 3 and tail[broken] & 0xC0 == 0x80:
        broken += 1
    cut = len(printed) - len(tail) + broken
    return f"[{cut} bytes of earlier output were cut]\n{tail[broken:].decode(errors='replace')}"


class _Printed(io.BytesIO):
    """What was printed, also after the program has closed its output."""

    _at_close: bytes | None = None

    def close(self) -> None:
        if self._at_close is None:
            self._at_close = super().getvalue()
        super().close()

    def getvalue(self) -> bytes:
        return super().getvalue() if self._at_close is None else self._at_close


@contextmanager
def captured(input_bytes: bytes) -> Iterator[io.BytesIO]:
    """Give the program an input, and take what it prints, by ``logging`` too."""
    printed = _Printed()
    before = (sys.stdin, sys.stdout, sys.stderr)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    out = io.TextIOWrapper(printed, encoding="utf-8", errors="backslashreplace", write_through=True)
    sys.stdin = io.TextIOWrapper(io.BytesIO(input_bytes), encoding="utf-8", errors="replace")
    sys.stdout = sys.stderr = out
    try:
        yield printed
    finally:
        flush_output()
        # What the program has left of it may not close what was printed later.
        with suppress(ValueError):
            out.detach()
        sys.stdin, sys.stdout, sys.stderr = before
        root.handlers[:] = handlers
        root.setLevel(level)
