"""Where are the weights? The only module that imports dvc, and only when a checkpoint is touched.

A version's tracking files are laid out in a folder of their own, and DVC is asked about that: what it does there
costs the same in a cellar of one model or a thousand, and nothing of a stranger's commit reaches the work tree.
May import core and store.tracking.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from gitcellar.core.errors import CellarError, InvalidError, NotFoundError, WorldError
from gitcellar.store.tracking import CONFIG, Tracking

_CHUNK = 4 * 1024 * 1024

# Called with what is read or written and its size in bytes; gives a function that takes the bytes done since.
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def silent(label: str, size: int) -> AbstractContextManager[Callable[[int], None]]:
    """The progress that nobody sees."""
    return nullcontext(lambda count: None)


@dataclass(frozen=True, slots=True)
class TrackedFile:
    """One file of a checkpoint: its path relative to the checkpoint (empty for the checkpoint itself)."""

    path: str
    size: int | None
    md5: str | None


class Checkpoint:
    """A checkpoint that can be read: a file, or a folder of files in the order of their paths."""

    def __init__(
        self, path: str, files: list[TrackedFile], *, is_folder: bool, opener: Callable[[str], BufferedIOBase]
    ):
        self.path = path
        self.files = files
        self.is_folder = is_folder
        self._open = opener

    @property
    def size(self) -> int:
        """Bytes of all files, as far as they are recorded."""
        return sum(file.size or 0 for file in self.files)

    def read(self, file: TrackedFile, start: int = 0) -> Iterator[memoryview]:
        """Stream one file, from the cache or else from the remote. Raise WorldError, whatever the storage raised.

        It begins at the byte `start`, so that a download can go on.

        Two buffers take turns, so a chunk holds until the next but one is asked for: fresh memory for every chunk
        cost as much as reading it.
        """
        where = f"{self.path}/{file.path}" if file.path else self.path
        width = min(_CHUNK, max(1, file.size or _CHUNK))
        buffers = [memoryview(bytearray(width)), memoryview(bytearray(width))]
        with _explained(where), self._open(where) as source:
            if start:
                source.seek(start)
            while size := source.readinto(buffers[0]):
                yield buffers[0][:size]
                buffers.reverse()


@contextmanager
def opened(tracking: Tracking) -> Iterator[Checkpoint]:
    """A checkpoint to read from. Raise NotFoundError where DVC does not track it, WorldError where it cannot tell."""
    with _asked(tracking) as repo, _explained(tracking.path):
        fs = repo.dvcfs
        where = f"/{tracking.path}"
        try:
            found = fs.info(where)
        except FileNotFoundError as error:
            raise NotFoundError(f"DVC tracks no {tracking.path} at this commit") from error
        is_folder = found["type"] == "directory"
        names = sorted(fs.find(where)) if is_folder else [where]
        files = [_tracked(where, name, fs.info(name)) for name in names]
        yield Checkpoint(tracking.path, files, is_folder=is_folder, opener=lambda name: fs.open(f"/{name}", mode="rb"))


def push_checkpoint(tracking: Tracking) -> int:
    """Bring a checkpoint from the cache to the DVC remote. Return how many objects were new there.

    Raise WorldError where the remote has not all of it afterwards: DVC itself only warns of what it could not find.
    """
    with _asked(tracking) as repo, _explained(tracking.path):
        pushed = int(repo.push(targets=[_target(repo, tracking)]))
        objects = _list_objects(repo, tracking)
        if objects and not repo.cloud.get_remote().fs.version_aware:
            _require_objects(repo.cloud.get_remote_odb(), objects, tracking.path)
        return pushed


def find_lost(tracking: Tracking) -> list[str]:
    """The ids of a checkpoint's objects that the DVC remote has not; those of a folder also where its list is lost.

    An import that stays where it is, and a remote that keeps versions itself, are not asked.
    """
    out = tracking.out
    listed = str(out["dvc"]["outs"][0].get("md5") or "") if out else ""
    with _asked(tracking) as repo, _explained(tracking.path):
        remote = repo.cloud.get_remote()
        if not listed or remote.fs.version_aware:
            return []
        database = repo.cloud.get_remote_odb()
        if not set(database.oids_exist([listed])):
            return [listed]
        objects = _list_objects(repo, tracking) if listed.endswith(".dir") else []
        there = set(database.oids_exist(objects)) if objects else set()
        return [md5 for md5 in dict.fromkeys(objects) if md5 not in there]


@dataclass(frozen=True, slots=True)
class DvcRemote:
    """The default remote of a DVC repository, and whether it verifies what it delivers."""

    name: str
    verifies: bool


def inspect_remote(root: Path) -> DvcRemote:
    """Ask the default DVC remote whether it is there. Raise WorldError where none is configured, or none answers."""
    from dvc.repo import Repo

    with _explained("this cellar"), Repo(str(root)) as repo:
        remote = repo.cloud.get_remote()
        # Any question will do: what matters is that an answer comes.
        remote.fs.exists(remote.path)
        return DvcRemote(remote.name, bool(repo.config["remote"].get(remote.name, {}).get("verify")))


def fetch_checkpoint(tracking: Tracking) -> int:
    """Bring a checkpoint from the DVC remote into the cache of the work tree. Return how many objects were new.

    Raise WorldError where the cache has not all of it afterwards.
    """
    with _asked(tracking) as repo, _explained(tracking.path):
        fetched = int(repo.fetch(targets=[_target(repo, tracking)]))
        _require_objects(repo.cache.local, _list_objects(repo, tracking), tracking.path)
        return fetched


def init_dvc(root: Path) -> bool:
    """Run `dvc init` where there is none. Return whether it was run."""
    if (root / ".dvc").is_dir():
        return False
    from dvc.repo import Repo

    with _explained(str(root)):
        Repo.init(str(root), subdir=not (root / ".git").exists()).close()
    return True


def track(root: Path, path: str) -> list[str]:
    """Track a file or folder with DVC, unless dvc.yaml produces it. Return the files that Git should have now."""
    from dvc.exceptions import OutputNotFoundError
    from dvc.repo import Repo

    with _explained(path), Repo(str(root)) as repo:
        try:
            stage = repo.find_outs_by_path(str(root / path), strict=False)[0].stage
        except OutputNotFoundError:
            stage = None
        if stage is None or (stage.is_data_source and not stage.is_import):
            (stage,) = repo.add([str(root / path) if stage is None else str(stage.outs[0].fs_path)])
        files = {_relative(root, stage.path), *_ignores(root, stage.path)}
        lock = Path(stage.path).with_name("dvc.lock")
        return sorted(files | ({_relative(root, str(lock))} if not stage.is_data_source and lock.exists() else set()))


def track_url(root: Path, url: str, path: str) -> list[str]:
    """Track what stands at a cloud URL and stays there. Return the files that Git should have now."""
    from dvc.repo import Repo

    (root / path).parent.mkdir(parents=True, exist_ok=True)
    with _explained(url), Repo(str(root)) as repo:
        stage = repo.imp_url(url, out=str(root / path), no_download=True, force=True)
        return sorted({_relative(root, stage.path), *_ignores(root, stage.path)})


def is_changed(root: Path, path: str) -> bool:
    """Whether the data in the work tree is not what its tracking file says. Data that is not there is not changed."""
    if not (root / path).exists():
        return False
    from dvc.exceptions import OutputNotFoundError
    from dvc.repo import Repo

    with _explained(path), Repo(str(root)) as repo:
        try:
            (out,) = repo.find_outs_by_path(str(root / path))
        except OutputNotFoundError:
            return False
        return bool(out.status())


# What DVC is asked about


@contextmanager
def _asked(tracking: Tracking) -> Iterator[Any]:
    """A DVC repository that holds the tracking of one checkpoint and nothing else."""
    out = tracking.out
    if out is None:
        raise NotFoundError(
            f"DVC does not track {tracking.path} at this commit",
            hint="gitcellar add MODEL PATH tracks it and writes the manifest",
        )
    from dvc.repo import Repo

    with tempfile.TemporaryDirectory(prefix="gitcellar-") as name:
        folder = Path(name)
        (folder / ".dvc").mkdir()
        file = folder / f"{out['at']}.dvc"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(out["dvc"]))  # JSON is YAML
        with _explained(tracking.path):
            config = _read_config(tracking, folder)
            repo = Repo(name, config=config)
        try:
            yield repo
        finally:
            repo.close()


def _read_config(tracking: Tracking, folder: Path) -> dict[str, Any]:
    """Only remotes and the cache are taken from a config: what else it may say is not for this folder."""
    from dvc.config import Config

    own = {"no_scm": True, "site_cache_dir": str(folder / "site")}
    if tracking.root is not None and (tracking.root / ".dvc").is_dir():
        source = tracking.root / ".dvc"
        config = Config(str(source))
        cache = config["cache"].get("dir") or str(source / "cache")
    else:
        (folder / CONFIG).write_bytes(tracking.files.get(CONFIG, b""))
        config = Config(str(folder / ".dvc"))
        (folder / CONFIG).write_bytes(b"")
        cache = str(folder / "cache")
    if config["core"].get("remote"):
        own["remote"] = config["core"]["remote"]
    return {"core": own, "cache": {"dir": cache}, "remote": config["remote"]}


def _tracked(where: str, name: str, entry: Mapping[str, Any]) -> TrackedFile:
    inside = name.removeprefix(where).lstrip("/")
    # A listing of a folder comes from a stranger, and its paths become paths on this machine.
    if any(part in ("..", ".") for part in inside.split("/")) or "\0" in inside or "\\" in inside:
        raise InvalidError(f"the checkpoint lists a file {inside!r}, which would not stay inside it")
    return TrackedFile(inside, entry.get("size"), entry.get("md5"))


def _list_objects(repo: Any, tracking: Tracking) -> list[str]:
    """The ids of a checkpoint's objects. An import that stays where it is has none."""
    fs, where = repo.dvcfs, f"/{tracking.path}"
    found = fs.info(where)
    names = fs.find(where) if found["type"] == "directory" else []
    return [md5 for md5 in (found.get("md5"), *(fs.info(name).get("md5") for name in names)) if md5]


