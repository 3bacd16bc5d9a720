"""What was written here and never pushed? Taken back, tags and tips, and never anything that a remote has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from gitcellar.cellar.chains import TIPS, TRACKED, TagDetails, tracked_tip
from gitcellar.cellar.push_batch import find_tip_model
from gitcellar.cellar.reading import detail_events, unknown_model
from gitcellar.core.chain import read_links
from gitcellar.core.errors import InvalidError, WorldError
from gitcellar.core.events import DetailedEvent, Event
from gitcellar.core.lineage import find_base
from gitcellar.core.names import ModelName
from gitcellar.core.state import fold_events
from gitcellar.core.tag_objects import find_tag_object
from gitcellar.core.tags import model_patterns, parse_listing, tip_ref
from gitcellar.core.trailers import FORMAT_KEY, parse_message
from gitcellar.store.git import GitRepository, RefUpdate


class UnansweredError(WorldError):
    """A remote does not answer, and nothing is remembered of what it has."""


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

    @property
    def changes(self) -> bool:
        """Whether a tag goes or the tip moves."""
        return bool(self.objects) or self.tip[0] != self.tip[1]


@dataclass(frozen=True, slots=True)
class Undoing:
    """What would be taken back, and which remotes were asked.

    Those in `asked` have none of it. Those in `silent` did not answer: what this clone remembers of them was used.
    """

    models: tuple[UndoneModel, ...]
    asked: tuple[str, ...]
    silent: tuple[str, ...]

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag that is taken back."""
        return tuple(tag for each in self.models for tag in each.tags)


def plan_undo(repository: GitRepository, model: ModelName | None, remote: str | None = None) -> Undoing:
    """What one model, or all, have here that gitcellar wrote and no remote has.

    Pushed is what any remote had when it was fetched or pushed to, also where it is gone by now, and what `remote`, or
    every remote of the clone, has at this moment. Raise NotFoundError for a model of which nothing is here,
    UnansweredError where a remote does not answer and this clone remembers no tip of the model there, and InvalidError
    where a version that stays is bound to one that would go.
    """
    there, asked, silent = _ask(repository, repository.list_remotes() if remote is None else [remote])
    refs = repository.list_ref_ids(TIPS, f"{TRACKED}/")
    reading = repository.read_tags(_find_patterns(model))
    events = parse_listing(reading.listing)
    tips = {name: object_id for ref, object_id in refs.items() if (name := find_tip_model(ref)) is not None}
    if model is not None and model not in events and model not in tips:
        raise unknown_model(repository, model)
    pushed = _follow(repository, {*there, *_tracked(refs)}, reading.details)
    stays = pushed | _find_fetched(repository, set(tips.values()), reading.details) if silent else pushed
    found: list[UndoneModel] = []
    for name in sorted({*events, *tips}) if model is None else [model]:
        ordered = detail_events(fold_events(name, events.get(name, ())), reading.details)
        ours = [each.event for each in ordered if _is_ours(each)]
        here = {*(event.object_id for event in ours), *([tips[name]] if name in tips else [])}
        if not here <= pushed:
            _require_remembered(name, silent, refs)
            undone = _plan_model(name, ours, tips.get(name), stays)
            found += [undone] if undone.changes else []
    _require_unbound(found, reading.details)
    return Undoing(tuple(found), asked, silent)


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


def _ask(repository: GitRepository, remotes: Sequence[str]) -> tuple[set[str], tuple[str, ...], tuple[str, ...]]:
    """The objects of all tags and tips that some remotes have now, and which of them said so, and which did not."""
    there: set[str] = set()
    silent: list[str] = []
    for remote in remotes:
        # Git would take the name of a remote without a URL for a path.
        if repository.find_remote_url(remote) is None:
            silent.append(remote)
            continue
        try:
            there |= set(repository.list_remote_ids(remote, ["refs/tags/*", f"{TIPS}*"]).values())
        except WorldError:
            silent.append(remote)
    return there, tuple(remote for remote in remotes if remote not in silent), tuple(silent)


def _require_remembered(model: ModelName, silent: Sequence[str], refs: Mapping[str, str]) -> None:
    """Raise UnansweredError where a remote does not answer of which no tip of the model is remembered."""
    for remote in silent:
        if tracked_tip(remote, model) not in refs:
            message = f"{remote} does not answer, and this clone remembers no tip of {model} there"
            hint = f"git ls-remote {remote} says why; if you never pushed there: git remote remove {remote}"
            raise UnansweredError(f"{message}, so it is not known what was never pushed", hint=hint)


def _plan_model(model: ModelName, ours: Sequence[Event], tip: str | None, stays: Set[str]) -> UndoneModel:
    """What goes of the events that gitcellar wrote here, and where the tip moves then."""
    kept = [event.object_id for event in ours if event.object_id in stays]
    gone = {event.tag: event.object_id for event in reversed(ours) if event.object_id not in stays}
    if tip is None or tip in stays:
        return UndoneModel(model, gone, (tip, tip))
    return UndoneModel(model, gone, (tip, kept[-1] if kept else None))


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


def _find_fetched(repository: GitRepository, tips: Set[str], details: TagDetails) -> set[str]:
    """The events to which no tip here leads: plain git brought them, perhaps from a remote that does not answer."""
    return {object_id for object_id, _ in details.values()} - _follow(repository, tips, details)


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
