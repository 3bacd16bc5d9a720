"""What was measured? Numbers by name, from a manifest entry or from a metrics file as DVC reads them.

May import core.documents and core.errors.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from gitcellar.core.documents import MAX_DEPTH, DocumentError, Fault, parse_document

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    import tomli as tomllib  # type: ignore[no-redef]

Metrics = Mapping[str, float]


def parse_metrics(content: bytes, file: str) -> dict[str, float]:
    """The numbers of a JSON, YAML, TOML or CSV file, by the dotted path of their keys.

    Of CSV the last row counts, as of a training log. What is no finite number is passed over. Raise DocumentError for
    a file that cannot be read, or of another kind.
    """
    suffix = file.rpartition(".")[2].lower()
    if suffix in ("json", "yaml", "yml"):
        # JSON is YAML, but for a number such as 1e-05, which YAML 1.1 takes for a word.
        return dict(_numbers(_parse_json(content, file) if suffix == "json" else parse_document(content, file).value))
    try:
        text = content.decode("utf-8")
        if suffix == "toml":
            return dict(_numbers(tomllib.loads(text)))
        if suffix == "csv":
            rows = list(csv.DictReader(io.StringIO(text)))
            return dict(_numbers({key: _read_number(cell) for key, cell in rows[-1].items()})) if rows else {}
    except (ValueError, csv.Error, RecursionError) as error:
        raise DocumentError([Fault(file, 1, (), f"no {suffix.upper()}: {error}")]) from error
    raise DocumentError([Fault(file, 1, (), "metrics are read from .json, .yaml, .toml and .csv files")])


def find_numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a mapping, by the dotted path of their keys."""
    return dict(_numbers(values))


def _parse_json(content: bytes, file: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DocumentError([Fault(file, getattr(error, "lineno", 1), (), f"no JSON: {error}")]) from error


def _numbers(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
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


def _read_number(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None
