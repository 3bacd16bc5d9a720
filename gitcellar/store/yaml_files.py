"""How is a YAML file of the user's changed? One entry at a time, with comments and order kept, whole or not at all.

Of the YAML libraries ruamel.yaml alone writes back what it did not change.
"""

from __future__ import annotations

import copy
import io
import os
import re
import tempfile
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gitcellar.core.documents import parse_document
from gitcellar.core.errors import InvalidError, WorldError


def read_file(path: Path) -> bytes:
    """The content of a file; nothing where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise WorldError(f"cannot read {path}: {error.strerror or error}") from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole, then rename it into place."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, path.stat().st_mode if path.exists() else 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise WorldError(f"cannot write {path}: {error.strerror or error}") from error


def merge_entry(path: Path, keys: tuple[str, ...], entry: Mapping[str, Any]) -> None:
    """Set the keys of `entry` in the mapping at `keys` of a YAML file, and leave all else as it was written."""
    from ruamel.yaml.comments import CommentedMap

    text, document = _load(path)
    place = document
    for key in keys:
        if not isinstance(place.get(key), Mapping):
            place[key] = CommentedMap()
        place = place[key]
    for key, value in entry.items():
        place[key] = value
    write_file(path, _dump(text, document).encode())


def replace_items(
    path: Path, key: str, change: Callable[[list[Any]], list[Any]], *, check: Callable[[bytes], object]
) -> None:
    """Put what `change` makes of the list at the top-level `key` of a YAML file in its place; an empty one goes.

    Every line outside the items that change stays byte by byte, but for a file or a list in flow style. Nothing is
    written where `check` raises on the new content.
    """
    text, document = _load(path)
    found = document.get(key)
    items = list(found or [])
    before = copy.deepcopy(items)
    after = change(items)
    written = _edit_lines(text, key, list(zip(items, before, strict=True)), after)
    if written is None:
        if not after:
            document.pop(key, None)
        elif found is None:
            document[key] = after
        else:
            # The list itself stays, for its comments are on it.
            found[:] = after
        written = _dump(text, document)
    if text and not text.endswith("\n"):
        # So that a list that was added and is taken out again leaves the same bytes.
        written = written.removesuffix("\n")
    check(written.encode())
    write_file(path, written.encode())


def _load(path: Path) -> tuple[str, Any]:
    """The text of a YAML file, and the mapping in it."""
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import MarkedYAMLError

    content = read_file(path)
    parse_document(content, path.name)  # its limits come before a second parser's trust
    try:
        document = _make_editor().load(content.decode()) if content.strip() else None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = "write that line without tabs or other rarities, then try again"
        raise InvalidError(f"{path.name}:{line}: not YAML 1.2: {error.problem}", hint=hint) from error
    return content.decode(), document or CommentedMap()


def _dump(text: str, document: Any) -> str:
    lead = ""
    if _is_empty(text):
        # Comments have no mapping that they could belong to, so they are put back in front.
        lead = "".join(line for line in text.splitlines(keepends=True) if line.startswith(("#", "\n")))
    sink = io.StringIO()
    _make_editor().dump(document, sink)
    return lead + ("\n" if lead and not lead.endswith("\n") else "") + sink.getvalue()


def _is_empty(text: str) -> bool:
    root = _make_editor().compose(text)
    return root is None or not root.value


def _edit_lines(text: str, key: str, items: list[tuple[Any, Any]], after: list[Any]) -> str | None:
    """The text with the lines of those items alone changed; None where they do not stand on lines of their own.

    ruamel.yaml counts every comment that follows a value to that value, and drops or moves it with the value.
    """
    root = _make_editor().compose(text)
    if root is not None and (root.flow_style or not root.value):
        return None
    nodes = next((each for each in root.value if each[0].value == key), None) if root is not None else None
    if nodes is None:
        return f"{_end_line(text)}{key}:\n{_write_items(after, 2)}"
    if not after:
        start, end = _span_lines(text, *nodes)
        return text[:start] + text[end:]
    spans = [] if nodes[1].flow_style else [_span_lines(text, each, each) for each in nodes[1].value]
    if not spans or any(not re.match(" *- +[^ #]", text[start:end]) for start, end in spans):
        return None
    return _join_items(text, spans, items, after)


def _join_items(text: str, spans: list[tuple[int, int]], items: list[tuple[Any, Any]], after: list[Any]) -> str:
    """The text with the items of those spans, each one now and as it was written, replaced by those of `after`."""
    done = spans[0][0]
    column = text.index("-", done) - done
    parts = [text[:done]]
    for (start, end), (item, written) in zip(spans, items, strict=True):
        parts.append(text[done:start])
        if any(item is kept for kept in after):
            parts.append(text[start:end] if item == written else _rewrite_item(text[start:end], item, column))
        done = end
    added = [item for item in after if not any(item is old for old, _ in items)]
    return (_end_line("".join(parts)) + _write_items(added, column) if added else "".join(parts)) + text[done:]


def _end_line(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _span_lines(text: str, first: Any, last: Any) -> tuple[int, int]:
    """Where the first line of one node of ruamel.yaml begins and the last line of another ends."""
    while last.value and not isinstance(last.value, str) and not last.flow_style:
        last = last.value[-1][1] if isinstance(last.value[-1], tuple) else last.value[-1]
    # The end of a block scalar is the line after the empty ones that follow it.
    end = text.find("\n", len(text[: last.end_mark.index].rstrip()))
    return text.rfind("\n", 0, first.start_mark.index) + 1, end + 1 or len(text)


def _rewrite_item(text: str, item: Mapping[str, Any], column: int) -> str:
    """The lines of one item with the values of another, and with its own comments."""
    own = _make_editor().load(text)[0]
    for name, value in item.items():
        if isinstance(own.get(name), list):
            own[name][:] = value
        else:
            own[name] = value
    return _write_items([own], column)


def _write_items(items: list[Any], column: int) -> str:
    sink = io.StringIO()
    _make_editor().dump({"items": items}, sink)
    _, _, lines = sink.getvalue().partition("\n")
    return textwrap.indent(textwrap.dedent(lines), " " * column)


class _Word(str):
    """A number, date or boolean, which goes back as it is written. `tag` is what ruamel.yaml takes it for."""

    tag: str


def _make_editor() -> Any:
    """ruamel.yaml, but for words: it fails on a date such as 2001-13-45, and writes 1_0e999 back as .inf."""
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import RoundTripConstructor
    from ruamel.yaml.representer import RoundTripRepresenter

    class Constructor(RoundTripConstructor):
        pass

    class Representer(RoundTripRepresenter):
        pass

    def construct_word(_: Constructor, node: Any) -> _Word:
        word = _Word(node.value)
        word.tag = node.tag
        return word

    def represent_word(representer: Representer, word: _Word) -> Any:
        return representer.represent_scalar(word.tag, word)

    for kind in ("int", "float", "bool", "timestamp"):
        Constructor.add_constructor(f"tag:yaml.org,2002:{kind}", construct_word)
    Representer.add_representer(_Word, represent_word)
    yaml = YAML()
    yaml.Constructor, yaml.Representer = Constructor, Representer
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
