"""Is what is declared here, or the whole cellar, as the policy wants it? What `check` and the pre-commit hook ask.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gitcellar.cellar.evidence import INDEX, WORK_TREE, Place, Wanted, commit_place, read_declarations, read_files
from gitcellar.cellar.getting import read_tracking
from gitcellar.cellar.policies import ask_protected, read_policy, read_policy_at, read_policy_of
from gitcellar.cellar.pushes import Occasion, gather_push
from gitcellar.cellar.reading import project_root, read_model
from gitcellar.core.declared import DVC_FILE, FILE
from gitcellar.core.documents import DocumentError, Fault
from gitcellar.core.errors import InvalidError, NotFoundError, did_you_mean
from gitcellar.core.events import Event
from gitcellar.core.manifest import Entry, parse_dvc_artifacts, read_manifest
from gitcellar.core.names import ModelName
from gitcellar.core.pushes import PushedRef
from gitcellar.core.tags import find_tag_name, parse_listing, tip_ref
from gitcellar.policy.change import Act, Change
from gitcellar.policy.config import FILE as POLICY_FILE
from gitcellar.policy.config import Policy, parse_policy
from gitcellar.policy.judge import Verdict, judge
from gitcellar.store.checkpoints import Progress, opened
from gitcellar.store.delivery import read_digest
from gitcellar.store.environment import read_today
from gitcellar.store.git import GitRepository
from gitcellar.store.tracking import tracking_files


def check_work_tree(repository: GitRepository, paths: Sequence[Path] = ()) -> Verdict:
    """Judge what the work tree declares: of every model, or of those that `paths` bear on."""
    root = project_root(repository)
    changed = None if not paths else {_inside(root, path) for path in paths}
    place = Place("", WORK_TREE, root, root)
    change = _gather(repository, place, read_policy, changed, None)
    for path in sorted(changed or ()):
        _require_known(repository, root, path, change)
    return judge(change)


def check_index(repository: GitRepository) -> Verdict:
    """Judge what is about to be committed: the models on which the staged files bear."""
    changed = set(repository.list_staged())
    if not changed:
        return Verdict(())
    place = Place(repository.write_index(), INDEX, data=repository.find_root())
    before = commit_place("HEAD") if "HEAD" in repository.find_refs(["HEAD"]) else None
    return judge(_gather(repository, place, read_policy, changed, before))


def check_range(repository: GitRepository, first: str, last: str) -> Verdict:
    """Judge what a branch changes: the models on which commits after `first` up to `last` bear, by `first`'s policy."""
    return judge(gather_range(repository, first, last))


def gather_range(repository: GitRepository, first: str, last: str) -> Change:
    """What a branch changes, as `check_range` judges it."""
    old, new = repository.resolve_commit(first), repository.resolve_commit(last)
    parted = repository.find_merge_base(old, new)
    if parted is None:
        hint = "git fetch --unshallow" if repository.is_shallow() else "name two commits of one history"
        raise NotFoundError(f"{first} and {last} share no commit", hint=hint)
    changed = set(repository.list_changed(parted, new))

    def read_policy_of_first(repository: GitRepository) -> Policy:
        return read_policy_at(repository, old)

    return _gather(repository, commit_place(new), read_policy_of_first, changed, commit_place(parted))


def check_cellar(repository: GitRepository) -> Verdict:
    """Judge every event of every model as if it were pushed now, in the order in which they count."""
    events = [event for found in parse_listing(repository.list_tags()).values() for event in found]
    return judge(gather_past(repository, events))


def check_tag(repository: GitRepository, tag: str, *, progress: Progress | None = None) -> Verdict:
    """Judge one tag that exists, after the events of its model that came before it.

    With `progress` a version's checkpoint is read too, and held against what the tag records.
    """
    named = find_tag_name(tag)
    if named is None:
        raise InvalidError(f"{tag!r} is no registry tag", hint="gitcellar show lists what there is")
    events = read_model(repository, named.model).events
    change = gather_past(repository, events)
    acts = (act for act in change.acts if act.tag_of(act.tags[0]) == tag)
    if progress is not None:
        acts = (_measured(repository, act, progress) for act in acts)
    histories = tuple(
        replace(history, suspicions=tuple(found for found in history.suspicions if found.tag == tag))
        for history in change.histories
    )
    return judge(replace(change, acts=acts, refs=(), histories=histories))


def _measured(repository: GitRepository, act: Act, progress: Progress) -> Act:
    if act.entry is None or not act.registers or act.declared is None or act.declared.tracked.digest is None:
        return act
    with opened(read_tracking(repository, act.tags[0].target, act.entry)) as checkpoint:
        return replace(act, measured=read_digest(checkpoint, progress=progress))


