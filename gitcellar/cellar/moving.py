"""How do tags, tips and checkpoints travel? To and from a remote, checkpoints first, and a push whole or not at all.

May import core, store, cellar.reading and cellar.getting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gitcellar.cellar.describing import read_entry
from gitcellar.cellar.getting import read_tracking
from gitcellar.core.chain import read_links, walk_back
from gitcellar.core.errors import NO, CellarError, LostRaceError, NotFoundError
from gitcellar.core.events import Registered
from gitcellar.core.names import ModelName, find_model_name
from gitcellar.core.tag_objects import find_tag_object
from gitcellar.core.tags import find_tag_name, model_patterns, parse_listing, tip_ref
from gitcellar.policy.judge import RefusedError, Verdict
from gitcellar.policy.refusals import parse_refusals
from gitcellar.store.checkpoints import fetch_checkpoint, push_checkpoint
from gitcellar.store.git import GitRepository, RefUpdate
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_push import PushAnswer, parse_push
from gitcellar.store.tracking import Tracking

# GitHub sends no event for a push of more than three tags.
MOST_TAGS = 3
_TRACKED = "refs/gitcellar-remotes"
_TIPS = "refs/gitcellar/"


class DivergedError(CellarError):
    """What is here and what is on the remote contradict, and no machine may choose."""

    exit_code = NO


@dataclass(frozen=True, slots=True)
class Tips:
    """A model's newest event here and on a remote, both as they were at one moment; None where there is none."""

    ours: str | None
    theirs: str | None


@dataclass(frozen=True, slots=True)
class Parcel:
    """Tags of one model to push, oldest first: each a ref with its object, and those that the chain links.

    `lease` is the tip that the remote must still have: the one that the first of them was written after.
    """

    model: ModelName
    tags: tuple[RefUpdate, ...]
    chained: frozenset[str]
    lease: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """The tags' names, without `refs/tags/`."""
        return tuple(update.ref.removeprefix("refs/tags/") for update in self.tags)


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
    refspecs = ["refs/tags/*:refs/tags/*", f"+{_TIPS}*:{_TRACKED}/{remote}/*"]
    if names is not None:
        refspecs = [f"{pattern}:{pattern}" for name in names for pattern in model_patterns(name)]
        refspecs += [f"+{_TIPS}{name.in_tag}@*:{_tracked(remote, name).removesuffix('tip')}*" for name in names]
    before = repository.list_ref_ids(f"{_TRACKED}/{remote}/")
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
            _settle_tip(repository, remote, name)
    return lost


def _require_forward(repository: GitRepository, remote: str, before: Mapping[str, str]) -> None:
    """Raise DivergedError where the remote's tip of a model no longer leads back to the one that is remembered.

    What was remembered is put back: it is the only proof that something is gone.
    """
    now = repository.list_ref_ids(f"{_TRACKED}/{remote}/")
    for ref, old in before.items():
        new = now.get(ref, old)
        model = find_model_name(ref.removeprefix(f"{_TRACKED}/{remote}/").removesuffix("@tip"))
        if new == old or model is None:
            continue
        if not _leads_back(repository, model, new, old):
            repository.write_refs([RefUpdate(ref, old, new)])
            message = f"the newest event of {model} on {remote} does not lead back to the one that was there before"
            raise DivergedError(message, hint=f"gitcellar verify {model} --repo URL says what is gone")


def _leads_back(repository: GitRepository, model: ModelName, new: str, old: str) -> bool:
    """Whether the chain from `new` comes to `old`, also past events that no tag holds."""
    details = repository.read_details(model_patterns(model))
    links = read_links({object_id: found.message for object_id, found in details.values()})
    at: str | None = new
    while at is not None and at != old:
        if at not in links:
            content = repository.read_objects({at: at}, kind="tag").get(at)
            found = find_tag_object(content) if content is not None else None
            if found is None:
                return False
            links = {**links, **read_links({at: found.message})}
        # No id is met twice: it would have to hold its own hash.
        at = links[at]
    return at == old


def return_lost(repository: GitRepository, remote: str, lost: Mapping[ModelName, list[RefUpdate]]) -> None:
    """Push the tags that the remote lost back to it, and keep them here. Raise GitError where it does not take them.

    A git host whose refs are files moves them one after the other, and a crash between two leaves a tip without its
    tag: who comes next finishes that.
    """
    for name, updates in lost.items():
        _return(repository, remote, name, updates)
        repository.write_refs(updates)
        _settle_tip(repository, remote, name)


