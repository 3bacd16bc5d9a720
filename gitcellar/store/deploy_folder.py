"""A folder that holds what should run: read, and changed one file at a time, each whole. May import core."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gitcellar.core.errors import WorldError

_EDITED = ".gitcellar/edited"


class Folder:
    """A target on this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other reconcilers of this machine out; who comes second waits."""
        import fcntl

        with self._open_lock() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _open_lock(self) -> IO[str]:
        try:
            (self.path / ".gitcellar").mkdir(parents=True, exist_ok=True)
            return open(self.path / ".gitcellar/lock", "w")
        except OSError as error:
            raise WorldError(f"cannot write {self.path}: {error.strerror or error}") from error

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those paths that are files; nothing is read through a link."""
        found = {}
        for path in paths:
            place = self.path / path
            if place.is_file() and not place.is_symlink():
                found[path] = place.read_bytes()
        return found

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files, each whole or not at all, in the order given."""
        for path, content in files.items():
            write_whole(self.path / path, content)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, and the folders that are empty then."""
        for path in paths:
            place = self.path / path
            place.unlink(missing_ok=True)
            for folder in place.parents:
                if folder == self.path or any(folder.iterdir()):
                    break
                folder.rmdir()

    def save(self, path: str) -> str:
        """Put what somebody wrote aside, under a name that tells its content. Return that name."""
        content = (self.path / path).read_bytes()
        kept = f"{_EDITED}/{path}.{hashlib.sha256(content).hexdigest()[:8]}"
        write_whole(self.path / kept, content)
        return kept


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, on the disk, and rename it. Raise WorldError."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise WorldError(f"cannot write {path}: {error.strerror or error}") from error