def gather_past(repository: GitRepository, events: Iterable[Event]) -> Change:
    """All events of some models as one change, with their tips: each an act, in the order in which they count."""
    pushed = [PushedRef(f"refs/tags/{event.tag}", None, event.object_id) for event in events]
    tips = repository.list_ref_ids("refs/gitcellar/")
    models = {named.model for p in pushed if (named := find_tag_name(p.ref.removeprefix("refs/tags/"))) is not None}
    pushed += [PushedRef(ref, None, tips[ref]) for ref in sorted(map(tip_ref, models)) if ref in tips]
    policy = read_policy_of(repository, ask_protected(repository, "origin"))
    change = gather_push(repository, pushed, Occasion(policy, read_today(), None, "origin"))
    return replace(change, acts=map(_as_it_was, change.acts))


def _as_it_was(act: Act) -> Act:
    """An act of the past: it came by itself, and before its base was withdrawn or a stage frozen."""
    base = act.base
    rules = replace(act.rules, freezes=())
    return replace(act, rules=rules, beside=0, base=base and replace(base, withdrawn=frozenset(), deprecated=False))


def _gather(
    repository: GitRepository,
    place: Place,
    read_policy: Callable[[GitRepository], Policy],
    changed: Collection[str] | None,
    before: Place | None,
) -> Change:
    """What a place declares, of all models or of those on which `changed` paths bear."""
    manifests = repository.list_named((FILE, DVC_FILE), tree=place.tree or None)
    files = [*manifests, POLICY_FILE]
    contents = {path: content for (_, path), content in read_files(repository, [(place, f) for f in files]).items()}
    entries, faults = _read_manifests(contents)
    try:
        policy = read_policy(repository)
    except DocumentError:
        # What mends a broken policy is judged by itself, for there is no other.
        if any(fault.file == POLICY_FILE for fault in faults) or POLICY_FILE not in contents:
            raise
        policy = parse_policy(contents[POLICY_FILE])
    if changed is not None:
        old = read_files(repository, [(before, file) for file in contents if file in changed]) if before else {}
        known, _ = _read_manifests({path: content for (_, path), content in old.items()})
        # A fault in a file that nobody touched is not this change's.
        faults = [fault for fault in faults if fault.file in changed]
        entries = {m: found for m, found in entries.items() if _is_touched(m, found, known, changed)}
    wanted = [Wanted(place, model, policy.rules_of(model)) for model in entries]
    declared = read_declarations(repository, wanted)
    return Change(
        read_today(),
        declarations=tuple(declared[item] for item in wanted),
        faults=tuple(faults),
        general=policy.rules_of(None),
    )


_Declared = dict[ModelName, tuple[Entry, str]]


def _is_touched(model: ModelName, declared: tuple[Entry, str], known: _Declared, changed: Collection[str]) -> bool:
    entry, file = declared
    return (file in changed and known.get(model, (None, ""))[0] != entry) or _bears_on(entry, changed)


def _bears_on(entry: Entry, changed: Collection[str]) -> bool:
    """Whether one of the changed paths is, or tracks, what an entry names."""
    return any(path in changed for path in (*tracking_files(entry.path), entry.path)) or any(
        isinstance(path, str) and path in changed for path in (entry.params, entry.metrics, entry.environment)
    )


def _read_manifests(contents: Mapping[str, bytes]) -> tuple[_Declared, list[Fault]]:
    """Every entry with its file, and all faults of the manifests and the policy."""
    entries: _Declared = {}
    faults: list[Fault] = []
    for file, content in contents.items():
        found, wrong = _read_manifest(file, content)
        # What dvc.yaml says counts where no manifest names the model.
        entries = entries | found if file.endswith(FILE) else found | entries
        faults += wrong
    return entries, faults


def _read_manifest(file: str, content: bytes) -> tuple[_Declared, list[Fault]]:
    try:
        if file == POLICY_FILE:
            parse_policy(content)
            return {}, []
        if file.endswith(DVC_FILE):
            return {model: (entry, file) for model, entry in parse_dvc_artifacts(content, file).items()}, []
        found, wrong = read_manifest(content, file)
    except DocumentError as error:
        return {}, error.faults
    return {model: (entry, file) for model, entry in found.items()}, wrong


def _require_known(repository: GitRepository, root: Path, path: str, change: Change) -> None:
    """Raise NotFoundError for a path that is not there, was never committed, and that no entry names."""
    entries = [declared.entry for declared in change.declarations if declared.entry is not None]
    if os.path.lexists(root / path) or any(_bears_on(entry, {path}) for entry in entries):
        return
    if repository.is_staged(path) or repository.check_objects([f"HEAD:{path}"]):
        return
    folder = (root / path).parent
    beside = [each.relative_to(root).as_posix() for each in folder.iterdir()] if folder.is_dir() else []
    hint = did_you_mean(path, beside) or "give a path, or a REF such as MODEL@1.2; gitcellar show lists the models"
    raise NotFoundError(f"there is no file or folder {path!r}", hint=hint)


def _inside(root: Path, path: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError as error:
        raise InvalidError(f"{str(path)!r} is outside the repository", hint=f"it is {str(root)!r}") from error
