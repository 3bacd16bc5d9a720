"""How does DVC track a path? Read from its files, without DVC: `.dvc` files, `dvc.lock`, and its cache here."""

from __future__ import annotations

import configparser
import hashlib
import os
import posixpath
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitcellar.core.documents import MAX_BYTES
from gitcellar.core.dvc_config import CONFIG
from gitcellar.core.tracking_files import TrackedOutput, find_locked_output, parse_tracking_file
from gitcellar.store.work_files import find_work_kind, read_work_files


@dataclass(frozen=True, slots=True)
class Tracking:
    """What Git knows of a checkpoint at a commit: the contents of the files that `tracking_files` names."""

    path: str
    files: Mapping[str, bytes]
    root: Path | None
    """The work tree whose DVC config and cache serve; None for a bare repository, whose commit must say all."""

    @property
    def out(self) -> TrackedOutput | None:
        """What DVC recorded of the checkpoint, or of the folder around it; None where DVC does not track it.

        Raise InvalidError for a tracking file that DVC did not write.
        """
        for name, content in self.files.items():
            if name.endswith(".dvc"):
                found = parse_tracking_file(content, name)
            else:
                found = find_locked_output(content, name, self.path) if name != CONFIG else None
            if found is not None:
                return found
        return None


def tracking_files(path: str) -> list[str]:
    """The files of a commit that may say how DVC tracks `path`."""
    parts = path.split("/")
    folders = ["/".join(parts[:end]) for end in range(len(parts))]
    own = [f"{'/'.join(parts[:end])}.dvc" for end in range(len(parts), 0, -1)]
    return [CONFIG, *own, *(posixpath.join(folder, "dvc.lock") for folder in folders)]


def read_work_tracking(root: Path, path: str) -> Tracking:
    """How DVC tracks a path of the work tree, as its files there say."""
    return Tracking(path, read_work_files(root, tracking_files(path), most=MAX_BYTES), root)


def has_data(tracking: Tracking) -> bool:
    """Whether DVC's cache or the work tree has what a checkpoint's tracking names. True for what DVC does not cache."""
    out = tracking.out
    if out is None or tracking.root is None or out.md5 is None or out.imported:
        return True
    cache, md5 = _find_cache(tracking.root), out.md5
    if any((cache / layout / md5[:2] / md5[2:]).exists() for layout in ("files/md5", "")):
        return True
    return not out.has_list and _has_md5(tracking.root, out.path, md5)


def _find_cache(root: Path) -> Path:
    """DVC's cache: below .dvc, unless `.dvc/config.local` says otherwise. The committed config has no say."""
    config = configparser.ConfigParser(interpolation=None, strict=False)
    with suppress(configparser.Error, UnicodeDecodeError):  # DVC itself will say what is wrong with it
        config.read(root / ".dvc/config.local", encoding="utf-8")
    named = config.get("cache", "dir", fallback="cache").strip("'\"")
    return root / ".dvc" / os.path.expanduser(named)


def _has_md5(root: Path, path: str, md5: str) -> bool:
    if find_work_kind(root, path) != "blob":
        return False
    with open(root / path, "rb") as file:
        digest = hashlib.md5(usedforsecurity=False)
        while chunk := file.read(4 * 1024 * 1024):
            digest.update(chunk)
    return digest.hexdigest() == md5
