"""A plugin that profiles a CSV file: what each column holds, in one pass and in bounded memory.

It reads the task's standard input, which starts with a row of column names, logs its progress, and prints the profile,
which the host keeps as the task's ``launcher_output``. Parameters:

=============  =====================================================================  ===========
name           value                                                                  default
=============  =====================================================================  ===========
``format``     ``table`` or ``json``                                                  ``table``
``log_every``  rows between two progress entries in the task's log, at least 1        100000
=============  =====================================================================  ===========

The same plugin as ``csv-profile`` in Rust, to the letter of what it leaves. A task that is asked to stop ends without a
profile. Input that is no well-formed CSV fails the task with the number of the line.
"""

import re
import sys
from collections.abc import Callable

from profiling import report
from profiling.profile import Profile
from profiling.rows import InputError, Rows

import task_state
from task_state import Failure, TaskRecord, TaskStatus, current_task
from task_state.models import ParameterError

#: Some seconds of work.
LOG_EVERY = 100_000

#: How many bytes of input may pass before the plugin tells its progress and looks whether it should stop.
CHECK_EVERY = 1 << 20

_MAX_COUNT = (1 << 64) - 1


@task_state.plugin
def main(task: TaskRecord) -> None:
    try:
        write = task.parameter("format", format_of, report.write_table)
        log_every = task.parameter("log_every", count, LOG_EVERY)
        profile_input(write, log_every)
    except (InputError, ParameterError) as error:
        raise Failure(str(error)) from error


def profile_input(write: Callable[[Profile], str], log_every: int) -> None:
    rows = Rows(sys.stdin.buffer)
    current_task.log(f"profiling {len(rows.names)} columns")
    profile = Profile(rows.names)
    if not read(rows, profile, log_every):
        current_task.log(f"stopped at line {rows.line}, as was asked")
        return
    sys.stdout.write(write(profile))
    sys.stdout.flush()
    current_task.log(f"profiled {profile.rows} rows")


def read(rows: Rows, profile: Profile, log_every: int) -> bool:
    """Profile all rows; False if someone has asked for the task to stop."""
    next_check = CHECK_EVERY
    for row in rows:
        profile.add(row)
        stop = False
        if profile.rows % log_every == 0:
            stop = current_task.log(f"{profile.rows} rows, line {rows.line}") is TaskStatus.CANCEL_REQUESTED
        if rows.bytes >= next_check:
            next_check = rows.bytes + CHECK_EVERY
            tell_progress(profile)
            stop = stop or current_task.cancel_requested()
        if stop:
            return False
    tell_progress(profile)
    return True


def tell_progress(profile: Profile) -> None:
    """How many rows there will be is not known before the end of the input."""
    current_task.set_progress(profile.rows, note="rows")


def format_of(text: str) -> Callable[[Profile], str]:
    """What a profile is printed as."""
    formats = {"table": report.write_table, "json": report.write_json}
    if text not in formats:
        raise ValueError("it is one of table, json")
    return formats[text]


def count(text: str) -> int:
    """A number of at least one, refused in the words of the plugin in Rust."""
    if not text:
        raise ValueError("cannot parse integer from empty string")
    if not re.fullmatch(r"\+?[0-9]+", text):
        raise ValueError("invalid digit found in string")
    number = int(text)
    if number > _MAX_COUNT:
        raise ValueError("number too large to fit in target type")
    if number == 0:
        raise ValueError("number would be zero for non-zero type")
    return number
