"""Where are the weights? Asks DVC about one checkpoint at a time: reads it, fetches it, pushes it.

What a version's tracking says is laid out in a folder of its own, and DVC is asked about that: what it does there
costs the same in a cellar of one model or a thousand, and nothing of a stranger's commit reaches the work tree.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gitcellar.core.dvc_config import CONFIG
from gitcellar.core.errors import InvalidError, NotFoundError
from gitcellar.core.tracking_files import (
    MAX_LIST_BYTES,
    CloudCopy,
    ListedFile,
    Recorded,
    TrackedOutput,
    is_inside,
    parse_folder_list,
)
from gitcellar.store.checkpoints.checkpoint import Checkpoint, TrackedFile
from gitcellar.store.checkpoints.errors import explained
from gitcellar.store.checkpoints.repositories import (
    StorageConfig,
    open_repository,
    read_config,
    read_work_tree_config,
    require_safe_endpoint,
)
from gitcellar.store.tracking import Tracking


@contextmanager
def opened(tracking: Tracking) -> Iterator[Checkpoint]:
    """A checkpoint to read from. Raise NotFoundError where DVC does not track it, WorldError where it cannot tell."""
    with _asked(tracking) as asked:
        asked.place_list()
        fs = asked.repository.dvcfs
        where = f"/{tracking.path}"
        try:
            found = fs.info(where)
        except FileNotFoundError as error:
            raise NotFoundError(f"DVC tracks no {tracking.path} at this commit") from error
        is_folder = found["type"] == "directory"
        names = sorted(fs.find(where)) if is_folder else [where]
        files = [_tracked(where, name, fs.info(name)) for name in names]
        asked.require_no_links(file.md5 for file in files)
        yield Checkpoint(
            tracking.path,
            files,
            is_folder=is_folder,
            opener=lambda name: fs.open(f"/{name}", mode="rb"),
            ignored=asked.ignored,
        )


def push_checkpoint(tracking: Tracking) -> int:
    """Bring a checkpoint from the cache to the DVC remote. Return how many objects were new there.

    Raise WorldError where the remote has not all of it afterwards: DVC itself only warns of what it could not find.
    """
    with _asked(tracking) as asked:
        asked.place_list()
        objects = asked.list_objects()
        asked.require_no_links(objects)
        pushed = int(asked.repository.push(targets=[asked.target]))
        if objects and not asked.remote().fs.version_aware:
            _require_objects(asked.remote_objects(), objects, tracking.path)
        return pushed


def find_lost(tracking: Tracking) -> list[str]:
    """The ids of a checkpoint's objects that the DVC remote has not; those of a folder also where its list is lost.

    An import that stays where it is, and a remote that keeps versions itself, are not asked.
    """
    with _asked(tracking) as asked:
        md5 = asked.out.md5
        if md5 is None or asked.remote().fs.version_aware:
            return []
        database = asked.remote_objects()
        if not set(database.oids_exist([md5])):
            return [md5]
        if not asked.out.has_list:
            return []
        asked.place_list()
        objects = asked.list_objects()
        there = set(database.oids_exist(objects))
        return [md5 for md5 in dict.fromkeys(objects) if md5 not in there]


def fetch_checkpoint(tracking: Tracking) -> int:
    """Bring a checkpoint from the DVC remote into the cache of the work tree. Return how many objects were new.

    Raise WorldError where the cache has not all of it afterwards.
    """
    with _asked(tracking) as asked:
        asked.place_list()
        objects = asked.list_objects()
        asked.require_no_links(objects)
        fetched = int(asked.repository.fetch(targets=[asked.target]))
        _require_objects(asked.cache, objects, tracking.path)
        return fetched


# Of these the first part of a path is a bucket, which somebody has to make.
_BUCKETS = ("s3", "gs", "azure", "oss")


@dataclass(frozen=True, slots=True)
class DvcRemote:
    """The default remote of a DVC repository, whether it verifies what it delivers, and what was `ignored` of the
    committed config. `missing` is the folder or bucket of it that does not exist, None where it does."""

    name: str
    verifies: bool
    ignored: tuple[str, ...]
    missing: str | None


def inspect_remote(root: Path) -> DvcRemote:
    """Ask the default DVC remote whether it is there. Raise WorldError where none is configured, or none answers."""
    config = read_work_tree_config(root)
    with _laid_out(config, None) as repository, explained("this cellar", config.ignored):
        require_safe_endpoint(config, None)
        remote = repository.cloud.get_remote()
        # Below a bucket there are no folders: what was never pushed to is not missing.
        place = remote.path.partition("/")[0] if remote.fs.protocol in _BUCKETS else remote.path
        missing = None if remote.fs.exists(place) else place
        verifies = bool(repository.config["remote"][remote.name].get("verify"))
        return DvcRemote(remote.name, verifies, config.ignored, missing)


# What DVC is asked about


@dataclass(frozen=True, slots=True)
class _Asked:
    """A DVC repository that holds the tracking of one checkpoint and nothing else, and the cache that it uses."""

    repository: Any
    out: TrackedOutput
    path: str
    ignored: tuple[str, ...]

    @property
    def target(self) -> str:
        # The tracking file, for of a path DVC asks the current folder's dvc.yaml too, which may read any file.
        return f"{Path(self.repository.root_dir) / self.out.path}.dvc"

    @property
    def cache(self) -> Any:
        return self.repository.cache.legacy if self.out.legacy else self.repository.cache.local

    def remote(self) -> Any:
        return self.repository.cloud.get_remote(self.out.remote)

    def remote_objects(self) -> Any:
        remote = self.remote()
        return remote.legacy_odb if self.out.legacy else remote.odb

    def place_list(self) -> None:
        """See that the list of a folder is in the cache, and is the one that was tracked: DVC reads it there first.

        From the remote DVC would take any list, and a hash in it for a path.
        """
        md5 = self.out.md5
        if md5 is None or not self.out.has_list:
            return
        self.require_no_links([md5])
        place = Path(self.cache.oid_to_path(md5))
        if place.exists():
            parse_folder_list(_read_limited(place.open("rb")), md5, self.out.path)
            return
        database = self.remote_objects()
        content = _read_limited(database.fs.open(database.oid_to_path(md5), mode="rb"))
        parse_folder_list(content, md5, self.out.path)
        _write_whole(place, content)

    def list_objects(self) -> list[str]:
        """The ids of a checkpoint's objects. An import that stays where it is has none."""
        fs, where = self.repository.dvcfs, f"/{self.path}"
        found = fs.info(where)
        names = fs.find(where) if found["type"] == "directory" else []
        return [md5 for md5 in (found.get("md5"), *(fs.info(name).get("md5") for name in names)) if md5]

    def require_no_links(self, objects: Iterable[str | None]) -> None:
        """Raise InvalidError where an object in the cache is a link to outside of it."""
        cache = Path(self.cache.path)
        for md5 in objects:
            place = Path(self.cache.oid_to_path(md5)) if md5 else None
            if place and place.is_symlink() and cache.resolve() not in place.resolve().parents:
                raise InvalidError(f"{place} is a symbolic link to outside of the cache", hint=f"rm '{place}'")


