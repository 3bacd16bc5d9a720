"""Where is a model declared? The files that may say it, and its entry as it is written, held against no format yet.

May import names and documents.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from gitcellar.core.documents import Document, DocumentError, parse_document
from gitcellar.core.names import ModelName

FILE = "artifacts.yaml"
DVC_FILE = "dvc.yaml"


def manifest_files(model: ModelName) -> list[str]:
    """The files that may declare `model`, the root's first: `artifacts.yaml` in every folder of its name."""
    folder, _, name = model.text.rpartition(":")
    if folder:
        return [f"{folder}/{FILE}", f"{folder}/{DVC_FILE}"]
    parts = name.split("/")[:-1]
    folders = ["", *("/".join(parts[:end]) + "/" for end in range(1, len(parts) + 1))]
    return [folder + FILE for folder in folders] + [DVC_FILE]


def find_written(model: ModelName, document: Document, file: str) -> tuple[str, Any] | None:
    """The key of a model's entry in a manifest, and what stands there; None where it is not declared there."""
    value = {} if document.value is None else document.value
    if not isinstance(value, dict):
        raise DocumentError([document.fault((), "a manifest maps the names of models to their entries")])
    folder = posixpath.dirname(file)
    name = f"{folder}/{model.text.rpartition(':')[2]}" if ":" in model.text else model.text
    key = name.removeprefix(f"{folder}/") if folder else name
    if key not in value or (folder and not name.startswith(f"{folder}/")):
        return None
    check_key(document, key)
    return key, value[key]


def check_key(document: Document, key: str) -> None:
    """Raise DocumentError for a model's name that GTO or another reader of YAML takes for a number or the like."""
    if (key,) in document.disputed:
        message = f"{key} is not text for every reader of YAML; put the model's name in quotes"
        raise DocumentError([document.fault((key,), message)])


def find_path(model: ModelName, files: Mapping[str, bytes]) -> str | None:
    """Where a model's checkpoint stands, by the contents of `manifest_files(model)`; None where nothing says.

    For who asks no more than that: `core.manifest` holds the whole entry against the format, which takes longer to
    import than to do.
    """
    for file, content in files.items():
        document = parse_document(content, file)
        folder = posixpath.dirname(file)
        if posixpath.basename(file) == FILE:
            entry = (find_written(model, document, file) or ("", None))[1]
        else:
            artifacts = document.value.get("artifacts") if isinstance(document.value, dict) else None
            entry = artifacts.get(model.text.rpartition(":")[2]) if isinstance(artifacts, dict) else None
        path = entry.get("path") if isinstance(entry, dict) else None
        if isinstance(path, str):
            return posixpath.join(folder, path)
    return None
