"""Which day is it? Days of the calendar, in UTC, as text that compares as days do."""

from __future__ import annotations

import re
from calendar import monthrange

from gitcellar.core.errors import InvalidError

_DAY = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])-([0-9]{2})")


class Day(str):
    """A day such as 2026-11-30. There is no empty one: it would stand before every last day.

    >>> Day("2028-02-29") < Day("2028-11-30")
    True
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Day:
        """Raise InvalidError for what the calendar does not have."""
        match = _DAY.fullmatch(text)
        if match is None or not 1 <= int(match[3]) <= monthrange(int(match[1]), int(match[2]))[1]:
            raise InvalidError(f"{text!r} is no day of the calendar", hint="write it as 2026-11-30")
        return super().__new__(cls, text)

    @property
    def before(self) -> Day:
        """The day before.

        >>> Day("2028-03-01").before
        '2028-02-29'
        """
        year, month, date = map(int, self.split("-"))
        if date == 1:
            year, month = (year, month - 1) if month > 1 else (year - 1, 12)
            date = monthrange(year, month)[1] + 1
        return Day(f"{year}-{month:02}-{date - 1:02}")


def require_order(since: str | None, until: str | None) -> None:
    """Raise InvalidError for a time that ends before it begins. None is open."""
    if since is not None and until is not None and since > until:
        raise InvalidError(f"it would end on {until}, before it begins on {since}")
