"""The rows of a CSV file, one at a time, each checked. Knows no statistics.

A quoted field that is never closed, and a row of any length, are refused: in a large file they mean that a quote has
swallowed the rest of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from . import WHITE_SPACE

#: The longest row, in bytes.
MAX_ROW_BYTES = 1 << 20

#: The most columns.
MAX_COLUMNS = 1_000

#: What is read at a time.
_PIECE = 64 << 10

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: Where a field ends.
_END = re.compile(rb"[,\r\n]|\Z")


class InputError(Exception):
    """Why the input cannot be profiled. Fields are counted from 1."""


class Rows:
    """The rows that follow the row of column names.

    ``line`` is the line on which the last row that was read starts, from 1; ``bytes`` how many bytes have been read.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Read the row of column names. A byte order mark before it is skipped."""
        self._lines = self._split(file)
        self._next_line = 1
        self.line = 1
        self._end_line = 1
        self.bytes = 0
        names = self._row()
        if names is None:
            raise InputError("the input is empty; it starts with a row of column names")
        if len(names) > MAX_COLUMNS:
            raise InputError(f"line {self.line}: {len(names)} columns, which is more than {MAX_COLUMNS}")
        self.names = [name.strip(WHITE_SPACE) for name in names]

    def __iter__(self) -> Iterator[list[str]]:
        """The rows, which have a field for each column. Empty lines are no rows."""
        columns = len(self.names)
        while (row := self._row()) is not None:
            if len(row) != columns:
                raise InputError(f"line {self.line}: the row has {len(row)} fields, but there are {columns} columns")
            yield row

    def _split(self, file: BinaryIO) -> Iterator[bytes]:
        """The lines with their ends: a line feed, a carriage return, or both."""
        rest = bytearray()
        is_first = True
        while piece := _read(file):
            if is_first and len(rest) + len(piece) < len(_BYTE_ORDER_MARK):
                rest += piece
                continue
            rest += piece
            if is_first:
                rest = rest.removeprefix(_BYTE_ORDER_MARK)
                is_first = False
            lines = bytes(rest).splitlines(keepends=True)
            # The last one may go on; a row that is too long is refused by whoever reads it.
            open_end = lines and not lines[-1].endswith(b"\n") and len(lines[-1]) <= MAX_ROW_BYTES
            rest = bytearray(lines.pop() if open_end else b"")
            yield from lines
        yield from bytes(rest).splitlines(keepends=True)

    def _read_line(self) -> bytes:
        """The next line with its end; empty at the end of the input."""
        line = next(self._lines, b"")
        self.bytes += len(line)
        return line

    def _row(self) -> list[str] | None:
        text = self._read_line()
        while text in (b"\n", b"\r", b"\r\n"):
            self._next_line += text.count(b"\n")
            text = self._read_line()
        if not text:
            return None
        self.line = self._next_line
        plain = text.removesuffix(b"\n").removesuffix(b"\r")
        if b'"' not in plain:
            # Most rows, at a tenth of the cost.
            self._check_length(len(plain))
            self._next_line += text.count(b"\n")
            self._end_line = self.line
            return self._decode(plain.split(b","))
        return self._decode(self._fields(bytearray(text)))

    def _fields(self, text: bytearray) -> list[bytes]:
        """The fields of a row, quoted or not; it may go on over further lines."""
        fields: list[bytes] = []
        at = 0
        while True:
            inside = b""
            if text[at : at + 1] == b'"':
                end = self._closing_quote(text, at + 1)
                inside = bytes(text[at + 1 : end]).replace(b'""', b'"')
                at = end + 1
            end = _END.search(text, at).start()  # type: ignore[union-attr]
            fields.append(inside + text[at:end])
            at = end
            if text[at : at + 1] != b",":
                break
            at += 1
        self._check_length(at)
        self._end_line = self._next_line + text.count(b"\n", 0, at)
        self._next_line += text.count(b"\n")
        return fields

    def _closing_quote(self, text: bytearray, at: int) -> int:
        """Where the quote is that closes a field, read on over as many lines as it takes."""
        while True:
            quote = text.find(b'"', at)
            if quote < 0 or quote == len(text) - 1:
                # A quote at the very end may be the first of two.
                at = len(text) if quote < 0 else quote
                self._check_length(len(text))
                more = self._read_line()
                if more:
                    text += more
                elif quote < 0:
                    raise InputError(f"line {self.line}: a quote is opened in this row and never closed")
                else:
                    return quote
            elif text[quote + 1] == ord('"'):
                at = quote + 2
            else:
                return quote

    def _check_length(self, length: int) -> None:
        if length > MAX_ROW_BYTES:
            raise InputError(
                f"line {self._end_line + 1}: the row is longer than {MAX_ROW_BYTES} bytes; perhaps a quote is not closed"
            )

    def _decode(self, fields: list[bytes]) -> list[str]:
        try:
            return [field.decode() for field in fields]
        except UnicodeDecodeError:
            field = next(number for number, field in enumerate(fields, 1) if not _is_text(field))
            raise InputError(f"line {self.line}: field {field} is not UTF-8 text") from None


def _read(file: BinaryIO) -> bytes:
    try:
        return file.read(_PIECE)
    except OSError as error:
        raise InputError(f"cannot read the input: {error}") from error


def _is_text(field: bytes) -> bool:
    try:
        field.decode()
    except UnicodeDecodeError:
        return False
    return True
