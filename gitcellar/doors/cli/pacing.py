"""How often is something done again, and until when? May import click and this door's output."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable

import click

from gitcellar.core.errors import NO, CellarError
from gitcellar.doors.cli.output import say

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 60.0
_JITTER = random.SystemRandom()


def parse_span(text: str) -> float:
    """The seconds of a span of time, such as 500ms, 10s, 5m or 1h. Raise click.BadParameter."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text)
    if match is None or not float(match[1]):
        raise click.BadParameter(f"{text!r} is no span of time: write 10s, 500ms, 5m or 1h")
    return float(match[1]) * _UNITS[match[2]]


every = click.option(
    "--every", type=parse_span, default="10s", show_default=True, metavar="TIME", help="How long between two looks."
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
