"""What is known of a file and of each of its columns."""

from __future__ import annotations

import hashlib
import math
import re
from decimal import Decimal

from . import WHITE_SPACE
from .mean import Mean

#: The longest text that is kept of a value, in bytes.
MAX_TEXT_BYTES = 256

#: The most different values that are counted in a column.
MAX_DISTINCT = 10_000

#: The most that are remembered in all columns together. Many columns have a smaller share each.
MAX_DISTINCT_IN_ALL = 1_000_000

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_WIDEST = range(-(1 << 127), 1 << 127)


class Profile:
    """The statistics of every column, and the number of rows."""

    def __init__(self, names: list[str]) -> None:
        """A profile of no rows."""
        bound = min(MAX_DISTINCT, MAX_DISTINCT_IN_ALL // max(len(names), 1))
        self.columns = [Column(name, bound) for name in names]
        self.rows = 0

    def add(self, row: list[str]) -> None:
        """Take one more row, which has a value for each column."""
        self.rows += 1
        for column, value in zip(self.columns, row, strict=True):
            column.add(value)


class Column:
    """The statistics of one column.

    White space around a value is no part of it, and a value of nothing else is empty. A number is a decimal number with
    or without sign, fraction and exponent, within the range of a double.
    """

    def __init__(self, name: str, bound: int) -> None:
        """A column without values, whose different values are counted up to a bound."""
        self.name = name
        self.count = self.empty = 0
        self.bound = bound
        self.mean = Mean()
        self._seen: set[str | bytes] | None = set()
        self._numbers: tuple[_Number, _Number] | None = None
        self._texts: tuple[str, str] | None = None

    def add(self, value: str) -> None:
        """Take the value of one more row."""
        value = value.strip(WHITE_SPACE)
        if not value:
            self.empty += 1
            return
        self.count += 1
        self._note(value)
        number = float(value) if _NUMBER.fullmatch(value) else math.inf
        if math.isfinite(number):
            self.mean.add(number)
            self._add_number(number, value)
        else:
            self._add_text(_first_bytes(value))

    def _note(self, value: str) -> None:
        """Remember a value among the different ones, in little memory."""
        if self._seen is not None:
            self._seen.add(value if len(value) <= 32 else hashlib.blake2b(value.encode(), digest_size=16).digest())
            if len(self._seen) > self.bound:
                self._seen = None

    def _add_number(self, number: float, value: str) -> None:
        new = _Number(number, value)
        least, greatest = self._numbers or (new, new)
        if new.is_less_than(least):
            least = new
        elif greatest.is_less_than(new):
            greatest = new
        self._numbers = least, greatest

    def _add_text(self, text: str) -> None:
        low, high = self._texts or (text, text)
        self._texts = (min(low, text), max(high, text))

    @property
    def distinct(self) -> int | None:
        """How many different values there were; None if there were more than the bound."""
        return None if self._seen is None else len(self._seen)

    @property
    def kind(self) -> str:
        """What the values are: all numbers, all texts, some of both, or none at all."""
        if not self.count:
            return "empty"
        if not self.mean.count:
            return "text"
        return "number" if self.mean.count == self.count else "mixed"

    @property
    def range(self) -> tuple[str, str] | None:
        """The least and the greatest value as they are spelled: of the numbers, if there are any, else of the texts."""
        if self._numbers:
            return self._numbers[0].text, self._numbers[1].text
        return self._texts


class _Number:
    """A number with its spelling, which may hold more digits than a double."""

    def __init__(self, value: float, text: str) -> None:
        self.value = value
        self.text = text if len(text) <= MAX_TEXT_BYTES else _exponential(value)
        whole = int(text) if _WHOLE.fullmatch(text) else None
        self._whole = whole if whole is not None and whole in _WIDEST else None

    def is_less_than(self, other: _Number) -> bool:
        """Large whole numbers that share a double are told apart by their digits."""
        mine = (self.value, math.copysign(1.0, self.value))
        others = (other.value, math.copysign(1.0, other.value))
        if mine != others or self._whole is None or other._whole is None:
            return mine < others
        return self._whole < other._whole


def _first_bytes(text: str) -> str:
    return text if len(text) * 4 <= MAX_TEXT_BYTES else text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")


def _exponential(number: float) -> str:
    """The shortest digits of a number, with an exponent."""
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = f".{text[1:]}" if text[1:] else ""
    return f"{'-' if sign else ''}{text[0]}{point}e{int(exponent) + len(text) - 1}"
