"""How a profile is printed."""

from __future__ import annotations

import json
import re
import unicodedata

from .profile import Column, Profile

#: The widest that a cell of the table may be, in columns of a terminal.
_MAX_CELL = 24

_HEADINGS = ("column", "kind", "count", "empty", "distinct", "min", "max", "mean")

#: How many columns of the table are aligned to the left: those of text.
_LEFT_ALIGNED = 2

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)


def write_table(profile: Profile) -> str:
    """A table with a line for each column, for people."""
    lines = [_HEADINGS, *(_cells(number, column) for number, column in enumerate(profile.columns, 1))]
    widths = [max(map(_width, cells)) for cells in zip(*lines, strict=True)]
    out = [f"{profile.rows} rows, {len(profile.columns)} columns"]
    for cells in lines:
        padded = []
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            padding = " " * (width - _width(cell))
            padded.append(cell + padding if at < _LEFT_ALIGNED else padding + cell)
        out.append("  ".join(padded).rstrip())
    return "\n".join(out) + "\n"


def _cells(number: int, column: Column) -> tuple[str, ...]:
    low, high = column.range or ("", "")
    mean = column.mean.mean()
    return (
        _cell(column.name) if column.name else f"(column {number})",
        column.kind,
        str(column.count),
        str(column.empty),
        f">{column.bound}" if column.distinct is None else str(column.distinct),
        _cell(low),
        _cell(high),
        "" if mean is None else _short(mean),
    )


def _cell(text: str) -> str:
    """A text on one line, cut where it is too wide."""
    cell = ""
    width = 0
    for character in text:
        shown = "·" if unicodedata.category(character) == "Cc" else character
        width += _width(shown)
        if width > _MAX_CELL:
            while _width(cell) >= _MAX_CELL:
                cell = cell[:-1]
            return cell + "…"
        cell += shown
    return cell


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_width_of, text))


def _width_of(character: str) -> int:
    # Vowels and final consonants of Hangul stand in the column of the consonant before them.
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _short(number: float) -> str:
    """A number to six digits after the point, or in scientific notation where that would not do."""
    if number != 0 and not 1e-4 <= abs(number) < 1e15:
        digits, _, exponent = f"{number:.6e}".partition("e")
        return f"{digits}e{int(exponent)}"
    return f"{number:.6f}".rstrip("0").rstrip(".")


def write_json(profile: Profile) -> str:
    """One line of JSON, for programs."""
    columns = ",".join(map(_json_column, profile.columns))
    return f'{{"rows":{profile.rows},"columns":[{columns}]}}\n'


def _json_column(column: Column) -> str:
    low, high = (_json_value(text, column.kind) for text in column.range or (None, None))
    mean = column.mean.mean()
    fields = {
        "name": _json_text(column.name),
        "kind": _json_text(column.kind),
        "count": str(column.count),
        "empty": str(column.empty),
        "distinct": str(column.bound + 1 if column.distinct is None else column.distinct),
        "distinct_is_exact": "false" if column.distinct is None else "true",
        "numbers": str(column.mean.count),
        "min": low,
        "max": high,
        "mean": "null" if mean is None else _json_number(mean),
    }
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"


def _json_value(text: str | None, kind: str) -> str:
    """A number as it is spelled in the file, where that is JSON."""
    if text is None:
        return "null"
    if kind == "text":
        return _json_text(text)
    return text if _JSON_NUMBER.fullmatch(text) else _json_number(float(text))


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _json_number(number: float) -> str:
    """The shortest digits, without zeros before an exponent; the fifth place behind the point is written out."""
    digits, _, exponent = repr(number).partition("e")
    if not exponent:
        return digits
    if exponent == "-05":
        sign = "-" if digits.startswith("-") else ""
        return f"{sign}0.0000{digits.removeprefix('-').replace('.', '')}"
    return f"{digits}e{int(exponent):+}"
