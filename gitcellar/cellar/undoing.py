"""What was written here and never pushed? Taken back, tags and tips, and never anything that a remote has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from gitcellar.cellar.chains import TIPS, TRACKED, TagDetails
from gitcellar.cellar.push_batch import find_tip_model
from gitcellar.cellar.reading import detail_events, unknown_model
from gitcellar.core.chain import read_links
from gitcellar.core.errors import InvalidError, WorldError
from gitcellar.core.events import DetailedEvent
from gitcellar.core.lineage import find_base
from gitcellar.core.names import ModelName
from gitcellar.core.state import fold_events
from gitcellar.core.tag_objects import find_tag_object
from gitcellar.core.tags import model_patterns, parse_listing, tip_ref
from gitcellar.core.trailers import FORMAT_KEY, parse_message
from gitcellar.store.git import GitRepository, RefUpdate


@dataclass(frozen=True, slots=True)
class UndoneModel:
    """What is taken back of a model: its tags, the newest first, each with its object; and where its tip goes.

    `tip` is what its tip holds now and what it shall hold, None for no tip.
    """

    model: ModelName
    objects: Mapping[str, str]
    tip: tuple[str | None, str | None]

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that are taken back, the newest first."""
        return tuple(self.objects)


@dataclass(frozen=True, slots=True)
class Undoing:
    """What would be taken back, and whether the remote was asked; else it is what this clone remembers of it."""

    models: tuple[UndoneModel, ...]
    remote: str
    asked: bool

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag that is taken back."""
        return tuple(tag for each in self.models for tag in each.tags)


def plan_undo(repository: GitRepository, model: ModelName | None, remote: str) -> Undoing:
    """What one model, or all, have here that gitcellar wrote and no remote has.

    Pushed is what any remote had when it was fetched or pushed to, also where it is gone by now, and what `remote` has
    at this moment, where it answers. Raise NotFoundError for a model of which nothing is here, and InvalidError where a
    version that stays is bound to one that would go.
    """
    there, asked = _ask(repository, remote)
    refs = repository.list_ref_ids(TIPS, f"{TRACKED}/")
    reading = repository.read_tags(_find_patterns(model))
    pushed = _follow(repository, {*there, *_tracked(refs)}, reading.details)
    events = parse_listing(reading.listing)
    tips = {name: object_id for ref, object_id in refs.items() if (name := find_tip_model(ref)) is not None}
    if model is not None and model not in events and model not in tips:
        raise unknown_model(repository, model)
    found: list[UndoneModel] = []
    for name in sorted({*events, *tips}) if model is None else [model]:
        ordered = detail_events(fold_events(name, events.get(name, ())), reading.details)
        gone = [each for each in ordered if each.event.object_id not in pushed and _is_ours(each)]
        objects = {each.event.tag: each.event.object_id for each in reversed(gone)}
        kept = [each.event.object_id for each in ordered if each not in gone and _is_ours(each)]
        old = tips.get(name)
        stays = old is None or old in kept or old in pushed
        new = old if stays else (kept[-1] if kept else None)
        if objects or old != new:
            found.append(UndoneModel(name, objects, (old, new)))
    _require_unbound(found, reading.details)
    return Undoing(tuple(found), remote, asked)


def carry_out(repository: GitRepository, undoing: Undoing) -> None:
    """Remove the tags and move the tips, all of them or none, and only where nothing has changed since."""
    removed: dict[str, str] = {}
    moved: list[RefUpdate] = []
    for each in undoing.models:
        removed |= {f"refs/tags/{tag}": object_id for tag, object_id in each.objects.items()}
        old, new = each.tip
        if old is not None and new is None:
            removed[tip_ref(each.model)] = old
        elif new is not None and new != old:
            moved.append(RefUpdate(tip_ref(each.model), new, old or ""))
    if removed or moved:
        repository.write_refs(moved, removed=removed)


def _ask(repository: GitRepository, remote: str) -> tuple[set[str], bool]:
    """The objects of all tags and tips that a remote has now, and whether it said so. Without a remote none has any."""
    if repository.find_remote_url(remote) is None:
        return set(), True
    try:
        return set(repository.list_remote_ids(remote, ["refs/tags/*", f"{TIPS}*"]).values()), True
    except WorldError:
        return set(), False


def _find_patterns(model: ModelName | None) -> Sequence[str]:
    """The tags to read: of a base also those of the models that are tuned from it."""
    if model is None or model.kind == "base":
        return [f"refs/tags/{model.rack}/" if model else "refs/tags/"]
    return model_patterns(model)


def _follow(repository: GitRepository, starts: Set[str], details: TagDetails) -> set[str]:
    """All events to which the chains from `starts` lead, also past tags that are gone here."""
    links = read_links({object_id: found.message for object_id, found in details.values()})
    seen: set[str] = set()
    waiting = set(starts)
    while waiting:
        unknown = {each: each for each in waiting if each not in links}
        read = repository.read_objects(unknown, kind="tag") if unknown else {}
        tags = {object_id: tag for object_id, content in read.items() if (tag := find_tag_object(content)) is not None}
        links |= read_links({object_id: tag.message for object_id, tag in tags.items()})
        seen |= waiting
        waiting = {before for each in waiting if (before := links.get(each)) is not None} - seen
    return seen


def _tracked(refs: Mapping[str, str]) -> set[str]:
    """The tips that any remote had when it was fetched or pushed to last."""
    return {object_id for ref, object_id in refs.items() if ref.startswith(f"{TRACKED}/")}


def _is_ours(event: DetailedEvent) -> bool:
    """Whether gitcellar wrote a tag. What plain git wrote was pushed by plain git, if at all, and nobody remembers."""
    return parse_message(event.details.message).find(FORMAT_KEY) is not None


def _require_unbound(found: Sequence[UndoneModel], details: TagDetails) -> None:
    """Raise InvalidError where a version that stays names one that would go as its base."""
    gone = {object_id: tag for each in found for tag, object_id in each.objects.items()}
    for tag, (object_id, said) in details.items() if gone else ():
        base = find_base(parse_message(said.message)) if object_id not in gone else None
        if base is not None and base.object_id in gone:
            model = tag.partition("@")[0]
            message = f"{tag} is bound to {gone[base.object_id]}, which was never pushed"
            raise InvalidError(message, hint=f"gitcellar undo {model}")
