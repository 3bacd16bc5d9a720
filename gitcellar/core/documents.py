"""How is a YAML file from a stranger read? With limits, with every key's line, and with all faults at once.

No aliases, tags, directives or duplicate keys. PyYAML splits the text into events, and `core.scalars` says what a word
means: PyYAML's own constructors take minutes for some words and fail on others.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import yaml

from gitcellar.core.errors import InvalidError, did_you_mean
from gitcellar.core.scalars import is_disputed, read_word

if TYPE_CHECKING:
    # Who only parses does not wait for it.
    from pydantic import BaseModel, ValidationError

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_TEXT = 256 * 1024
MAX_KEY = 1024
MAX_FAULTS = 100

# Events alone are asked of it. The C loader is linear in the text.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
# Where YAML 1.1 ends a line and YAML 1.2 or an editor does not: one reader's comment is another's entry.
_HIDDEN_BREAK = re.compile("[\x85\u2028\u2029]|\r(?!\n)")
# %TAG gives a tag another name, at quadratic cost in libyaml; %YAML 1.1 gives words another meaning in ruamel.yaml.
_DIRECTIVE = re.compile("^%", re.MULTILINE)
# Of a value that does not fit: the beginning, without a look at 200,000 others inside it.
_SHORT = reprlib.Repr()
_SHORT.maxstring, _SHORT.maxlevel = 60, 2
_SURROGATE = re.compile("[\ud800-\udfff]")

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

    @property
    def where(self) -> str:
        """The path as one line, whatever the file's keys are; empty for the whole file."""
        return _escape(".".join(f"{part!s:.100}" for part in self.path))

    def __str__(self) -> str:
        where = f"{self.where}: " if self.path else ""
        column = "" if self.column is None else f":{self.column}"
        return _escape(f"{self.file}:{self.line}{column}: {where}{self.message:.500}")


class DocumentError(InvalidError):
    """A file with faults: all of them, or the first hundred and how many more."""

    def __init__(self, faults: list[Fault]) -> None:
        told, more = faults[:MAX_FAULTS], len(faults) - MAX_FAULTS
        if more > 0:
            told.append(Fault(faults[-1].file, faults[-1].line, (), f"{more} more faults follow"))
        super().__init__("\n".join(map(str, told)))
        self.faults = told


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content as plain values, and the line of every key and item by its path.

    Keys are text, as they are written. `disputed` are the paths of unquoted keys that another reader of YAML takes for
    a number, a date or a boolean, such as `1.10` and `on`.
    """

    file: str
    value: Any
    lines: Mapping[Path, int]
    disputed: frozenset[Path] = frozenset()

    def fault(self, path: Path, message: str) -> Fault:
        """A fault at `path`, or at the nearest key above it that the file has."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return Fault(self.file, self.lines[path[:end]], path, message)
        return Fault(self.file, 1, path, message)


def parse_document(content: bytes, file: str) -> Document:
    """Parse one YAML document; an empty one is None. Raise DocumentError, with all duplicate keys at once.

    The last few are remembered, for one manifest declares many models and stands in many commits: change no value.
    """
    read = (_remember_small if len(content) <= _SMALL else _remember_large)(content, file)
    if not isinstance(read, Document):
        raise DocumentError(list(read))
    return read


def decode_text(content: bytes, file: str, *, most: int = MAX_BYTES) -> str:
    """The text of a file, without a byte order mark. Raise DocumentError beyond `most` bytes, and for no UTF-8."""
    if len(content) > most:
        raise DocumentError([Fault(file, 1, (), f"the file has {len(content)} bytes, and {most} are the most")])
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DocumentError([Fault(file, line, (), "the file is not UTF-8")]) from error


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
    for entry in error.errors(include_url=False, include_context=False)[: 2 * MAX_FAULTS]:
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
    above = {place[:end] for place in messages for end in range(len(place))}
    return [document.fault(place, " or ".join(found)) for place, found in messages.items() if place not in above]


def _explain(entry: Any, model: type[BaseModel]) -> str:
    written = entry["input"]
    if entry["type"] == "extra_forbidden":
        key = str(entry["loc"][-1])
        hint = did_you_mean(key, _known_keys(model, bool(entry["loc"][:-1])))
        own = "a team's own keys go under the entry's 'custom:'" if "custom" in model.model_fields else None
        advice = hint or own or "a team's own keys have no place here"
        return f"unknown key {key!r}; {advice}"
    if entry["type"] == "string_type" and isinstance(written, int | float) and not isinstance(written, bool):
        return f"{written!r} is a number here; put it in quotes, since YAML reads 1.10 as the number 1.1"
    message = entry["msg"].removeprefix("Value error, ")
    told = "" if entry["type"] == "missing" else f", not {_SHORT.repr(written):.60}"
    return f"{message[:1].lower()}{message[1:]}{told}"


