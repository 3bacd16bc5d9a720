"""A folder that holds what should run: read, and changed one file at a time, each whole. May import core."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gitcellar.core.errors import InvalidError, WorldError
from gitcellar.store.inside import find_inside

_LOCK = ".gitcellar/lock"
_EDITED = ".gitcellar/edited"


class Folder:
    """A target on this machine. Its methods raise InvalidError where a symbolic link stands on the way to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other reconcilers of this machine out; who comes second waits."""
        import fcntl

        with self._open_lock() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _open_lock(self) -> IO[bytes]:
        place = find_inside(self.path, _LOCK)
        with _explained("write", self.path):
            place.parent.mkdir(parents=True, exist_ok=True)
            # To open a pipe would wait for its other end.
            if place.exists() and not place.is_file():
                raise InvalidError(f"{place} is no file", hint=f"rm '{place}'")
            # Opened to append: who finds another program's file of that name takes nothing from it.
            return open(place, "ab")

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those paths that are files."""
        found = {}
        for path in paths:
            place = find_inside(self.path, path)
            with _explained("read", place):
                if place.is_file():
                    found[path] = place.read_bytes()
        return found

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files, each whole or not at all, in the order given."""
        for path, content in files.items():
            write_whole(find_inside(self.path, path), content)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, and the folders that are empty then."""
        for path in paths:
            place = find_inside(self.path, path)
            with _explained("remove", place):
                place.unlink(missing_ok=True)
                for folder in place.parents:
                    if folder == self.path or any(folder.iterdir()):
                        break
                    folder.rmdir()

    def save(self, path: str) -> str:
        """Put what somebody wrote aside, under a name that tells its content. Return that name."""
        content = self.read([path])[path]
        kept = f"{_EDITED}/{path}.{hashlib.sha256(content).hexdigest()[:8]}"
        self.write({kept: content})
        return kept


@contextmanager
def _explained(verb: str, place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorldError(f"cannot {verb} {place}: {error.strerror or error}") from error


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
