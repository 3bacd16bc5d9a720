"""What has a remote of tags and tips that is not here? Brought here, and refused where it contradicts what is here."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gitcellar.cellar.chains import TIPS, TRACKED, Tips, reaches_back, tracked_tip
from gitcellar.cellar.policies import ProtectedBranch, UnknownBranchError
from gitcellar.core.chain import read_links, walk_back
from gitcellar.core.errors import NO, CellarError, NotFoundError
from gitcellar.core.names import ModelName, find_model_name
from gitcellar.core.tag_objects import find_tag_object
from gitcellar.core.tags import find_tag_name, model_patterns, parse_listing, tip_ref
from gitcellar.store.git import GitRepository, RefUpdate
from gitcellar.store.git_errors import GitError


class DivergedError(CellarError):
    """What is here and what is on the remote contradict, and no machine may choose."""

    exit_code = NO


@dataclass(frozen=True, slots=True)
class Moved:
    """What a push or fetch did: the tags that are new there or here, and how many objects of checkpoints.

    `tips` are the models of which a fetch brought the tip or moved it. `lost` are tags that the remote's chain leads to
    and that it has no more.
    """

    tags: tuple[str, ...]
    checkpoints: int
    lost: tuple[str, ...] = ()
    tips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is so after a fetch: each model's tips, and the branch whose policy judges, where it was asked for.

    `lost` are, by model, the tags that the remote's chain leads to and that it has no more; `return_lost` gives them
    back.
    """

    tips: Mapping[ModelName, Tips]
    lost: Mapping[ModelName, list[RefUpdate]]
    protected: ProtectedBranch | None


def fetch_models(
    repository: GitRepository,
    remote: str,
    models: Iterable[ModelName] | None,
    *,
    protected: ProtectedBranch | None = None,
) -> Fetched:
    """Bring the tags and tips of some models, or of all, here, and the protected branch with the policy.

    Raise DivergedError where a tag here is another, and UnknownBranchError where the remote no longer has the branch.
    """
    names = None if models is None else list(models)
    tracked = [f"{TRACKED}/{remote}/"] if names is None else [tracked_tip(remote, name) for name in names]
    branch = protected if protected is not None and protected.ref != protected.name else None
    before = repository.list_ref_ids(*tracked) if tracked else {}
    try:
        repository.fetch(remote, _find_refspecs(remote, names, branch))
    except GitError as error:
        _explain_refusal(repository, remote, names, branch, error)
    tips = [TIPS] if names is None else [tip_ref(name) for name in names]
    now = repository.list_ref_ids(*tracked, *tips, *([branch.ref] if branch else []))
    _require_forward(repository, remote, before, now)
    lost: dict[ModelName, list[RefUpdate]] = {}
    settled: dict[ModelName, Tips] = {}
    for name in names if names is not None else _list_tracked(remote, now):
        found = Tips(now.get(tip_ref(name)), now.get(tracked_tip(remote, name)))
        missing = _find_lost(repository, name, found)
        settled[name] = found if missing else settle_tip(repository, remote, name, found)
        if missing:
            lost[name] = missing
    return Fetched(settled, lost, replace(protected, commit=now.get(branch.ref)) if protected and branch else protected)


def fetch_all(repository: GitRepository, remote: str, models: Sequence[ModelName]) -> Moved:
    """Bring tags and tips here, of some models or, of none named, of all. Return the tags and tips that are new."""
    tips = repository.list_ref_ids(TIPS)
    before = {event.tag for events in parse_listing(repository.list_tags()).values() for event in events}
    lost = fetch_models(repository, remote, models or None).lost
    after = {event.tag for events in parse_listing(repository.list_tags()).values() for event in events}
    gone = tuple(update.ref.removeprefix("refs/tags/") for updates in lost.values() for update in updates)
    moved = repository.list_ref_ids(TIPS).items() - tips.items()
    models_moved = sorted(ref.removeprefix(TIPS).removesuffix("@tip") for ref, _ in moved if ref.endswith("@tip"))
    return Moved(tuple(sorted(after - before)), 0, gone, tuple(models_moved))


def settle_tip(repository: GitRepository, remote: str, model: ModelName, tips: Tips) -> Tips:
    """Move the tip here to the remote's where that is ahead. Raise DivergedError where neither has the other's."""
    ours, theirs = tips.ours, tips.theirs
    if theirs is None or ours == theirs:
        return tips
    details = repository.read_details(model_patterns(model))
    names = {object_id: tag for tag, (object_id, _) in details.items()}
    links = read_links({object_id: found.message for object_id, found in details.values()})
    if ours is not None and theirs in walk_back(ours, links):
        return tips
    shared = set(walk_back(theirs, links))
    if ours is not None and ours not in names:
        # It was never pushed, and its owner took it back; where older ones are left, `undo` ends that.
        left = [object_id for object_id in names if object_id not in shared and links[object_id] is not None]
        if left:
            return tips
    if ours is None or ours not in names or ours in shared:
        repository.write_refs([RefUpdate(tip_ref(model), theirs, ours or "")])
        return Tips(theirs, theirs)
    if reaches_back(repository, model, ours, theirs):
        return tips  # a tag between the two is gone, which whoever pushes is told
    ahead = [names[object_id] for object_id in walk_back(ours, links) if object_id not in shared]
    raise _diverged(ahead, remote, f"gitcellar undo {model}")


