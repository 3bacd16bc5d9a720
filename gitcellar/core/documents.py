"""How is a YAML file from a stranger read? With limits, with every key's line, and with all faults at once.

No aliases, no tags of Python, no duplicate keys. May import core.errors, pyyaml and pydantic alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from gitcellar.core.errors import InvalidError, did_you_mean

if TYPE_CHECKING:
    # Who only parses does not wait for it.
    from pydantic import BaseModel, ValidationError

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 200_000

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"
# YAML 1.1 has no word for "as it is written", so 1.10 is the number 1.1.
_LIKE_VERSION = re.compile(r"[0-9]+\.[0-9]+0")

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound="BaseModel")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file. `line` and `column` count from 1; only syntax has a column."""

    file: str
    line: int
    path: Path
    message: str
    column: int | None = None

    def __str__(self) -> str:
        where = ".".join(map(str, self.path))
        column = "" if self.column is None else f":{self.column}"
        return f"{self.file}:{self.line}{column}: {where + ': ' if where else ''}{self.message}"


class DocumentError(InvalidError):
    """A file with faults, all of them."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content as plain values, and the line of every key and item by its path."""

    file: str
    value: Any
    lines: Mapping[Path, int]

    def fault(self, path: Path, message: str) -> Fault:
        """A fault at `path`, or at the nearest key above it that the file has."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return Fault(self.file, self.lines[path[:end]], path, message)
        return Fault(self.file, 1, path, message)


@lru_cache(maxsize=32)
def parse_document(content: bytes, file: str) -> Document:
    """Parse one YAML document; an empty one is None. Raise DocumentError, with all duplicate keys at once.

    The last few are remembered, for one manifest declares many models and stands in many commits: change no value.
    """
    if len(content) > MAX_BYTES:
        raise DocumentError([Fault(file, 1, (), f"the file has {len(content)} bytes, and {MAX_BYTES} are the most")])
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DocumentError([Fault(file, line, (), "the file is not UTF-8")]) from error
    builder = _Builder(file)
    try:
        loader = _Loader(text)
        try:
            builder.build(loader)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        fault = Fault(
            file, mark.line + 1 if mark else 1, (), f"not YAML: {reason}", column=mark.column + 1 if mark else None
        )
        raise DocumentError([fault]) from error
    if builder.faults:
        raise DocumentError(builder.faults)
    return Document(file, builder.value, builder.lines)


def as_document(value: Any, file: str) -> Document:
    """Values that were given rather than read, so that their faults are told in the same way. Every line is 1."""
    lines: dict[Path, int] = {}
    open_at: list[tuple[Path, Any]] = [((), value)]
    while open_at:
        path, held = open_at.pop()
        lines[path] = 1
        if isinstance(held, Mapping):
            open_at += [((*path, str(key)), inner) for key, inner in held.items()]
        elif isinstance(held, list):
            open_at += [((*path, number), inner) for number, inner in enumerate(held)]
    return Document(file, value, lines)


def validate(model: type[Model], document: Document, value: Any, at: Path = ()) -> tuple[Model | None, list[Fault]]:
    """Make `model` from the part of `document` at path `at`; None and every fault where it does not fit."""
    from pydantic import ValidationError

    try:
        return model.model_validate(value), []
    except ValidationError as error:
        return None, _collect_faults(error, model, document, at)


def _collect_faults(error: ValidationError, model: type[BaseModel], document: Document, at: Path) -> list[Fault]:
    """One fault a place. Of a union's branches pydantic reports each: what went deepest is what was meant."""
    messages: dict[Path, list[str]] = {}
    for entry in error.errors(include_url=False, include_context=False):
        place = at
        for part in entry["loc"]:
            # A branch of a union is part of pydantic's location, and not of the file's.
            if (*place, part) in document.lines:
                place = (*place, part)
        if entry["type"] == "missing":
            place = (*place, entry["loc"][-1])
        message = _explain(entry, model)
        if message not in messages.setdefault(place, []):
            messages[place].append(message)
    return [
        document.fault(place, " or ".join(found))
        for place, found in messages.items()
        if not any(other != place and other[: len(place)] == place for other in messages)
    ]