def read_tips(repository: GitRepository, remote: str, model: ModelName) -> Tips:
    """A model's tips here and, as the last fetch saw it, on the remote."""
    refs = repository.find_refs([tip_ref(model), _tracked(remote, model)])
    return Tips(refs.get(tip_ref(model)), refs.get(_tracked(remote, model)))


def find_unpushed(repository: GitRepository, model: ModelName, tips: Tips) -> Parcel:
    """The events here that the chain has beyond the remote's tip."""
    details = repository.read_details(model_patterns(model))
    names = {object_id: tag for tag, (object_id, _) in details.items()}
    links = read_links({object_id: found.message for object_id, found in details.values()})
    there = set(walk_back(tips.theirs, links))
    ours = [object_id for object_id in walk_back(tips.ours, links) if object_id not in there]
    tags = tuple(RefUpdate(f"refs/tags/{names[object_id]}", object_id) for object_id in reversed(ours))
    return Parcel(model, tags, frozenset(ours), tips.theirs)


def push_parcel(repository: GitRepository, remote: str, parcel: Parcel, *, coordinated: bool) -> Moved:
    """Push checkpoints, then tags with the tip, three at a time, each time all or nothing.

    Raise LostRaceError where the remote's tip is no longer the parcel's lease, GitError where the remote refused.
    """
    checkpoints = sum(_push_checkpoint(repository, update) for update in parcel.tags)
    tracked = _tracked(remote, parcel.model)
    seen = parcel.lease or ""
    for start in range(0, len(parcel.tags), MOST_TAGS):
        batch = parcel.tags[start : start + MOST_TAGS]
        tips = [update.new for update in batch if update.new in parcel.chained] if coordinated else []
        updates = [*batch, *(RefUpdate(tip_ref(parcel.model), tip, seen) for tip in tips[-1:])]
        leases = {tip_ref(parcel.model): seen} if tips else {}
        _push_batch(repository, remote, parcel.model, updates, leases)
        if tips:
            seen = tips[-1]
            repository.write_refs([RefUpdate(tracked, seen, None)])
    return Moved(parcel.names, checkpoints)


def find_parcels(repository: GitRepository, remote: str, models: Sequence[ModelName]) -> list[Parcel]:
    """Every registry tag here that the remote has not, of some models or, of none named, of all; bases first."""
    lost = fetch_models(repository, remote, models or None)
    there = {event.tag for events in parse_listing(repository.list_remote_tags(remote)).values() for event in events}
    parcels = [Parcel(name, tuple(updates), frozenset(), None) for name, updates in lost.items()]
    # A base goes before the project models that came from it.
    here = sorted(parse_listing(repository.list_tags()).items(), key=lambda item: (item[0].kind != "base", item[0]))
    for name, events in here:
        missing = [event for event in events if event.tag not in there and event.commit]
        if missing and (not models or name in models):
            chained = find_unpushed(repository, name, read_tips(repository, remote, name))
            # What git or GTO alone wrote stands in no chain, and goes before what may rest on it.
            loose = [
                RefUpdate(f"refs/tags/{e.tag}", e.object_id) for e in missing if e.object_id not in chained.chained
            ]
            parcels.append(replace(chained, tags=(*loose, *chained.tags)))
    return parcels


def push_models(repository: GitRepository, remote: str, models: Sequence[ModelName], *, coordinated: bool) -> Moved:
    """Push what `find_parcels` finds, one model after the other; first of all what the remote lost."""
    return_lost(repository, remote, fetch_models(repository, remote, models or None))
    parcels = find_parcels(repository, remote, models)
    moved = [push_parcel(repository, remote, parcel, coordinated=coordinated) for parcel in parcels]
    return Moved(tuple(tag for each in moved for tag in each.tags), sum(each.checkpoints for each in moved))


def fetch_all(repository: GitRepository, remote: str, models: Sequence[ModelName]) -> Moved:
    """Bring tags and tips here, of some models or, of none named, of all. Return the tags that are new."""
    before = {event.tag for events in parse_listing(repository.list_tags()).values() for event in events}
    lost = fetch_models(repository, remote, models or None)
    after = {event.tag for events in parse_listing(repository.list_tags()).values() for event in events}
    gone = tuple(update.ref.removeprefix("refs/tags/") for updates in lost.values() for update in updates)
    return Moved(tuple(sorted(after - before)), 0, gone)


def fetch_checkpoints(repository: GitRepository, commits: Iterable[tuple[ModelName, str]]) -> int:
    """Bring the checkpoints of versions into the cache. Return how many objects were new."""
    found = [_tracking(repository, model, commit) for model, commit in commits]
    return sum(fetch_checkpoint(tracking) for tracking in found if tracking)