def _find_refspecs(remote: str, names: Sequence[ModelName] | None, branch: ProtectedBranch | None) -> list[str]:
    # Forced, for git compares commits: a tip that goes from a newer version to an older one, as after a rollback, is no
    # fast-forward to it. Whether the chain went forward is looked at afterwards.
    refspecs = ["refs/tags/*:refs/tags/*", f"+{TIPS}*:{TRACKED}/{remote}/*"]
    if names is not None:
        refspecs = [f"{pattern}:{pattern}" for name in names for pattern in model_patterns(name)]
        refspecs += [f"+{TIPS}{name.in_tag}@*:{tracked_tip(remote, name).removesuffix('tip')}*" for name in names]
    return [*refspecs, *([f"+{branch.name}:{branch.ref}"] if branch else [])]


def _explain_refusal(
    repository: GitRepository,
    remote: str,
    names: Sequence[ModelName] | None,
    branch: ProtectedBranch | None,
    error: GitError,
) -> None:
    """Raise for what stopped a fetch, unless it brought all that was asked for."""
    if repository.find_remote_url(remote) is None:
        hint = f"git remote add {remote} URL, or name another with --remote"
        raise NotFoundError(f"there is no remote {remote!r}", hint=hint) from error
    if branch is not None:
        there = repository.list_remote_refs(remote, [branch.name]).get(branch.name)
        if there is None:
            message = f"{remote} has no branch {branch.short} any more, so it is not known which policy judges"
            raise UnknownBranchError(message, hint=f"git remote set-head {remote} --auto") from error
        if repository.find_refs([branch.ref]).get(branch.ref) != there:
            raise error
    tags = parse_listing(repository.list_remote_tags(remote))
    here = {e.tag: e.object_id for events in parse_listing(repository.list_tags()).values() for e in events}
    asked = [e for name, events in tags.items() if names is None or name in names for e in events]
    differing = [e.tag for e in asked if here.get(e.tag, e.object_id) != e.object_id]
    if differing:
        raise _diverged(differing, remote) from error
    # Else git has brought everything but a tag that is none of the registry's, and is another one here.
    if any(e.tag not in here for e in asked):
        raise error


def _require_forward(repository: GitRepository, remote: str, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raise DivergedError where the remote's tip of a model no longer leads back to the one that is remembered.

    What was remembered is put back: it is the only proof that something is gone.
    """
    for ref, old in before.items():
        new = now.get(ref, old)
        model = find_model_name(ref.removeprefix(f"{TRACKED}/{remote}/").removesuffix("@tip"))
        if new == old or model is None:
            continue
        if not reaches_back(repository, model, new, old):
            repository.write_refs([RefUpdate(ref, old, new)])
            message = f"the newest event of {model} on {remote} does not lead back to the one that was there before"
            raise DivergedError(message, hint=f"gitcellar verify {model} --repo URL says what is gone")


def _find_lost(repository: GitRepository, model: ModelName, tips: Tips) -> list[RefUpdate]:
    """The events that the remote's tip leads to and that no tag holds, the oldest first."""
    at = tips.theirs
    if at is None or at == tips.ours:
        return []
    details = repository.read_details(model_patterns(model))
    held = {object_id for object_id, _ in details.values()}
    lost: list[RefUpdate] = []
    while at is not None and at not in held:
        content = repository.read_objects({at: at}, kind="tag").get(at)
        found = find_tag_object(content) if content is not None else None
        named = find_tag_name(found.field) if found else None
        if found is None or named is None or named.model != model or found.field in details:
            break
        held.add(at)
        lost.append(RefUpdate(f"refs/tags/{found.field}", at))
        at = read_links({at: found.message})[at]
    return lost[::-1]


def _diverged(tags: Sequence[str], remote: str, undo: str | None = None) -> DivergedError:
    undo = undo or f"git tag -d {' '.join(shlex.quote(tag) for tag in tags)} && gitcellar fetch"
    message = f"{', '.join(tags)}: here and on {remote} are not the same history"
    return DivergedError(message, hint=f"if they were never pushed, take them back and act again: {undo}")


def _list_tracked(remote: str, now: Mapping[str, str]) -> list[ModelName]:
    """The models whose tip on the remote is not the one here."""
    names = []
    for ref, object_id in now.items():
        path = ref.removeprefix(f"{TRACKED}/{remote}/")
        name = find_model_name(path.removesuffix("@tip")) if path != ref and path.endswith("@tip") else None
        if name is not None and now.get(tip_ref(name)) != object_id:
            names.append(name)
    return names
