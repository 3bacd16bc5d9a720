"""How often is something done again, and until when? May import click, store and this door's output."""

from __future__ import annotations

import gc
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from gitcellar.core.errors import NO, WRONG_REQUEST, CellarError
from gitcellar.doors.cli.output import say
from gitcellar.store.git_errors import NoAccessError
from gitcellar.store.systemd import ServiceManager, find_service_manager

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# Seconds between two looks at most: while the world fails, and while somebody has to mend something first.
_LONGEST, _LONGEST_HOPELESS = 60.0, 600.0
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


def repeat(
    context: click.Context,
    look: Callable[[], bool],
    *,
    every: float,
    once: bool,
    first: Callable[[], object] | None = None,
    manager: ServiceManager | None = None,
) -> None:
    """Look once, or again and again until SIGTERM. `look` says whether all is well; `first` comes before the first one.

    The first look raises what no retry can mend: a wrong request, a repository that does not exist or refuses access.
    Later the same may be somebody's work in progress, and is tried again after long pauses. Any other failure is tried
    again with pauses that grow. Pauses vary by a tenth, so that a fleet does not ask all at once.
    """
    if once:
        if first is not None:
            first()
        context.exit(0 if look() else NO)
    # Only commands that end soon can do without: cycles of a process that goes on for weeks fill the memory.
    gc.enable()
    manager = manager or find_service_manager()
    with _ended_by_sigterm():
        try:
            manager.tell_ready()
            _go_on(look, every, manager, first)
        finally:
            manager.tell_stopping()


def _go_on(look: Callable[[], bool], every: float, manager: ServiceManager, first: Callable[[], object] | None) -> None:
    failed, begun = 0, False
    while True:
        manager.tell_alive()
        longest = _LONGEST
        try:
            if first is not None:
                first()
                first = None
            look()
        except CellarError as error:
            if _is_hopeless(error):
                if not begun:
                    raise
                longest = _LONGEST_HOPELESS
            say("Warning", f"{error}; trying again")
            failed += 1
        else:
            failed, begun = 0, True
        _pause(min(max(longest, every), every * 2 ** min(failed, 10)) * _JITTER.uniform(0.9, 1.1), manager)


def _is_hopeless(error: CellarError) -> bool:
    """Whether the same is answered until somebody mends something."""
    return isinstance(error, NoAccessError) or error.exit_code == WRONG_REQUEST


def _pause(seconds: float, manager: ServiceManager) -> None:
    """Sleep, and tell systemd meanwhile that we are alive."""
    until = time.monotonic() + seconds
    while manager.interval is not None and (left := until - time.monotonic()) > manager.interval:
        time.sleep(manager.interval)
        manager.tell_alive()
        seconds = left - manager.interval
    time.sleep(seconds)


class _Terminated(BaseException):
    """SIGTERM has arrived. No Exception, so that nothing on the way takes it for an error."""


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """End cleanly on SIGTERM: systemd and containers send it to stop a service, and expect the exit code 0."""

    def end(number: int, frame: FrameType | None) -> None:
        # A second one does not disturb the cleaning up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except _Terminated:
        say("Ended", "by SIGTERM; nothing is half done")
    finally:
        signal.signal(signal.SIGTERM, before)
