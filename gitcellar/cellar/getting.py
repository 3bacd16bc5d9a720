"""How does a checkpoint leave the cellar? By version or stage, from a clone or a URL, whole and verified.

May import core, store, cellar.reading and cellar.describing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitcellar.cellar.describing import require_entry
from gitcellar.cellar.reading import read_version
from gitcellar.core.digests import Digest
from gitcellar.core.documents import MAX_BYTES
from gitcellar.core.lineage import find_checkpoint
from gitcellar.core.manifest import Entry
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference
from gitcellar.core.state import VersionState
from gitcellar.core.trailers import parse_message
from gitcellar.store.checkpoints import Progress, opened, silent
from gitcellar.store.delivery import deliver
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource, cloned
from gitcellar.store.tracking import Tracking, tracking_files


@dataclass(frozen=True, slots=True)
class Delivered:
    """What `get` put where. `recorded` is None for a version whose tag records no digest, as GTO's."""

    model: ModelName
    version: VersionState
    path: Path
    digest: Digest
    recorded: Digest | None


def get_checkpoint(
    source: RefSource,
    reference: Reference,
    *,
    to: Path | None = None,
    replace: bool = False,
    progress: Progress = silent,
) -> Delivered:
    """Download the checkpoint of the version that a reference means, and hold it against the recorded sha256.

    `to` is where it shall stand; a folder that exists takes it in under its own name, which is the default in
    the current folder. Raise NotFoundError and WorldError.
    """
    _, version = read_version(source, reference)
    with _at_version(source, version.tag) as repository:
        entry = require_entry(repository, version.commit, reference.model)
        place = _find_place(to, posixpath.basename(entry.path.rstrip("/")))
        tag = repository.read_details([f"refs/tags/{version.tag}"]).get(version.tag)
        recorded = find_checkpoint(parse_message(tag[1].message)) if tag else None
        with opened(read_tracking(repository, version.commit, entry)) as checkpoint:
            digest = deliver(checkpoint, place, expected=recorded, replace=replace, progress=progress)
    return Delivered(reference.model, version, place, digest, recorded)


def read_tracking(repository: GitRepository, commit: str, entry: Entry) -> Tracking:
    """What a commit says of how DVC tracks a checkpoint."""
    path = posixpath.normpath(entry.path)
    return Tracking(
        path, repository.read_bounded_blobs(commit, tracking_files(path), most=MAX_BYTES), repository.find_root()
    )


def read_tracking_of(source: RefSource, model: ModelName, tag: str, commit: str) -> Tracking:
    """How DVC tracks the checkpoint of a version, whose tag and commit are known."""
    with _at_version(source, tag) as repository:
        return read_tracking(repository, commit, require_entry(repository, commit, model))


@contextmanager
def _at_version(source: RefSource, tag: str) -> Iterator[GitRepository]:
    """A repository that has the version's commit: of a URL that one commit, without history or other files."""
    if isinstance(source, GitRepository):
        yield source
        return
    with cloned(source.url, [f"refs/tags/{tag}"]) as repository:
        yield repository


def _find_place(to: Path | None, name: str) -> Path:
    if to is None:
        return Path(name)
    return to / name if to.is_dir() else to
