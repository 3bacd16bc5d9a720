"""Where does a model's chain of events end, here and on a remote, and which events has the remote not yet?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gitcellar.core.chain import read_links, walk_back
from gitcellar.core.errors import NO, CellarError
from gitcellar.core.events import Details
from gitcellar.core.names import ModelName
from gitcellar.core.tag_objects import find_tag_object
from gitcellar.core.tags import model_patterns, tip_ref
from gitcellar.store.git import GitRepository, RefUpdate

TRACKED = "refs/gitcellar-remotes"
TIPS = "refs/gitcellar/"
TagDetails = Mapping[str, tuple[str, Details]]  # the object id and the content of tags, by name


class DanglingError(CellarError):
    """An event that was never pushed follows one whose tag is gone: nothing may be built on it."""

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


def tracked_tip(remote: str, model: ModelName) -> str:
    """The ref that remembers a remote's tip, as refs/remotes/ does for branches."""
    return f"{TRACKED}/{remote}/{model.in_tag}@tip"


def read_tips(repository: GitRepository, remote: str, model: ModelName) -> Tips:
    """A model's tips here and, as the last fetch saw it, on the remote."""
    refs = repository.find_refs([tip_ref(model), tracked_tip(remote, model)])
    return Tips(refs.get(tip_ref(model)), refs.get(tracked_tip(remote, model)))


def find_unpushed(repository: GitRepository, model: ModelName, tips: Tips) -> Parcel:
    """The events here that the chain has beyond the remote's tip."""
    if tips.ours == tips.theirs:
        return Parcel(model, (), frozenset(), tips.theirs)
    details = repository.read_details(model_patterns(model))
    names = {object_id: tag for tag, (object_id, _) in details.items()}
    links = read_links({object_id: found.message for object_id, found in details.values()})
    there = set(walk_back(tips.theirs, links))
    ours = [object_id for object_id in walk_back(tips.ours, links) if object_id not in there]
    require_whole(repository, model, tips.ours, tips.theirs, details)
    tags = tuple(RefUpdate(f"refs/tags/{names[object_id]}", object_id) for object_id in reversed(ours))
    return Parcel(model, tags, frozenset(ours), tips.theirs)


def require_whole(
    repository: GitRepository, model: ModelName, newest: str | None, theirs: str | None, details: TagDetails
) -> None:
    """Raise DanglingError where the chain from `newest` leads past the remote's to an event that no tag here holds.

    What is gone from the remote's own chain was pushed, and cannot be taken back: that is for `verify` to tell.
    """
    names = {object_id: tag for tag, (object_id, _) in details.items()}
    links = read_links({object_id: found.message for object_id, found in details.values()})
    chain = walk_back(newest, links)
    missing = links[chain[-1]] if chain else newest
    if missing is None or theirs in chain or not set(walk_back(theirs, links)).isdisjoint(chain):
        return
    if theirs is not None and reaches_back(repository, model, theirs, missing):
        return
    what = f"{names[chain[-1]]} follows an event that" if chain else f"the newest event of {model}"
    message = f"{what} has no tag here, and {missing[:7]} is not on the remote either"
    raise DanglingError(message, hint=f"gitcellar undo {model}")


def reaches_back(repository: GitRepository, model: ModelName, new: str, old: str) -> bool:
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
