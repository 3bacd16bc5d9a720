"""How does an answer reach a person or a program? Answers to stdout; status, hints, errors and progress to stderr.

May import click, core, and rich where a table or a bar is drawn.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from gitcellar.core.state import ModelState

# Control characters (C0 but tab and newline, DEL, C1) and marks that turn the direction of text: a tag's message or a
# file comes from strangers, and a terminal obeys it.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_COLOURS = {"Error": "red", "Refused": "red", "Interrupted": "red", "Warning": "yellow", "Hint": "cyan"}


def printable(text: str) -> str:
    """Text without what a terminal would obey rather than show."""
    return _UNSAFE.sub("\ufffd", text)


def say(kind: str, text: str) -> None:
    """A line on stderr that begins with a word: Error, Refused, Warning, Hint, or what was done."""
    word = click.style(f"{kind}:", fg=_COLOURS.get(kind, "green"), bold=True)
    click.echo(f"{word} {printable(text)}", err=True, color=_colour(sys.stderr))


def say_unratified(states: Iterable[ModelState]) -> None:
    """Warn of what was promoted by breaking the glass and not ratified since: loud, until it is."""
    for state in states:
        for stage, tag in state.unratified.items():
            say("Warning", f"{stage} of {state.name} was entered by broken glass, and nobody has ratified it: {tag}")


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout, in ASCII, so that no terminal obeys what is in it."""
    click.echo(json.dumps(document))


def print_plain(rows: Iterator[Sequence[str | None]] | Sequence[Sequence[str | None]]) -> None:
    """Tab-separated lines without a header. What is empty is `-`, so that fields can be counted."""
    lines = ["\t".join(re.sub(r"[\t\n]", " ", printable(cell)) if cell else "-" for cell in row) for row in rows]
    if lines:
        click.echo("\n".join(lines))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout; as wide as it needs to be where nobody's terminal ends."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(highlight=False, no_color=not _colour(sys.stdout), width=None if terminal else 10_000)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    with console.capture() as capture:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()), color=_colour(sys.stdout))


@contextmanager
def bar(label: str, size: int) -> Iterator[Callable[[int], None]]:
    """Progress on stderr, where that is a terminal, of something that takes longer than a blink."""
    if not sys.stderr.isatty() or size < 8 * 1024 * 1024:
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, no_color=not _colour(sys.stderr)), transient=True) as progress:
        task = progress.add_task(printable(label), total=size)
        yield lambda count: progress.advance(task, count)


def human_size(size: int) -> str:
    """Bytes in the unit that a person would take, by powers of 1000 as storage is sold."""
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def _colour(stream: Any) -> bool:
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
