"""How do bytes reach the disk whole? Streams a checkpoint, takes its digest on the way, and renames at the end.

Nothing is in place until it is whole and right. May import core and store.checkpoints.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from gitcellar.core.digests import Digest, digest_folder
from gitcellar.core.errors import NotFoundError, WorldError
from gitcellar.store.checkpoints import Checkpoint, Progress, TrackedFile
from gitcellar.store.inside import find_inside

_CHUNK = 4 * 1024 * 1024


class MismatchError(WorldError):
    """What arrived is not what was recorded."""


def read_digest(checkpoint: Checkpoint, *, progress: Progress) -> Digest:
    """The digest of a checkpoint, read as a stream. Raise MismatchError where DVC's own hash is not the data's."""
    with progress(f"hashing {checkpoint.path}", checkpoint.size) as advance:
        return _digest_all(checkpoint, lambda file: None, advance)


def deliver(checkpoint: Checkpoint, to: Path, *, expected: Digest | None, replace: bool, progress: Progress) -> Digest:
    """Write a checkpoint to `to`, whole and of the `expected` digest, or not at all.

    Raise MismatchError, and WorldError for a full disk or a path that is taken. What was at `to` stays until the
    new content is whole, and stays for good unless `replace`.
    """
    if to.exists() and not replace:
        raise NotFoundError(f"{to} exists already", hint="choose another place with -o, or replace it with --force")
    with _explained_disk(to), _workplace(to) as folder:
        place = folder / "whole"
        with progress(checkpoint.path, checkpoint.size) as advance:
            digest = _digest_all(checkpoint, lambda file: place / file.path if file.path else place, advance)
        if expected is not None and digest != expected:
            _refuse(checkpoint, digest, expected)
        _put(place, to, folder)
    return digest


def resume(checkpoint: Checkpoint, to: Path, *, expected: Digest, progress: Progress) -> None:
    """Write a checkpoint to `to`, where nothing is, and go on with what an earlier attempt left beside it.

    Raise MismatchError, after which the next attempt begins anew, and WorldError, after which it goes on.
    """
    parts = find_inside(to.parent, f".{to.name}.part")
    place = parts / "whole"
    with _explained_disk(to), progress(checkpoint.path, checkpoint.size) as advance:
        digests = {
            # What stands there may be others': no link of theirs is followed.
            file.path: _go_on(checkpoint, file, find_inside(parts, f"whole/{file.path}".rstrip("/")), advance)
            for file in checkpoint.files
        }
        digest = digest_folder(digests) if checkpoint.is_folder else digests[""]
        if digest != expected:
            shutil.rmtree(parts)
            _refuse(checkpoint, digest, expected)
        os.replace(place, to)
        parts.rmdir()


def measure(place: Path, *, size: int, progress: Progress) -> Digest | None:
    """The digest of what stands at `place`, a file or a folder; None where nothing does that can be read.

    A link or a pipe is no part of a checkpoint: nothing is read through it, and the digest is another one.
    """
    try:
        with progress(f"measuring {place.name}", size) as advance:
            if not place.is_dir():
                return _measure_file(place, advance)
            found = (path for path in place.rglob("*") if path.is_symlink() or not path.is_dir())
            return digest_folder({_spell(path.relative_to(place)): _measure_file(path, advance) for path in found})
    except (OSError, RecursionError):
        return None  # a disk that fails reads nothing (EIO), and no checkpoint is a thousand folders deep


def discard(place: Path) -> None:
    """Remove a folder that nothing needs any more, as far as that goes: what is left is in nobody's way."""
    with suppress(RecursionError):  # as Python's rmtree meets a folder that is a thousand deep
        shutil.rmtree(place, ignore_errors=True)


def _measure_file(path: Path, advance: Callable[[int], None]) -> Digest:
    sha256, size = hashlib.sha256(), 0
    if path.is_symlink() or not path.is_file():
        path.lstat()
        return Digest(sha256.hexdigest(), 0)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            size += len(chunk)
            advance(len(chunk))
    return Digest(sha256.hexdigest(), size)


def _spell(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def _go_on(checkpoint: Checkpoint, file: TrackedFile, target: Path, advance: Callable[[int], None]) -> Digest:
    target.parent.mkdir(parents=True, exist_ok=True)
    sha256 = hashlib.sha256()
    with open(target, "a+b") as sink:
        sink.seek(0)
        while chunk := sink.read(_CHUNK):
            sha256.update(chunk)
        size = sink.tell()
        advance(size)
        for fresh in checkpoint.read(file, size) if file.size is None or size < file.size else ():
            sha256.update(fresh)
            sink.write(fresh)
            size += len(fresh)
            advance(len(fresh))
        sink.flush()
        os.fsync(sink.fileno())
    return Digest(sha256.hexdigest(), size)


def _refuse(checkpoint: Checkpoint, digest: Digest, expected: Digest) -> None:
    raise MismatchError(
        f"{checkpoint.path} is not what was registered: sha256:{digest.sha256[:12]}…, {digest.size} bytes, "
        f"where sha256:{expected.sha256[:12]}…, {expected.size} bytes, were recorded",
        hint="nothing was delivered; the object on the DVC remote was changed or is damaged",
    )


def _digest_all(
    checkpoint: Checkpoint, place: Callable[[TrackedFile], Path | None], advance: Callable[[int], None]
) -> Digest:
    digests: dict[str, Digest] = {}
    for file in checkpoint.files:
        target = place(file)
        if target is None:
            digests[file.path] = _stream(checkpoint, file, None, advance)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        # Buffered, for a raw file may take less than it is given, and says so only in a number.
        with open(target, "xb") as sink:
            digests[file.path] = _stream(checkpoint, file, sink, advance)
    if not checkpoint.is_folder:
        return digests[""]
    return digest_folder(digests)


def _stream(
    checkpoint: Checkpoint, file: TrackedFile, sink: IO[bytes] | None, advance: Callable[[int], None]
) -> Digest:
    sha256 = hashlib.sha256()
    # Only a registration, which writes nothing, has to know that DVC's record and the data agree.
    md5 = hashlib.md5(usedforsecurity=False) if sink is None and file.md5 else None
    takers = [taker for taker in (sink and sink.write, md5 and md5.update) if taker]
    size = 0
    with ThreadPoolExecutor(max_workers=1) as beside:
        hashed = None
        for chunk in checkpoint.read(file):
            # Beside reading and writing, for that takes about as long, and none of it holds Python's lock.
            if hashed is not None:
                hashed.result()
            hashed = beside.submit(sha256.update, chunk)
            for take in takers:
                take(chunk)
            size += len(chunk)
            advance(len(chunk))
    if md5 is not None and md5.hexdigest() != file.md5:
        raise MismatchError(
            f"{checkpoint.path}: the data in the DVC cache is not what its tracking file says",
            hint="the cache is damaged: remove the object, then dvc fetch",
        )
    return Digest(sha256.hexdigest(), size)


@contextmanager
def _workplace(to: Path) -> Iterator[Path]:
    """A fresh folder beside the target, on the same file system, that is gone afterwards."""
    to.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{to.name}.", suffix=".part", dir=to.parent))
    try:
        yield folder
    finally:
        discard(folder)


def _put(place: Path, to: Path, folder: Path) -> None:
    if to.is_dir() and not to.is_symlink():
        os.rename(to, folder / "before")  # goes with the folder
    os.replace(place, to)


@contextmanager
def _explained_disk(to: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorldError(f"cannot write {to}: {error.strerror or error}", hint="nothing was left behind") from error
