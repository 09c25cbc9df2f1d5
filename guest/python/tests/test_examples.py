"""The examples leave what those in Rust leave."""

from __future__ import annotations

import io
import json
from typing import Any

import csv_profile
import pytest
import quickstart
from profiling import report
from profiling.mean import Mean
from profiling.profile import Column, Profile
from profiling.rows import MAX_ROW_BYTES, InputError, Rows

from task_state import testing

CITIES = """city,people,,note
서울,9411000,1.5,"two
lines"
Zürich,+443000,n/a,
Aachen,,2,a text that is a good deal wider than a cell may be
"""


class Pieces(io.BytesIO):
    """An input that comes in pieces."""

    def __init__(self, text: bytes, size: int) -> None:
        super().__init__(text)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(self._size, size) if size and size > 0 else self._size)


def rows(given: str | bytes, size: int = 1 << 20) -> Any:
    text = given.encode() if isinstance(given, str) else given
    try:
        found = Rows(Pieces(text, size))
        return [(found.line, found.names), *((found.line, row) for row in found)]
    except InputError as error:
        return str(error)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('a,b\n"x,""y""","1\n2\n3"\nlast,""\n', [(1, ["a", "b"]), (2, ['x,"y"', "1\n2\n3"]), (5, ["last", ""])]),
        ("a,b\r\n1,2\r\n\r\n3,4\r\n5,6", [(1, ["a", "b"]), (2, ["1", "2"]), (4, ["3", "4"]), (5, ["5", "6"])]),
        ('"a\r\nb"\r\n"1\r\n2"\r\n3\r\n', [(1, ["a\r\nb"]), (3, ["1\r\n2"]), (5, ["3"])]),
        ('a\r1\r"2\r3"\r', [(1, ["a"]), (1, ["1"]), (1, ["2\r3"])]),
        ('a,b\n"x"y,z"q"\n', [(1, ["a", "b"]), (2, ["xy", 'z"q"'])]),
        ("\ufeffa, b ,\n", [(1, ["a", "b", ""])]),
        ('\ufeff"a",b', [(1, ["a", "b"])]),
        ("", "the input is empty; it starts with a row of column names"),
        ("\ufeff\r\n", "the input is empty; it starts with a row of column names"),
        ("a,b\n1,2\n\n1\n", "line 4: the row has 1 fields, but there are 2 columns"),
        ('a,b\n"1\n1","2\n2"\n"3\n3",4,5\n1,2', "line 5: the row has 3 fields, but there are 2 columns"),
        ("a,b\n\0", "line 2: the row has 1 fields, but there are 2 columns"),
        ('a,b\n1,2\n\n"3,4\n5,6\n', "line 4: a quote is opened in this row and never closed"),
        ('a\n"', "line 2: a quote is opened in this row and never closed"),
        (b"a,b\r\n1,2\r\n3,\xb0\xa1\r\n", "line 3: field 2 is not UTF-8 text"),
        (b"a,b\n\n\xc3,\xa9\n", "line 3: field 1 is not UTF-8 text"),
        (",".join(["c"] * 1_001), "line 1: 1001 columns, which is more than 1000"),
    ],
)
def test_rows_are_read_and_refused_however_the_input_comes_in(given: str | bytes, expected: Any) -> None:
    assert [rows(given, size) for size in (1 << 20, 1, 2, 3, 5)] == [expected] * 5


def test_a_row_is_not_too_long() -> None:
    assert rows("a\n1\n" + "x" * MAX_ROW_BYTES + "\n2\n")[-1] == (4, ["2"])
    told = "line 3: the row is longer than 1048576 bytes; perhaps a quote is not closed"
    assert rows("a\n1\n" + "x" * (MAX_ROW_BYTES + 1) + "\n2\n") == told
    assert rows('a\r\n1\r\n"2\r\n' + "3\r\n" * MAX_ROW_BYTES) == told


def profile(given: str) -> Profile:
    found = Rows(io.BytesIO(given.encode()))
    made = Profile(found.names)
    for row in found:
        made.add(row)
    return made


