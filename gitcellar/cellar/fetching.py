"""What has a remote of tags and tips that is not here? Brought here, and refused where it contradicts what is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gitcellar.cellar.chains import TIPS, TRACKED, reaches_back, tracked_tip
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

    `lost` are tags that the remote's chain leads to and that it has no more.
    """

    tags: tuple[str, ...]
    checkpoints: int
    lost: tuple[str, ...] = ()


def require_remote(repository: GitRepository, remote: str) -> None:
    """Raise NotFoundError where no remote of that name is configured."""
    if repository.find_remote_url(remote) is None:
        raise NotFoundError(
            f"there is no remote {remote!r}", hint=f"git remote add {remote} URL, or name another with --remote"
        )


def fetch_models(
    repository: GitRepository, remote: str, models: Iterable[ModelName] | None
) -> dict[ModelName, list[RefUpdate]]:
    """Bring the tags and tips of some models, or of all, here. Raise DivergedError where a tag here is another.

    Return, by model, the tags that the remote's chain leads to and the remote lost; `return_lost` gives them back.
    """
    require_remote(repository, remote)
    names = None if models is None else list(models)
    # Forced, for git compares commits: a tip that goes from a newer version to an older one, as after a rollback, is no
    # fast-forward to it. Whether the chain went forward is looked at below.
    refspecs = ["refs/tags/*:refs/tags/*", f"+{TIPS}*:{TRACKED}/{remote}/*"]
    if names is not None:
        refspecs = [f"{pattern}:{pattern}" for name in names for pattern in model_patterns(name)]
        refspecs += [f"+{TIPS}{name.in_tag}@*:{tracked_tip(remote, name).removesuffix('tip')}*" for name in names]
    before = repository.list_ref_ids(f"{TRACKED}/{remote}/")
    try:
        repository.fetch(remote, refspecs)
    except GitError as error:
        there = parse_listing(repository.list_remote_tags(remote))
        here = {e.tag: e.object_id for events in parse_listing(repository.list_tags()).values() for e in events}
        asked = [e for name, events in there.items() if names is None or name in names for e in events]
        differing = [e.tag for e in asked if here.get(e.tag, e.object_id) != e.object_id]
        if differing:
            raise _diverged(differing, remote) from error
        if any(e.tag not in here for e in asked):
            raise
        # Git has brought everything but a tag that is none of the registry's, and is another one here.
    _require_forward(repository, remote, before)
    lost: dict[ModelName, list[RefUpdate]] = {}
    for name in names if names is not None else _tracked_models(repository, remote):
        missing = _find_lost(repository, remote, name)
        if missing:
            lost[name] = missing
        else:
            settle_tip(repository, remote, name)
    return lost


def fetch_all(repository: GitRepository, remote: str, models: Sequence[ModelName]) -> Moved:
    """Bring tags and tips here, of some models or, of none named, of all. Return the tags that are new."""
    before = {event.tag for events in parse_listing(repository.list_tags()).values() for event in events}
    lost = fetch_models(repository, remote, models or None)
    after = {event.tag for events in parse_listing(repository.list_tags()).values() for event in events}
    gone = tuple(update.ref.removeprefix("refs/tags/") for updates in lost.values() for update in updates)
    return Moved(tuple(sorted(after - before)), 0, gone)


def _require_forward(repository: GitRepository, remote: str, before: Mapping[str, str]) -> None:
    """Raise DivergedError where the remote's tip of a model no longer leads back to the one that is remembered.

    What was remembered is put back: it is the only proof that something is gone.
    """
    now = repository.list_ref_ids(f"{TRACKED}/{remote}/")
    for ref, old in before.items():
        new = now.get(ref, old)
        model = find_model_name(ref.removeprefix(f"{TRACKED}/{remote}/").removesuffix("@tip"))
        if new == old or model is None:
            continue
        if not reaches_back(repository, model, new, old):
            repository.write_refs([RefUpdate(ref, old, new)])
            message = f"the newest event of {model} on {remote} does not lead back to the one that was there before"
            raise DivergedError(message, hint=f"gitcellar verify {model} --repo URL says what is gone")


def _find_lost(repository: GitRepository, remote: str, model: ModelName) -> list[RefUpdate]:
    """The events that the remote's tip leads to and that no tag holds, the oldest first."""
    refs = repository.find_refs([tip_ref(model), tracked_tip(remote, model)])
    at = refs.get(tracked_tip(remote, model))
    if at is None or at == refs.get(tip_ref(model)):
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


def settle_tip(repository: GitRepository, remote: str, model: ModelName) -> None:
    """Move the tip here to the remote's where that is ahead. Raise DivergedError where neither has the other's."""
    tip, tracked = tip_ref(model), tracked_tip(remote, model)
    refs = repository.find_refs([tip, tracked])
    ours, theirs = refs.get(tip), refs.get(tracked)
    if theirs is None or ours == theirs:
        return
    details = repository.read_details(model_patterns(model))
    names = {object_id: tag for tag, (object_id, _) in details.items()}
    links = read_links({object_id: found.message for object_id, found in details.values()})
    if ours is not None and theirs in walk_back(ours, links):
        return
    # A tip whose tag is gone was never pushed, and its owner took it back.
    if ours is None or ours not in names or ours in walk_back(theirs, links):
        repository.write_refs([RefUpdate(tip, theirs, ours or "")])
        return
    shared = set(walk_back(theirs, links))
    raise _diverged([names[object_id] for object_id in walk_back(ours, links) if object_id not in shared], remote)


def _diverged(tags: Sequence[str], remote: str) -> DivergedError:
    quoted = " ".join(f"'{tag}'" for tag in tags)
    return DivergedError(
        f"{', '.join(tags)}: here and on {remote} are not the same history",
        hint=f"if they were never pushed, take them back and act again: git tag -d {quoted} && gitcellar fetch",
    )


def _tracked_models(repository: GitRepository, remote: str) -> list[ModelName]:
    """The models whose tip on the remote is not the one here."""
    tracked = repository.list_ref_ids(f"{TRACKED}/{remote}/")
    here = repository.list_ref_ids(TIPS)
    names = []
    for ref, object_id in tracked.items():
        path = ref.removeprefix(f"{TRACKED}/{remote}/")
        name = find_model_name(path.removesuffix("@tip")) if path.endswith("@tip") else None
        if name is not None and here.get(tip_ref(name)) != object_id:
            names.append(name)
    return names
