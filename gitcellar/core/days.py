"""Which day is it? Days of the calendar, in UTC, as `2026-12-31`, so that text compares as time does.

May import core.errors alone.
"""

from __future__ import annotations

import re
from calendar import monthrange

from gitcellar.core.errors import InvalidError

_DAY = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])-([0-9]{2})")


def parse_day(text: str) -> str:
    """A day of this century that the calendar has. Raise InvalidError.

    >>> parse_day("2028-02-29")
    '2028-02-29'
    """
    match = _DAY.fullmatch(text)
    if match is None or not 1 <= int(match[3]) <= monthrange(int(match[1]), int(match[2]))[1]:
        raise InvalidError(f"{text!r} is no day of the calendar", hint="write one as 2026-12-31")
    return text


def day_before(day: str) -> str:
    """The day before one that `parse_day` returned.

    >>> day_before("2028-03-01")
    '2028-02-29'
    """
    year, month, date = map(int, day.split("-"))
    if date == 1:
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        date = monthrange(year, month)[1] + 1
    return f"{year}-{month:02}-{date - 1:02}"


def require_order(since: str | None, until: str | None) -> None:
    """Raise InvalidError for a time that ends before it begins. None is open."""
    if since is not None and until is not None and since > until:
        raise InvalidError(f"it would end on {until}, before it begins on {since}")
