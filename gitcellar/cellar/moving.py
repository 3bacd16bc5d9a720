"""How do tags, tips and checkpoints travel? To and from a remote, checkpoints first, and a push whole or not at all.

May import core, store, cellar.reading and cellar.getting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gitcellar.cellar.chains import Parcel, find_unpushed, read_tips, tracked_tip
from gitcellar.cellar.describing import read_entry
from gitcellar.cellar.fetching import Moved, fetch_models, settle_tip
from gitcellar.cellar.getting import read_tracking
from gitcellar.cellar.policies import ask_protected, read_policy_of
from gitcellar.core.errors import LostRaceError
from gitcellar.core.events import Registered
from gitcellar.core.names import ModelName
from gitcellar.core.tags import find_tag_name, parse_listing, tip_ref
from gitcellar.policy.config import Policy
from gitcellar.policy.judge import RefusedError, Verdict
from gitcellar.policy.refusals import parse_refusals
from gitcellar.store.checkpoints import fetch_checkpoint, push_checkpoint
from gitcellar.store.git import GitRepository, RefUpdate
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_push import PushAnswer, parse_push
from gitcellar.store.tracking import Tracking

# GitHub sends no event for a push of more than three tags.
MOST_TAGS = 3


def return_lost(repository: GitRepository, remote: str, lost: Mapping[ModelName, list[RefUpdate]]) -> None:
    """Push the tags that the remote lost back to it, and keep them here. Raise GitError where it does not take them.

    A git host whose refs are files moves them one after the other, and a crash between two leaves a tip without its
    tag: who comes next finishes that.
    """
    for name, updates in lost.items():
        _return(repository, remote, name, updates)
        repository.write_refs(updates)
        settle_tip(repository, remote, name, read_tips(repository, remote, name))


def push_parcel(repository: GitRepository, remote: str, parcel: Parcel, *, coordinated: bool) -> Moved:
    """Push checkpoints, then tags with the tip, three at a time, each time all or nothing.

    Raise LostRaceError where the remote's tip is no longer the parcel's lease, GitError where the remote refused.
    """
    checkpoints = sum(_push_checkpoint(repository, update) for update in parcel.tags)
    tracked = tracked_tip(remote, parcel.model)
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
    lost = fetch_models(repository, remote, models or None).lost
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


def push_models(repository: GitRepository, remote: str, models: Sequence[ModelName]) -> Moved:
    """Push what `find_parcels` finds, one model after the other; first of all what the remote lost.

    The policy is fetched as well: a hook of this clone judges by it, and it says whether tips are pushed.
    """
    fetched = fetch_models(repository, remote, models or None, protected=ask_protected(repository, remote))
    return_lost(repository, remote, fetched.lost)
    policy = read_policy_of(repository, fetched.protected) if fetched.protected else Policy()
    parcels = find_parcels(repository, remote, models)
    coordinated = policy.content.coordination
    moved = [push_parcel(repository, remote, parcel, coordinated=coordinated) for parcel in parcels]
    return Moved(tuple(tag for each in moved for tag in each.tags), sum(each.checkpoints for each in moved))


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
