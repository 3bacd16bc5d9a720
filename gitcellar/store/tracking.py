"""How does DVC track a path? Read from its files, without DVC: `.dvc` files, `dvc.lock`, and its cache on this machine.

May import core.
"""

from __future__ import annotations

import configparser
import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcellar.core.documents import parse_document
from gitcellar.core.errors import InvalidError

CONFIG = ".dvc/config"


@dataclass(frozen=True, slots=True)
class Tracking:
    """What Git knows of a checkpoint at a commit: the contents of the files that `tracking_files` names."""

    path: str
    files: Mapping[str, bytes]
    root: Path | None
    """The work tree whose DVC config and cache serve; None for a bare repository, whose commit must say all."""

    @property
    def out(self) -> dict[str, Any] | None:
        """What DVC recorded of the checkpoint, or of the folder around it; None where DVC does not track it."""
        return _find_out(self.path, self.files)


def tracking_files(path: str) -> list[str]:
    """The files of a commit that may say how DVC tracks `path`."""
    parts = path.split("/")
    folders = ["/".join(parts[:end]) for end in range(len(parts))]
    own = [f"{'/'.join(parts[:end])}.dvc" for end in range(len(parts), 0, -1)]
    return [CONFIG, *own, *(posixpath.join(folder, "dvc.lock") for folder in folders)]


def has_data(tracking: Tracking) -> bool:
    """Whether DVC's cache or the work tree has what a checkpoint's tracking names. True for what DVC does not cache."""
    out = tracking.out
    md5 = out["dvc"]["outs"][0].get("md5") if out else None
    if out is None or tracking.root is None or not isinstance(md5, str) or "deps" in out["dvc"]:
        return True
    cache = _find_cache(tracking.root)
    if any((cache / layout / md5[:2] / md5[2:]).exists() for layout in ("files/md5", "")):
        return True
    return not md5.endswith(".dir") and _has_md5(tracking.root / out["at"], md5)


def _find_cache(root: Path) -> Path:
    """DVC's cache, as `dvc cache dir` would say: below .dvc unless its config says otherwise."""
    found = root / ".dvc/cache"
    for name in ("config", "config.local"):
        config = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            config.read(root / ".dvc" / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # DVC itself will say what is wrong with it
        if config.has_option("cache", "dir"):
            found = root / ".dvc" / config.get("cache", "dir").strip("'\"")
    return found


def _has_md5(path: Path, md5: str) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with open(path, "rb") as file:
        digest = hashlib.md5(usedforsecurity=False)
        while chunk := file.read(4 * 1024 * 1024):
            digest.update(chunk)
    return digest.hexdigest() == md5


def _find_out(path: str, files: Mapping[str, bytes]) -> dict[str, Any] | None:
    """The tracking of `path`, or of the folder that it stands in, as `{"at": path, "dvc": content of a .dvc file}`."""
    for name, content in files.items():
        if name == CONFIG:
            continue
        document = parse_document(content, name).value
        if not isinstance(document, dict):
            continue
        if name.endswith(".dvc"):
            at, outs, deps = name.removesuffix(".dvc"), document.get("outs"), document.get("deps")
            if isinstance(outs, list) and len(outs) == 1 and isinstance(outs[0], dict):
                if outs[0].get("path") != posixpath.basename(at) or document.get("wdir", ".") != ".":
                    raise InvalidError(f"{name} tracks something else than {at}", hint="track it anew: dvc add")
                return {"at": at, "dvc": {"outs": outs, **_cloud_deps(deps, document)}}
            continue
        found = _find_locked(path, posixpath.dirname(name), document)
        if found is not None:
            return found
    return None


def _cloud_deps(deps: object, document: Mapping[str, Any]) -> dict[str, Any]:
    """An import's source, where it is a cloud URL: a path of this machine is none of a stranger's business."""
    kept = (
        [dep for dep in deps if isinstance(dep, dict) and "://" in str(dep.get("path", ""))]
        if isinstance(deps, list)
        else []
    )
    return {"deps": kept, "frozen": True} if kept and document.get("frozen") else {}


def _find_locked(path: str, folder: str, lock: Mapping[str, Any]) -> dict[str, Any] | None:
    """The output of a pipeline in a dvc.lock that is `path` or a folder around it."""
    stages = lock.get("stages")
    for stage in stages.values() if isinstance(stages, dict) else ():
        outs = stage.get("outs") if isinstance(stage, dict) else None
        for out in outs if isinstance(outs, list) else ():
            if not isinstance(out, dict) or not isinstance(out.get("path"), str):
                continue
            at = posixpath.normpath(posixpath.join(folder, out["path"]))
            if path == at or path.startswith(f"{at}/"):
                return {"at": at, "dvc": {"outs": [{**out, "path": posixpath.basename(at)}]}}
    return None
