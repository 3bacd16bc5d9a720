"""What do commits, the index or the work tree declare, and is it there? Evidence for the judge, in few git processes.

May import core, policy and store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gitcellar.core.declared import manifest_files
from gitcellar.core.documents import MAX_BYTES, DocumentError
from gitcellar.core.dvc_config import CONFIG, LOCAL_PATHS, parse_committed_config
from gitcellar.core.errors import CellarError, InvalidError
from gitcellar.core.manifest import Entry, find_located
from gitcellar.core.metrics import Metrics, find_numbers, parse_metrics
from gitcellar.core.names import ModelName
from gitcellar.core.tracking_files import Recorded
from gitcellar.policy.change import Declaration, Tracked
from gitcellar.policy.settings import ModelRules
from gitcellar.store.git import GitRepository
from gitcellar.store.tracking import Tracking, has_data, tracking_files
from gitcellar.store.work_files import find_work_kind, list_work_files, read_work_files

WORK_TREE, INDEX = "the work tree", "the index"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is declared: a commit or tree by its id, or else the work tree below `root`.

    `data` is the work tree that must have the data which is tracked, where one must.
    """

    tree: str
    name: str
    root: Path | None = None
    data: Path | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model whose declaration at a place is asked for; the same one whatever rules apply to it."""

    place: Place
    model: ModelName
    rules: ModelRules = field(compare=False)


At = tuple[Place, str]


def commit_place(commit: str) -> Place:
    """A commit as a place."""
    return Place(commit, commit[:7])


def read_files(repository: GitRepository, wanted: Iterable[At]) -> dict[At, bytes]:
    """The contents of those files that are there, by place and path. One beyond all limits is as long as zeros."""
    return _Files(repository).read(wanted)


def read_declarations(repository: GitRepository, wanted: Sequence[Wanted]) -> dict[Wanted, Declaration]:
    """What each place declares of each model. Files are read of those models alone, however many the cellar has."""
    files = _Files(repository)
    keys = {item: [(item.place, file) for file in manifest_files(item.model)] for item in wanted}
    contents = files.read(key for found in keys.values() for key in found)
    declared = {
        item: _declare(item, {path: contents[place, path] for place, path in found if (place, path) in contents})
        for item, found in keys.items()
    }
    return _with_files(files, declared)


class _Files:
    """Files of git's trees in one process for all, and of the work tree."""

    def __init__(self, repository: GitRepository) -> None:
        self._repository = repository

    def read(self, wanted: Iterable[At]) -> dict[At, bytes]:
        wanted = list(dict.fromkeys(wanted))
        names = {(place, path): f"{place.tree}:{path}" for place, path in wanted if place.root is None}
        headers = self._repository.check_objects(names.values())
        there = {key: headers[name] for key, name in names.items() if name in headers}
        # The same content stands in many commits: it is read, and parsed, once. A manifest bomb is not read at all.
        ids = {header.object_id for header in there.values() if header.size <= MAX_BYTES}
        contents = self._repository.read_objects({object_id: object_id for object_id in ids}, kind="blob")
        huge = bytes(MAX_BYTES + 1)
        found = {key: contents.get(header.object_id, huge) for key, header in there.items() if header.kind == "blob"}
        for place, path in wanted:
            if place.root is not None:
                for name, content in read_work_files(place.root, [path], most=MAX_BYTES).items():
                    found[place, name] = content
        return found

    def find_kinds(self, wanted: Iterable[At]) -> dict[At, str]:
        wanted = list(dict.fromkeys(wanted))
        names = {(place, path): f"{place.tree}:{path}" for place, path in wanted if place.root is None}
        headers = self._repository.check_objects(names.values())
        found = {key: headers[name].kind for key, name in names.items() if name in headers}
        for place, path in wanted:
            kind = find_work_kind(place.root, path) if place.root is not None else None
            if kind is not None:
                found[place, path] = kind
        return found

    def list_folder(self, place: Place, folder: str) -> list[str]:
        if place.root is not None:
            return list_work_files(place.root, folder)
        return self._repository.list_files(place.tree, folder)


def _declare(item: Wanted, files: Mapping[str, bytes]) -> Declaration:
    try:
        located = find_located(item.model, files)
    except DocumentError as error:
        faults = tuple(map(str, error.faults))
        first = error.faults[0]
        return Declaration(item.model, item.rules, item.place.name, file=first.file, line=first.line, faults=faults)
    if located is None:
        return Declaration(item.model, item.rules, item.place.name)
    return Declaration(item.model, item.rules, item.place.name, located.entry, located.file, located.line)


