"""How does an answer reach a person or a program? Answers to stdout; status, hints, errors and progress to stderr.

Nothing else of this door writes: what is printed was written by strangers, and terminals and CI hosts obey it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import click

from gitcellar.core.state import ModelState
from gitcellar.core.urls import strip_credentials

# What a terminal obeys, or shows as nothing: control characters but tab and newline, separators of lines and
# paragraphs, lone surrogates, and Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), to which belong
# the marks that turn the direction of text, joiners, variation selectors and the tag characters.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# A CI host runs what it finds in a job's log: GitHub lines that begin with `::` after any white space, and `##[`
# anywhere (actions/runner, ActionCommand.cs); Azure `##vso[` anywhere; TeamCity `##teamcity[`.
_COMMAND_LINE = re.compile(r"^([^\S\n]*)::", re.MULTILINE)
_COMMAND_WORD = re.compile(r"##(?=\w*\[)")
_COLOURS = {"Error": "red", "Refused": "red", "Interrupted": "red", "Warning": "yellow", "Hint": "cyan"}


def printable(text: str) -> str:
    """Text without what a terminal would obey or hide: each such character is U+FFFD."""
    if text.isascii() and text.isprintable():  # nearly every name, of which a listing has a million
        return text
    return _UNSAFE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """The same on one line, so that it cannot pass for a line of ours."""
    return printable(text).replace("\n", " ")


def say(kind: str, text: str) -> None:
    """A line on stderr that begins with a word: Error, Refused, Warning, Hint, or what was done."""
    word = click.style(f"{kind}:", fg=_COLOURS.get(kind, "green"), bold=True)
    _write(f"{word} {one_line(strip_credentials(text))}", sys.stderr)


def say_usage(usage: str) -> None:
    """How a command is used, on stderr before the error that says what was wrong."""
    _write(printable(usage), sys.stderr)


def say_unratified(states: Iterable[ModelState]) -> None:
    """Warn of what was promoted by breaking the glass and not ratified since: loud, until it is."""
    for state in states:
        for stage, tag in state.unratified.items():
            say("Warning", f"{stage} of {state.name} was entered by broken glass, and nobody has ratified it: {tag}")


def say_withdrawn(states: Iterable[ModelState]) -> None:
    """Warn of withdrawn versions that stages still hold: loud, until they are replaced or taken out."""
    for state in states:
        for stage, version in state.live_withdrawn.items():
            say("Warning", f"{stage} of {state.name} holds {version}, which was withdrawn")


def confirm(question: str) -> bool:
    """Ask on the terminal, and take anything but yes for no."""
    return click.confirm(one_line(question), err=True)


def print_line(text: str) -> None:
    """One line on stdout."""
    _write(one_line(text), sys.stdout)


def print_text(text: str) -> None:
    """Lines on stdout, of which the last ends too."""
    _write(printable(text).removesuffix("\n"), sys.stdout)


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout, in ASCII and without `##`, so that no terminal and no CI host obeys it."""
    _write(json.dumps(document, allow_nan=False).replace("##", "#\\u0023"), sys.stdout)


def print_plain(rows: Iterator[Sequence[str | None]] | Sequence[Sequence[str | None]]) -> None:
    """Tab-separated lines without a header. What is empty is `-`, so that fields can be counted."""
    lines = ["\t".join(one_line(cell).replace("\t", " ") if cell else "-" for cell in row) for row in rows]
    if lines:
        _write("\n".join(lines), sys.stdout)


def print_annotation(level: str, message: str, **properties: str) -> None:
    """A workflow command of GitHub: an error or warning that it shows beside a line of a file."""
    said = ",".join(f"{key}={_escape(value, of_property=True)}" for key, value in properties.items())
    _emit(f"::{level} {said}::{_escape(message)}", sys.stdout)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout; as wide as it needs to be where nobody's terminal ends."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(highlight=False, no_color=not _colour(sys.stdout), width=None if terminal else 10_000)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(Text(one_line(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    with console.capture() as capture:
        console.print(table)
    _write("\n".join(line.rstrip() for line in capture.get().splitlines()), sys.stdout)


@contextmanager
def bar(label: str, size: int) -> Iterator[Callable[[int], None]]:
    """Progress on stderr, where that is a terminal, of something that takes longer than a blink."""
    if not sys.stderr.isatty() or size < 8 * 1024 * 1024:
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, no_color=not _colour(sys.stderr)), transient=True) as progress:
        task = progress.add_task(one_line(label), total=size)
        yield lambda count: progress.advance(task, count)


def human_size(size: int) -> str:
    """Bytes in the unit that a person would take, by powers of 1000 as storage is sold."""
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def close_stdout() -> None:
    """Write no more: the reader, such as head, has seen enough, and python must not fail again while it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(text: str, stream: TextIO) -> None:
    """The one way to a terminal or a log: what a CI host would take for a command is told apart by a space."""
    if "::" in text:
        text = _COMMAND_LINE.sub(r"\1: :", text)
    if "##" in text:
        text = _COMMAND_WORD.sub("# #", text)
    _emit(text, stream)


def _emit(text: str, stream: TextIO) -> None:
    encoding = stream.encoding or "utf-8"
    text = text.encode(encoding, "replace").decode(encoding)
    click.echo(text, file=stream, color=_colour(stream))


def _escape(text: str, *, of_property: bool = False) -> str:
    """GitHub's own escapes, without which a message could begin a command of its own."""
    for sign, escaped in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(sign, escaped)
    if of_property:
        text = text.replace(":", "%3A").replace(",", "%2C")
    return printable(text)


def _colour(stream: TextIO) -> bool:
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
