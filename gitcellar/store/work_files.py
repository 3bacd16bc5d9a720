"""What stands in the work tree? Read as Git reads a commit: by path, and never through a symbolic link.

May import nothing of gitcellar.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

Kind = Literal["blob", "tree"]


def read_work_files(root: Path, paths: Iterable[str], *, most: int) -> dict[str, bytes]:
    """The contents of those of `paths` that are files, cut off one byte after `most`."""
    found: dict[str, bytes] = {}
    for path in paths:
        if find_work_kind(root, path) == "blob":
            with open(root / path, "rb") as file:
                found[path] = file.read(most + 1)
    return found


def find_work_kind(root: Path, path: str) -> Kind | None:
    """What `path` is; None for what is not there, or stands behind a link."""
    place = root
    for part in path.split("/"):
        place = place / part
        if place.is_symlink():
            return None
    return "blob" if place.is_file() else "tree" if place.is_dir() else None


def list_work_files(root: Path, folder: str) -> list[str]:
    """The paths of all files below a folder, from the root, sorted."""
    found: list[str] = []
    for place, _, names in os.walk(root / folder):
        inside = Path(place).relative_to(root).as_posix()
        found += [f"{inside}/{name}" for name in names]
    return sorted(found)