def _explain(entry: Any, model: type[BaseModel]) -> str:
    written = entry["input"]
    if entry["type"] == "extra_forbidden":
        key = str(entry["loc"][-1])
        hint = did_you_mean(key, _known_keys(model, entry["loc"][:-1]))
        return f"unknown key {key!r}" + (f"; {hint}" if hint else "; a team's own keys go under 'custom:'")
    if entry["type"] == "string_type" and isinstance(written, int | float) and not isinstance(written, bool):
        return f"{written!r} is a number here; put it in quotes, since YAML reads 1.10 as the number 1.1"
    message = entry["msg"].removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}" + (f", not {written!r:.60}" if entry["type"] != "missing" else "")


def _known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the model at `path` inside `model` knows, found through its JSON schema."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    keys = set(schema.get("properties", {})) if not path else set()
    for definition in definitions.values():
        if path:
            keys |= set(definition.get("properties", {}))
    return sorted(keys)


@dataclass
class _Open:
    """A mapping or sequence whose end was not met yet."""

    path: Path
    value: Any
    key: Any = None
    has_key: bool = False


@dataclass
class _Builder:
    """Builds values from parser events, without recursion: depth is a number here, not a stack that overflows."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    nodes: int = 0
    documents: int = 0

    def build(self, loader: Any) -> None:
        while loader.check_event():
            event = loader.get_event()
            line = event.start_mark.line + 1
            if isinstance(event, yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self.limit(event, line)
            if isinstance(event, yaml.ScalarEvent):
                self.place(self.scalar(loader, event, line), line)
            elif isinstance(event, yaml.MappingStartEvent):
                self.open({}, line)
            elif isinstance(event, yaml.SequenceStartEvent):
                self.open([], line)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self.stack.pop()
            elif isinstance(event, yaml.AliasEvent):
                self.stop(line, "aliases (*name) are not allowed here")
            elif isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self.stop(line, "one document a file, and a second one begins here")

    def limit(self, event: Any, line: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.stop(line, f"more than {MAX_NODES} values")
        if len(self.stack) > MAX_DEPTH:
            self.stop(line, f"nested more than {MAX_DEPTH} deep")
        if event.anchor:
            self.stop(line, "anchors (&name) are not allowed here")
        if event.tag and event.tag != "!" and not isinstance(event, yaml.ScalarEvent):
            self.stop(line, f"the tag {event.tag} is not allowed here")

    def scalar(self, loader: Any, event: Any, line: int) -> Any:
        tag = event.tag if event.tag and event.tag != "!" else None
        tag = tag or loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _MERGE:
            self.stop(line, "merge keys (<<) are not allowed here")
        try:
            return loader.construct_object(yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
        except (ValueError, KeyError, OverflowError) as error:
            raise DocumentError([Fault(self.file, line, self.path(), f"{event.value!r:.60} is no value")]) from error

    def path(self) -> Path:
        if not self.stack:
            return ()
        top = self.stack[-1]
        return (*top.path, str(top.key)) if isinstance(top.value, dict) and top.has_key else top.path

    def open(self, container: Any, line: int) -> None:
        if self.stack and isinstance(self.stack[-1].value, dict) and not self.stack[-1].has_key:
            self.stop(line, "a key is a word here, not a list or a mapping")
        self.stack.append(_Open(self.place(container, line), container))

    def place(self, value: Any, line: int) -> Path:
        """Put a value where it belongs; return its path."""
        if not self.stack:
            self.value = value
            self.lines[()] = line
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
            path: Path = (*top.path, len(top.value) - 1)
        elif not top.has_key:
            top.key, top.has_key = value, True
            path = (*top.path, str(value))
            if value in top.value:
                self.faults.append(Fault(self.file, line, path, f"the key {str(value)!r} stands here twice"))
        else:
            top.value[top.key], top.has_key = value, False
            path = (*top.path, str(top.key))
            self.lines.setdefault(path, line)
            return path
        self.lines[path] = line
        return path

    def stop(self, line: int, message: str) -> None:
        raise DocumentError([Fault(self.file, line, self.path(), message)])