def test_a_table_is_aligned_as_a_terminal_shows_it() -> None:
    assert report.write_table(profile(CITIES)) == (
        "3 rows, 4 columns\n"
        "column      kind    count  empty  distinct                       min        max     mean\n"
        "city        text        3      0         3                    Aachen       서울\n"
        "people      number      2      1         2                   +443000    9411000  4927000\n"
        "(column 3)  mixed       3      0         3                       1.5          2     1.75\n"
        "note        text        2      1         2  a text that is a good d…  two·lines\n"
    )


def test_json_keeps_the_spelling_of_numbers_where_it_is_json() -> None:
    text = report.write_json(profile("n\n12345678901234567890\n+1\n007\n"))
    assert '"min":1.0,"max":12345678901234567890' in text
    assert json.loads(text)["columns"][0]["numbers"] == 3
    for value, mean in [("1e16", "1e+16"), ("1e-5", "0.00001"), ("1e-7", "1e-7"), ("2", "2.0")]:
        assert f'"mean":{mean}}}' in report.write_json(profile(f"n\n{value}\n"))


@pytest.mark.parametrize(
    ("values", "kind", "least_and_greatest"),
    [
        (["", " "], "empty", None),
        (["1", "", "-2.5e3", "+.5", " 7 "], "number", ("-2.5e3", "7")),
        (["x", "1 000", "0x1f", "inf", "NaN", "-", ".", "1e999"], "text", ("-", "x")),
        (["10", "9", "n/a", "-0.50", "1e1", "007"], "mixed", ("-0.50", "10")),
        (["9007199254740993", "9007199254740992"], "number", ("9007199254740992", "9007199254740993")),
        (["0." + "3" * 1_000], "number", ("3.333333333333333e-1", "3.333333333333333e-1")),
        (["é" * 256, "a"], "text", ("a", "é" * 128)),
    ],
)
def test_a_column_is_what_all_of_its_values_are(values: list[str], kind: str, least_and_greatest: Any) -> None:
    column = Column("c", 100)
    for value in values:
        column.add(value)
    assert (column.kind, column.range) == (kind, least_and_greatest)


def test_a_count_of_different_values_says_when_it_stopped() -> None:
    column = Column("c", 2)
    for value in ["a", "b" * 100, "a", "b" * 100]:
        column.add(value)
    assert column.distinct == 2
    column.add("c")
    assert column.distinct is None


def test_a_mean_loses_no_small_number_and_does_not_overflow() -> None:
    for numbers, expected in [
        ([1e16, 1.0, -1e16], 1 / 3),
        ([1.0, 1e100, 1.0, -1e100], 0.5),
        ([1.7976931348623157e308] * 3, 1.7976931348623157e308),
        ([0.1] * 100_000, 0.1),
    ]:
        mean = Mean()
        for number in numbers:
            mean.add(number)
        assert mean.mean() == expected


def test_the_profile_logs_its_progress_and_stops_when_asked() -> None:
    given = "n\n" + "1\n" * 10
    outcome = testing.run(csv_profile.main, input=given, parameters={"log_every": "4"})
    assert outcome.messages == ["profiling 1 columns", "4 rows, line 5", "8 rows, line 9", "profiled 10 rows"]
    assert outcome.progress == testing.Progress(10, None, "rows")
    outcome = testing.run(csv_profile.main, input=given, parameters={"log_every": 4}, cancel_before_call=2)
    assert (outcome.status, outcome.messages[-1], outcome.output) == ("cancelled", "stopped at line 5, as was asked", "")


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"format": "xml"}, 'the parameter "format" is "xml": it is one of table, json'),
        ({"log_every": 0}, 'the parameter "log_every" is 0: number would be zero for non-zero type'),
        ({"log_every": "-5"}, 'the parameter "log_every" is "-5": invalid digit found in string'),
        ({"log_every": ""}, 'the parameter "log_every" is "": cannot parse integer from empty string'),
        ({"log_every": str(2**64)}, f'the parameter "log_every" is "{2**64}": number too large to fit in target type'),
    ],
)
def test_a_parameter_that_is_none_fails_the_task_in_the_same_words(parameters: dict[str, Any], told: str) -> None:
    assert testing.run(csv_profile.main, input="n\n1\n", parameters=parameters).messages == [told]


def test_the_quickstart_takes_a_task_through_its_life() -> None:
    outcome = testing.run(quickstart.main, service="analytics")
    task = outcome.task("external-1")
    assert task is not None
    assert (task.status, task.messages) == ("completed", ["worker started", "processed input payload", "worker finished"])
