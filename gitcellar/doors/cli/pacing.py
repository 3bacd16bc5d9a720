"""How often is something done again, and until when? May import click and this door's output."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import Any

import click

from gitcellar.core.errors import NO, CellarError
from gitcellar.doors.cli.output import say

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 60.0
_JITTER = random.SystemRandom()


class Seconds(click.ParamType):  # type: ignore[type-arg] # generic for mypy, not when it runs
    """A span of time, such as 500ms, 10s, 5m or 1h."""

    name = "time"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        """The span in seconds."""
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", str(value))
        if match is None or not float(match[1]):
            self.fail(f"{value!r} is no span of time: write 10s, 500ms, 5m or 1h", parameter, context)
        return float(match[1]) * _UNITS[match[2]]


every = click.option(
    "--every", type=Seconds(), default="10s", show_default=True, metavar="TIME", help="How long between two looks."
)


def repeat(context: click.Context, look: Callable[[], bool], *, every: float, once: bool) -> None:
    """Look again and again. Who cannot be asked is asked again, with pauses that grow; of one look it is the end.

    `look` says whether all is well. Pauses vary by a tenth, so that a fleet does not ask all at once.
    """
    failed = 0
    while True:
        try:
            fine = look()
        except CellarError as error:
            if once:
                raise
            say("Warning", f"{error}; trying again")
            failed += 1
        else:
            failed = 0
            if once:
                context.exit(0 if fine else NO)
        time.sleep(min(max(_LONGEST, every), every * 2 ** min(failed, 10)) * _JITTER.uniform(0.9, 1.1))