@contextmanager
def _asked(tracking: Tracking) -> Iterator[_Asked]:
    out = tracking.out
    if out is None or (out.md5 is None and out.source is None and not out.files and out.cloud is None):
        raise NotFoundError(
            f"DVC does not track {tracking.path} at this commit",
            hint="gitcellar add MODEL PATH tracks it and writes the manifest",
        )
    root = tracking.root if tracking.root is not None and (tracking.root / ".dvc").is_dir() else None
    config = read_work_tree_config(root) if root else read_config(None, tracking.files.get(CONFIG, b""))
    with (
        _laid_out(config, root, {f"{out.path}.dvc": format_output(out)}) as repository,
        explained(tracking.path, config.ignored),
    ):
        if out.source is None:
            require_safe_endpoint(config, out.remote)
        yield _Asked(repository, out, tracking.path, config.ignored)


@contextmanager
def _laid_out(
    config: StorageConfig, root: Path | None, files: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Any]:
    """A DVC repository in a throw-away folder; its cache is the work tree's where there is one."""
    with tempfile.TemporaryDirectory(prefix="gitcellar-") as name:
        folder = Path(name)
        (folder / ".dvc").mkdir()
        for path, content in (files or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(json.dumps(content))  # JSON is YAML
        cache = {"dir": str(root / ".dvc/cache"), **config.values["cache"]} if root else {"dir": str(folder / "cache")}
        told = StorageConfig({**config.values, "cache": cache}, config.ignored, config.endpoints)
        with explained("this cellar", config.ignored):
            repository = open_repository(folder, told, no_scm=True, site_cache_dir=str(folder / "site"))
        try:
            yield repository
        finally:
            repository.close()


def format_output(out: TrackedOutput) -> dict[str, Any]:
    """An output as the content of a `.dvc` file."""
    entry = {
        "path": os.path.basename(out.path),
        **_format_recorded(out.recorded),
        **({} if out.legacy else {"hash": "md5"}),
        **({"remote": out.remote} if out.remote else {}),
        **({} if out.pushed else {"push": False}),
        **_format_cloud(out.cloud),
        **({"files": [_format_file(file) for file in out.files]} if out.files else {}),
        **out.annotations,
    }
    if out.source is None:
        return {"outs": [entry]}
    files = {"files": [_format_file(file) for file in out.source.files]} if out.source.files else {}
    dep = {"path": out.source.url, **_format_recorded(out.source.recorded), **files}
    return {"outs": [entry], "deps": [dep], "frozen": True}


def _format_recorded(recorded: Recorded) -> dict[str, Any]:
    return {key: value for key, value in asdict(recorded).items() if value is not None}


def _format_cloud(cloud: CloudCopy | None) -> dict[str, Any]:
    return {"cloud": {cloud.remote: _format_recorded(cloud.recorded)}} if cloud else {}


def _format_file(file: ListedFile) -> dict[str, Any]:
    return {"relpath": file.path, **_format_recorded(file.recorded), **_format_cloud(file.cloud)}


def _tracked(where: str, name: str, entry: Mapping[str, Any]) -> TrackedFile:
    inside = name.removeprefix(where).lstrip("/")
    # The names of an import that stays where it is come from that storage, and become paths on this machine.
    if inside and not is_inside(inside):
        raise InvalidError(f"the checkpoint lists a file {inside!r}, which would not stay inside it")
    return TrackedFile(inside, entry.get("size"), entry.get("md5"))


def _read_limited(source: Any) -> bytes:
    with source:
        return bytes(source.read(MAX_LIST_BYTES + 1))


def _write_whole(place: Path, content: bytes) -> None:
    """Write an object into the cache, in one step and read-only, as DVC keeps them."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    with open(handle, "wb") as file:
        file.write(content)
    os.chmod(name, 0o444)
    os.replace(name, place)


def _require_objects(database: Any, objects: list[str], path: str) -> None:
    if len(set(database.oids_exist(objects))) < len(set(objects)):
        raise FileNotFoundError(path)