def _push_batch(
    repository: GitRepository, remote: str, model: ModelName, updates: list[RefUpdate], leases: dict[str, str]
) -> None:
    try:
        answer = repository.push(remote, updates, leases=leases)
    except GitError as error:
        # The acknowledgement may be what was lost, and not the push.
        if _arrived(repository, remote, updates):
            return
        require_taken(parse_push(error.output), remote)  # a hook of this clone says why
        raise
    if not answer.refused or _arrived(repository, remote, updates):
        return
    # What a loser is told differs by host and by moment, so it is not read: whether the tip moved is looked up.
    tip = tip_ref(model)
    if tip in leases and repository.list_remote_refs(remote, [tip]).get(tip, "") != leases[tip]:
        raise LostRaceError(f"somebody else wrote to {model} first", hint="gitcellar fetch, then try again")
    there = repository.list_remote_refs(remote, [update.ref for update in updates])
    taken = [update.ref for update in updates if update.ref != tip and update.ref in there]
    if taken:
        raise LostRaceError(f"{taken[0].removeprefix('refs/tags/')} is on {remote} already", hint="gitcellar fetch")
    require_taken(answer, remote)


def require_taken(answer: PushAnswer, remote: str) -> None:
    """Raise RefusedError with the reasons of a hook of gitcellar, GitError with the words of any other one."""
    violations = parse_refusals(answer.said)
    if violations:
        raise RefusedError(Verdict(violations))
    if answer.refused:
        reasons = "; ".join(dict.fromkeys(refused.summary for refused in answer.refused))
        said = f": {answer.said[0]}" if answer.said else ""
        hint = f"nothing was written to {remote}"
        raise GitError(f"{remote} refused the push: {reasons}{said}", status=1, output=reasons, hint=hint)


def _arrived(repository: GitRepository, remote: str, updates: list[RefUpdate]) -> bool:
    try:
        there = repository.list_remote_refs(remote, [update.ref for update in updates])
    except GitError:
        return False
    return all(there.get(update.ref) == update.new for update in updates)


def _push_checkpoint(repository: GitRepository, update: RefUpdate) -> int:
    named = find_tag_name(update.ref.removeprefix("refs/tags/"))
    if named is None or not isinstance(named.fact, Registered):
        return 0
    tracking = _tracking(repository, named.model, f"{update.new}^{{commit}}")
    return push_checkpoint(tracking) if tracking else 0


def _tracking(repository: GitRepository, model: ModelName, commit: str) -> Tracking | None:
    """What DVC tracks for a version; None for a version without a manifest or a tracked checkpoint, as GTO allows."""
    entry = read_entry(repository, commit, model)
    tracking = read_tracking(repository, commit, entry) if entry else None
    return tracking if tracking and tracking.out else None


def _return(repository: GitRepository, remote: str, model: ModelName, updates: list[RefUpdate]) -> None:
    try:
        _push_batch(repository, remote, model, updates, {})
    except GitError as error:
        tag = updates[0].ref
        message = f"{remote} lost {tag.removeprefix('refs/tags/')} in a crash, and does not take it back"
        hint = f"remove {tag}.lock from the repository there, then try again"
        raise GitError(message, status=error.status, output=error.output, hint=hint) from error


def _find_lost(repository: GitRepository, remote: str, model: ModelName) -> list[RefUpdate]:
    """The events that the remote's tip leads to and that no tag holds, the oldest first."""
    refs = repository.find_refs([tip_ref(model), _tracked(remote, model)])
    at = refs.get(_tracked(remote, model))
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


def _settle_tip(repository: GitRepository, remote: str, model: ModelName) -> None:
    """Move the tip here to the remote's where that is ahead. Raise DivergedError where neither has the other's."""
    tip, tracked = tip_ref(model), _tracked(remote, model)
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
    tracked = repository.list_ref_ids(f"{_TRACKED}/{remote}/")
    here = repository.list_ref_ids(_TIPS)
    names = []
    for ref, object_id in tracked.items():
        path = ref.removeprefix(f"{_TRACKED}/{remote}/")
        name = find_model_name(path.removesuffix("@tip")) if path.endswith("@tip") else None
        if name is not None and here.get(tip_ref(name)) != object_id:
            names.append(name)
    return names


def _tracked(remote: str, model: ModelName) -> str:
    """The ref that remembers a remote's tip, as refs/remotes/ does for branches."""
    return f"{_TRACKED}/{remote}/{model.in_tag}@tip"
