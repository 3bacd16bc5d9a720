"""Which day is it? A day in UTC, as text that compares as days do."""

from __future__ import annotations

import re

from gitcellar.core.errors import InvalidError

_DAY = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")


class Day(str):
    """A day such as 2026-11-30, in UTC. There is no empty one: it would stand before every last day.

    >>> Day("2026-11-30") > Day("2026-02-01")
    True
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Day:
        """Raise InvalidError for what is no day."""
        if not _DAY.fullmatch(text):
            raise InvalidError(f"{text!r} is no day", hint="write it as 2026-11-30")
        return super().__new__(cls, text)
