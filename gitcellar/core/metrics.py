"""What was measured? Numbers by name, from a manifest entry or from a metrics file as DVC reads them."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from gitcellar.core.documents import MAX_DEPTH, DocumentError, Fault, decode_text, parse_document
from gitcellar.core.json_text import parse_json
from gitcellar.core.scalars import find_number

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    import tomli as tomllib  # type: ignore[no-redef]

# tomllib takes quadratic time for the dots of a key, and for keys below a long table name: with these, 0.7 s at most.
MAX_TOML_BYTES = 64 * 1024
MAX_TOML_DOTS = 100
MAX_NAME = 250

Metrics = Mapping[str, float]


def parse_metrics(content: bytes, file: str) -> dict[str, float]:
    """The numbers of a JSON, YAML, TOML or CSV file, by the dotted path of their keys.

    Of CSV the last row counts, as of a training log. What is no finite number, or has a path of more than 250
    characters, is passed over. Raise DocumentError for a file that cannot be read, that gives one name to two numbers,
    or of another kind.
    """
    suffix = file.rpartition(".")[2].lower()
    parse = {"json": parse_json, "yaml": _parse_yaml, "yml": _parse_yaml, "toml": _parse_toml, "csv": _parse_csv}
    if suffix not in parse:
        raise DocumentError([Fault(file, 1, (), "metrics are read from .json, .yaml, .toml and .csv files")])
    numbers = list(_numbers(parse[suffix](content, file)))
    twice = [name for name, count in Counter(name for name, _ in numbers).items() if count > 1]
    if twice:
        raise DocumentError([Fault(file, 1, (), f"two numbers have the name {name!r}") for name in twice])
    return dict(numbers)


def find_numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a mapping, by the dotted path of their keys."""
    return dict(_numbers(values))


def _parse_yaml(content: bytes, file: str) -> Any:
    return parse_document(content, file).value


def _parse_toml(content: bytes, file: str) -> Any:
    text = decode_text(content, file, most=MAX_TOML_BYTES)
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MAX_TOML_DOTS:
            raise DocumentError([Fault(file, number, (), f"more than {MAX_TOML_DOTS} dots on one line")])
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError([Fault(file, 1, (), f"not TOML: {error}")]) from error


def _parse_csv(content: bytes, file: str) -> Any:
    """The last row that is not empty, by the names of the first."""
    text = decode_text(content, file)
    header: list[str] = []
    last: list[str] = []
    try:
        for row in csv.reader(io.StringIO(text, newline="")):
            if row:
                header, last = (header, row) if header else (row, [])
    except csv.Error as error:
        raise DocumentError([Fault(file, 1, (), f"not CSV: {error}")]) from error
    try:
        cells = [find_number(cell.strip()) for cell in last[: len(header)]]
    except ValueError as error:
        raise DocumentError([Fault(file, 1, (), str(error))]) from error
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise DocumentError([Fault(file, 1, (), f"the column {name!r} stands here twice") for name in twice])
    return dict(zip(header, cells, strict=False))


def _numbers(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
    if len(path) > MAX_NAME:
        return
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        for key, inner in value.items():
            yield from _numbers(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool) and path:
        try:
            number = float(value)
        except OverflowError:
            return
        if math.isfinite(number):
            yield path, number
