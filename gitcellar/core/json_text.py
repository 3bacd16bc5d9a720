"""How is JSON from a stranger read? With limits, and without what only Python's reader knows."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from gitcellar.core.documents import MAX_DEPTH, MAX_KEY, DocumentError, Fault, decode_text
from gitcellar.core.scalars import find_number

MAX_JSON_BYTES = 16 * 1024 * 1024
MAX_JSON_VALUES = 1_000_000

# A string, closed or not, so that every position is looked at once; or what opens, ends or separates values.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[][{},]', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class JsonError(DocumentError, ValueError):
    """A file that is no JSON, or beyond a limit; a ValueError too, as json.JSONDecodeError is."""


def parse_json(content: bytes, file: str) -> Any:
    """The value of a JSON text. Raise JsonError for what is none, holds a key twice, or is beyond a limit.

    Python's json.dump writes NaN and Infinity where there is no number: they are text here, as YAML's `.nan` is.

    >>> parse_json(b'{"loss": NaN, "steps": 10}', "metrics.json")
    {'loss': 'NaN', 'steps': 10}
    """
    try:
        text = decode_text(content, file, most=MAX_JSON_BYTES)
        _check_limits(text, file)
        return _Reader(file).read(text)
    except DocumentError as error:
        raise JsonError(error.faults) from error


def _check_limits(text: str, file: str) -> None:
    """Refuse what is too deep for a recursive parser, or too much for memory, before it is parsed."""
    depth = 0
    for number, token in enumerate(_TOKEN.finditer(text), 1):
        first = text[token.start()]
        depth += (first in "[{") - (first in "]}")
        if depth > MAX_DEPTH or number > MAX_JSON_VALUES:
            line = text.count("\n", 0, token.start()) + 1
            limit = (
                f"more than {MAX_JSON_VALUES} values" if depth <= MAX_DEPTH else f"nested more than {MAX_DEPTH} deep"
            )
            raise DocumentError([Fault(file, line, (), limit)])


class _Reader:
    """Python's JSON parser, with our numbers and mappings. It tells no line of these."""

    def __init__(self, file: str) -> None:
        self.file = file

    def read(self, text: str) -> Any:
        try:
            value = json.loads(
                text,
                parse_int=self.number,
                parse_float=self.number,
                parse_constant=str,
                object_pairs_hook=self.mapping,
            )
            if _SURROGATE_ESCAPE.search(text):
                json.dumps(value, ensure_ascii=False).encode()
        except json.JSONDecodeError as error:
            fault = Fault(self.file, error.lineno, (), f"not JSON: {error.msg.lower()}", column=error.colno)
            raise DocumentError([fault]) from error
        except UnicodeEncodeError as error:
            raise self.error("half of a surrogate pair, which is no character") from error
        return value

    def number(self, word: str) -> int | float | None:
        try:
            return find_number(word)
        except ValueError as error:
            raise self.error(str(error)) from error

    def mapping(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise self.error(f"the key {twice!r} stands here twice")
        if any(len(key) > MAX_KEY for key in found):
            raise self.error(f"a key has more than {MAX_KEY} characters")
        return found

    def error(self, message: str) -> DocumentError:
        return DocumentError([Fault(self.file, 1, (), message)])
