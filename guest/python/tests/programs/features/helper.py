"""A module beside the script, which imports in a function."""

from dataclasses import dataclass


@dataclass
class Kept:
    value: int


def lazily():
    import colorsys

    from pack.inner import deep

    return colorsys.rgb_to_hsv(1, 0, 0), deep.NAME