@lru_cache
def _known_keys(model: type[BaseModel], inside: bool) -> list[str]:
    """The keys that `model` knows, or those that the models inside it know, found through its JSON schema."""
    schema = model.model_json_schema()
    held = schema.get("$defs", {}).values() if inside else [schema]
    return sorted({key for definition in held for key in definition.get("properties", {})})


def _escape(text: str) -> str:
    """The text with every character that is not printable as its escape, so that it is one line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _read_document(content: bytes, file: str) -> Document | tuple[Fault, ...]:
    """A document, or its faults, which are remembered too: a hostile file may stand in many commits."""
    builder = _Builder(file)
    try:
        text = decode_text(content, file)
        _check_lines(text, file)
        builder.build(yaml.parse(text, Loader=_Loader))
    except DocumentError as error:
        return tuple(error.faults)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, None)
        return (Fault(file, line, (), f"not YAML: {error.problem}", column=column),)
    except yaml.reader.ReaderError as error:
        line = content.count(b"\n", 0, error.position) + 1
        return (Fault(file, line, (), f"not YAML: {error.reason}"),)
    if builder.faults:
        return tuple(builder.faults)
    return Document(file, builder.value, builder.lines, frozenset(builder.disputed))


# A document of 100,000 values takes 30 MB.
_SMALL = 16 * 1024
_remember_small = lru_cache(maxsize=32)(_read_document)
_remember_large = lru_cache(maxsize=4)(_read_document)


def _check_lines(text: str, file: str) -> None:
    """Refuse what readers of YAML take differently before they come to its first word."""
    for pattern, message in (
        (_HIDDEN_BREAK, "a line ends here for some readers of YAML and not for others; write \\u2028, \\N or \\r"),
        (_DIRECTIVE, "directives (%YAML, %TAG) are not allowed here"),
    ):
        if found := pattern.search(text):
            raise DocumentError([Fault(file, text.count("\n", 0, found.start()) + 1, (), message)])


@dataclass
class _Open:
    """A mapping or sequence whose end was not met yet. `key` is that of the value that comes next."""

    path: Path
    value: dict[str, Any] | list[Any]
    key: str | None = None


@dataclass
class _Builder:
    """Builds values from parser events, without recursion: depth is a number here, not a stack that overflows."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    disputed: list[Path] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    nodes: int = 0
    documents: int = 0

    def build(self, events: Iterable[Any]) -> None:
        for event in events:
            line = event.start_mark.line + 1
            if isinstance(event, yaml.NodeEvent):
                self.check(event, line)
                key_comes = bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None
                if key_comes:
                    self.take_key(event, line)
                elif isinstance(event, yaml.ScalarEvent):
                    self.place(self.read(event, line), line)
                else:
                    value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
                    self.stack.append(_Open(self.place(value, line), value))
            elif isinstance(event, yaml.CollectionEndEvent):
                self.stack.pop()
            elif isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self.stop(line, "one document a file, and a second one begins here")

    def check(self, event: Any, line: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.stop(line, f"more than {MAX_NODES} values")
        if len(self.stack) > MAX_DEPTH:
            self.stop(line, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            self.stop(line, "aliases (*name) are not allowed here")
        if event.anchor:
            self.stop(line, "anchors (&name) are not allowed here")
        if event.tag:
            self.stop(line, f"the tag {event.tag:.100} is not allowed here")

    def read(self, event: yaml.ScalarEvent, line: int) -> Any:
        text = event.value
        if len(text) > MAX_TEXT:
            self.stop(line, f"a text of {len(text)} characters, and {MAX_TEXT} are the most")
        if not text.isascii() and _SURROGATE.search(text):
            self.stop(line, "half of a surrogate pair, which is no character")
        try:
            return read_word(text) if event.implicit[0] else text
        except ValueError as error:
            raise DocumentError([Fault(self.file, line, self.path(), str(error))]) from error

    def take_key(self, event: Any, line: int) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            self.stop(line, "a key is a word here, not a list or a mapping")
        key, top = event.value, self.stack[-1]
        if len(key) > MAX_KEY:
            self.stop(line, f"a key of {len(key)} characters, and {MAX_KEY} are the most")
        if not key.isascii() and _SURROGATE.search(key):
            self.stop(line, "half of a surrogate pair, which is no character")
        if event.implicit[0] and key == "<<":
            self.stop(line, "merge keys (<<) are not allowed here")
        path = (*top.path, key)
        if key in top.value:
            self.faults.append(Fault(self.file, line, path, f"the key {key!r} stands here twice"))
        if event.implicit[0] and is_disputed(key):
            self.disputed.append(path)
        self.lines[path] = line
        top.key = key

    def path(self) -> Path:
        """Where the builder is, for a fault."""
        if not self.stack:
            return ()
        top = self.stack[-1]
        return top.path if top.key is None else (*top.path, top.key)

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
            self.lines[path] = line
        else:
            path = self.path()
            top.value[str(top.key)] = value
            top.key = None
        return path

    def stop(self, line: int, message: str) -> NoReturn:
        raise DocumentError([Fault(self.file, line, self.path(), message)])
