"""What crosses the border to the host, checked before: what is no text would end a component where it stands."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import InvalidArgument


def text(what: str, value: object) -> str:
    """The value, which has to be text that UTF-8 can hold.

    Raises ``TypeError`` if it is something else, ``InvalidArgument`` for text with a lone surrogate in it.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} is text, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        shown = ascii(value[:80])
        raise InvalidArgument(f"invalid {what} {shown}: character {error.start + 1} is a lone surrogate") from None
    return value


def optional_text(what: str, value: object) -> str | None:
    """The same, or None."""
    return None if value is None else text(what, value)


def texts(what: str, values: Iterable[object]) -> list[str]:
    """A list of texts; one text is none."""
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{what} are a list of texts, not one of {type(values).__name__}")
    return [text(what, value) for value in values]


def number(what: str, value: int, bits: int) -> int:
    """A whole number that so many bits can hold. Raises ``TypeError`` or ``ValueError``."""
    if not isinstance(value, int):
        raise TypeError(f"{what} is a whole number, not {type(value).__name__}")
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{what} is {value}, which is not between 0 and 2^{bits} - 1")
    return int(value)
