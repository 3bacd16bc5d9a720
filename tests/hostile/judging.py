"""Was a run of a command harmless? What it did, how it ended, what it said and what it left behind."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from tests.hostile.commands import Row
from tests.hostile.place import TREASURE, Place, read_tree
from tests.hostile.worker import MEGABYTES, SECONDS, Ran
from tests.support.processes import run

# C0 but tab and newline, DEL, C1, what turns or ends lines for some readers, and what is no UTF-8.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# GitHub's runner takes `::` behind blanks, and `##[` anywhere in a line; Azure's `##vso[` likewise.
_COMMAND = re.compile(r"^\s*::|##\[|##vso\[", re.MULTILINE)
_ANNOTATION = re.compile(r"^::(error|warning|notice) [^\n]*$|^::(error|warning|notice)::[^\n]*$", re.MULTILINE)
# A link, a picture or a mention that Markdown makes of it.
_MARKUP = re.compile(r"<img|(?<!\\)\]\(|https?://evil|(?<![\w`])@evil")
# What stands in code is text to every host (CommonMark 0.31, "Code spans").
_CODE = re.compile(r"(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")
_OUTPUTS = frozenset(
    [
        "event",
        "tag",
        "id",
        "model",
        "version",
        "stage",
        "claim",
        "previous",
        "commit",
        "path",
        "sha256",
        "size",
        "actor",
        "email",
        "message",
    ]
)


def find_faults(place: Place, row: Row, ran: Ran) -> Iterator[str]:
    """What a run did that no command may do."""
    yield from ran.trespasses
    if ran.status not in (0, 1, 2, 3, 4):
        yield f"ended with {ran.status}: {ran.err.strip()[-300:]!r}"
    if "Traceback" in ran.out + ran.err:
        yield f"a traceback: {ran.err.strip()[-300:]!r}"
    if ran.seconds > SECONDS:
        yield f"took {ran.seconds:.0f} s of a processor"
    if ran.peak > MEGABYTES:
        yield f"took {ran.peak:.0f} MB"
    if place.marker.exists():
        yield f"started {place.marker.read_text()[:200]!r}"
        place.marker.unlink()
    for stream, text in (("stdout", ran.out), ("stderr", ran.err)):
        yield from _find_said(stream, text, row)


def find_left(place: Place, before: dict[str, str]) -> Iterator[str]:
    """What all runs together left behind."""
    after = read_tree(place.victim)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield f"victim/{path} was {'removed' if path not in after else 'changed'}"
    for file in (path for path in place.out.rglob("*") if path.is_file() and not path.is_symlink()):
        if TREASURE.encode() in file.read_bytes():
            yield f"{file.relative_to(place.folder)} holds the secret"


def _find_said(stream: str, text: str, row: Row) -> Iterator[str]:
    if TREASURE in text:
        yield f"{stream} tells the secret: {_around(text, text.index(TREASURE))}"
    if "--env" in row.words and stream == "stdout":
        return  # for a shell, which takes each value as it is
    if found := _UNSAFE.search(text):
        yield f"{stream} holds {found[0]!r}: {_around(text, found.start())}"
    if "github" in row.words and stream == "stdout":
        text = _ANNOTATION.sub("", text)
    if found := _COMMAND.search(text):
        yield f"{stream} commands a log: {_around(text, found.start())}"
    is_markdown = stream == "stdout" and ("md" in row.words or row.verb == "ci summary") and "--json" not in row.words
    if is_markdown and (found := _MARKUP.search(_CODE.sub("", text))):
        yield f"Markdown acts: {_around(text, found.start())}"
    if "csv" in row.words and stream == "stdout":
        csv.field_size_limit(len(text) + 1)
        cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
        yield from (
            f"a spreadsheet acts: {cell[:60]!r}" for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))
        )


def find_evaluated(place: Place, row: Row, ran: Ran) -> Iterator[str]:
    """What a shell makes of `event --env`, and GitHub's runner of the file of outputs."""
    if "--env" in row.words:
        run(place.folder, "sh", "-c", 'eval "$(cat)"', env=place.env(), stdin=ran.out)
        if place.marker.exists():
            yield f"a shell that reads it started {place.marker.read_text()!r}"
    if "--github-output" in row.words and (place.out / "github").exists():
        names = set(_read_outputs((place.out / "github").read_text("utf-8", "replace")))
        if names - _OUTPUTS:
            yield f"GitHub reads outputs of others: {sorted(names - _OUTPUTS)}"


def _read_outputs(text: str) -> Iterator[str]:
    lines = iter(re.split(r"\r\n|\n|\r", text))
    for line in lines:
        name, heredoc, delimiter = line.partition("<<")
        if heredoc:
            while next(lines, delimiter) != delimiter:
                pass
        if line:
            yield name.partition("=")[0]


def _around(text: str, place: int) -> str:
    return repr(text[max(0, place - 40) : place + 60])