def _require_objects(database: Any, objects: list[str], path: str) -> None:
    if len(set(database.oids_exist(objects))) < len(set(objects)):
        raise FileNotFoundError(path)


def _target(repo: Any, tracking: Tracking) -> str:
    out = tracking.out
    return str(Path(repo.root_dir) / out["at"]) if out else tracking.path


def _relative(root: Path, path: str) -> str:
    return Path(path).resolve().relative_to(root.resolve()).as_posix()


def _ignores(root: Path, tracking_file: str) -> set[str]:
    ignore = Path(tracking_file).with_name(".gitignore")
    return {_relative(root, str(ignore))} if ignore.exists() else set()


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn whatever DVC and a dozen cloud SDKs raise into an error that says what to do; keep DVC's advice quiet."""
    import logging

    from dvc.config import NoRemoteError, RemoteConfigError

    logs = [(log, log.level) for log in map(logging.getLogger, ("dvc", "dvc_data", "dvc_objects"))]
    for log, _ in logs:
        log.setLevel(logging.ERROR)
    try:
        yield
    except CellarError:
        raise
    except (NoRemoteError, RemoteConfigError) as error:
        hint = "dvc remote add -d NAME URL, then commit .dvc/config"
        raise WorldError(f"DVC has no remote for {what}", hint=hint) from error
    except Exception as error:  # the SDKs' errors share no base class
        if _is_missing(error):
            message = f"{what} is neither in the DVC cache nor on its remote"
            raise WorldError(message, hint="whoever has it can bring it there: dvc push") from error
        reason = str(error).strip().splitlines()
        raise WorldError(f"DVC failed on {what}: {reason[0] if reason else type(error).__name__}") from error
    finally:
        for log, level in logs:
            log.setLevel(level)


def _is_missing(error: BaseException | None) -> bool:
    """Whether a file that is not there is at the bottom: of a folder's listing DVC says only that it failed to load."""
    while error is not None and not isinstance(error, FileNotFoundError):
        error = error.__cause__ or error.__context__
    return error is not None
