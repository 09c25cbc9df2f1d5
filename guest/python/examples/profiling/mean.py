"""The mean of a stream of numbers."""

from __future__ import annotations

import sys

#: It takes 2^123 smaller numbers to overflow their sum.
_HUGE = 2.0**900

#: A power of two, so that scaling by it loses nothing of a huge number.
_SCALE = 2.0**-100


class Mean:
    """A mean of finite numbers that stays accurate whatever their number, order and size.

    The sums are compensated (Neumaier 1974), so that small numbers are not lost beside large ones. Numbers so large that a
    sum of them could overflow have a sum of their own, in which they are scaled down.
    """

    def __init__(self) -> None:
        """The mean of no numbers."""
        self.count = 0
        self._usual, self._huge = _Sum(), _Sum()

    def add(self, number: float) -> None:
        """Take one more number."""
        self.count += 1
        if abs(number) < _HUGE:
            self._usual.add(number)
        else:
            self._huge.add(number * _SCALE)

    def mean(self) -> float | None:
        """Their mean, if there were any."""
        if not self.count:
            return None
        mean = self._huge.total() / self.count / _SCALE + self._usual.total() / self.count
        # Rounding can take it past the largest double, from there to infinity.
        return max(-sys.float_info.max, min(mean, sys.float_info.max))


class _Sum:
    def __init__(self) -> None:
        self._sum = self._lost = 0.0

    def add(self, number: float) -> None:
        total = self._sum + number
        large, small = (self._sum, number) if abs(self._sum) >= abs(number) else (number, self._sum)
        self._lost += (large - total) + small
        self._sum = total

    def total(self) -> float:
        return self._sum + self._lost