def _with_files(files: _Files, declared: dict[Wanted, Declaration]) -> dict[Wanted, Declaration]:
    """The declarations with what is known of the files that they name."""
    named = [(item.place, path) for item, found in declared.items() for path in _named_paths(found.entry)]
    kinds = files.find_kinds([*named, *((item.place, path) for item in declared for path in (".dvc", *LOCAL_PATHS))])
    asked = {key: [(key[0], file) for file in tracking_files(key[1])] for key in named}
    locks = [(item.place, path) for item, found in declared.items() if (path := _lock_path(found))]
    measured = [(item.place, path) for item, found in declared.items() if (path := _metrics_path(found))]
    contents = files.read([*(key for found in asked.values() for key in found), *locks, *measured])
    tracked = {
        (place, path): Tracking(path, {at[1]: contents[at] for at in found if at in contents}, place.data)
        for (place, path), found in asked.items()
    }
    return {item: _complete(files, item, found, kinds, tracked, contents) for item, found in declared.items()}


def _complete(
    files: _Files,
    item: Wanted,
    found: Declaration,
    kinds: Mapping[At, str],
    tracked: Mapping[At, Tracking],
    contents: Mapping[At, bytes],
) -> Declaration:
    place, lock = item.place, _lock_path(found)
    paths = _named_paths(found.entry)
    try:
        # Each is parsed, for what DVC would be told by any of them must be fit to be told.
        outs = {path: tracked[place, path].out for path in paths}
        missing = [path for path in paths if (place, path) not in kinds and outs[path] is None]
        own = _find_tracked(place, tracked[place, paths[0]], kinds.get((place, paths[0]))) if paths else Tracked()
        _require_fit_for_dvc(place, kinds, contents)
        metrics = _read_metrics(found, contents, place)
    except CellarError as error:
        # What one commit got wrong is told of that commit, and stops no other from being judged.
        return replace(found, faults=(*found.faults, *error.message.splitlines()))
    return replace(
        found,
        missing=tuple(missing),
        tracked=own,
        files=_list_own_files(files, item),
        lock=(lock, contents[place, lock]) if lock and (place, lock) in contents else None,
        metrics=metrics,
    )


def _require_fit_for_dvc(place: Place, kinds: Mapping[At, str], contents: Mapping[At, bytes]) -> None:
    """Raise InvalidError for a DVC config that cannot be read, and for what a commit puts where DVC writes."""
    parse_committed_config(contents.get((place, CONFIG), b""))
    if place.root is None:
        found = [path for path in LOCAL_PATHS if (place, path) in kinds]
        if kinds.get((place, ".dvc")) == "blob":
            raise InvalidError(".dvc is no folder, and DVC would write through it")
        if found:
            raise InvalidError(f"{found[0]} is in Git, where it can lead DVC to write elsewhere")


def _named_paths(entry: Entry | None) -> list[str]:
    """The paths that an entry names, its checkpoint's first."""
    if entry is None:
        return []
    files = [path for path in (entry.params, entry.metrics, entry.environment) if isinstance(path, str)]
    return list(dict.fromkeys([entry.path, *files, *(data.path for data in entry.data if data.path)]))


def _find_tracked(place: Place, tracking: Tracking, kind: str | None) -> Tracked:
    out = tracking.out
    recorded = out.recorded if out and out.path == tracking.path else Recorded()
    return Tracked(
        # The work tree has the data, and a commit must not.
        outside_dvc=kind is not None and (place.root is None or out is None),
        digest=recorded.md5,
        size=recorded.size,
        data_missing=not has_data(tracking),
    )


def _list_own_files(files: _Files, item: Wanted) -> tuple[str, ...] | None:
    """The files of a model's folder, where the policy asks for any, relative to it."""
    if item.rules.files is None:
        return None
    folder = item.model.in_tag
    return tuple(path.removeprefix(f"{folder}/") for path in files.list_folder(item.place, folder))


def _metrics_path(declared: Declaration) -> str | None:
    """The metrics file that an entry names, where a gate asks for numbers."""
    metrics = declared.entry.metrics if declared.entry else None
    asked = any(stage.gates for stage in declared.rules.stages.values())
    return metrics if isinstance(metrics, str) and asked else None


def _read_metrics(declared: Declaration, contents: Mapping[At, bytes], place: Place) -> Metrics:
    path = _metrics_path(declared)
    if path is not None:
        content = contents.get((place, path))
        return {} if content is None else parse_metrics(content, path)
    metrics = declared.entry.metrics if declared.entry else {}
    return {} if isinstance(metrics, str) else find_numbers(metrics)


def _lock_path(declared: Declaration) -> str | None:
    environment = declared.entry.environment if declared.entry else None
    return environment if isinstance(environment, str) and declared.rules.environment_locked else None
