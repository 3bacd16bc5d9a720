"""How is a YAML file of the user's changed? One entry at a time, with comments and order kept, whole or not at all.

Of the YAML libraries ruamel.yaml alone writes back what it did not change.
"""

from __future__ import annotations

import io
import os
import tempfile
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

    def merge(document: Any) -> None:
        place = document
        for key in keys:
            if not isinstance(place.get(key), Mapping):
                place[key] = CommentedMap()
            place = place[key]
        for key, value in entry.items():
            place[key] = value

    _edit_file(path, merge)


def replace_items(
    path: Path, key: str, change: Callable[[list[Any]], list[Any]], *, check: Callable[[bytes], object]
) -> None:
    """Put what `change` makes of the list at the top-level `key` of a YAML file in its place; an empty one goes.

    Nothing is written where `check` raises on the new content.
    """

    def replace(document: Any) -> None:
        found = document.get(key)
        items = change(list(found or []))
        if not items:
            document.pop(key, None)
        elif found is None:
            document[key] = items
        else:
            # The list itself stays, for its comments are on it.
            found[:] = items

    _edit_file(path, replace, check)


def _edit_file(
    path: Path, change: Callable[[Any], None], check: Callable[[bytes], object] = lambda content: None
) -> None:
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import MarkedYAMLError

    content = read_file(path)
    parse_document(content, path.name)  # its limits come before a second parser's trust
    yaml = _make_editor()
    try:
        document = yaml.load(content.decode()) if content.strip() else None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = "write that line without tabs or other rarities, then try again"
        raise InvalidError(f"{path.name}:{line}: not YAML 1.2: {error.problem}", hint=hint) from error
    lead = ""
    if not document:
        # Comments have no mapping that they could belong to, so they are put back in front.
        lead = "".join(line for line in content.decode().splitlines(keepends=True) if line.startswith(("#", "\n")))
        document = CommentedMap()
    change(document)
    sink = io.StringIO()
    yaml.dump(document, sink)
    written = (lead + ("\n" if lead and not lead.endswith("\n") else "") + sink.getvalue()).encode()
    check(written)
    write_file(path, written)


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
