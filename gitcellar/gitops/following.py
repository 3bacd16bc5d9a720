"""What has happened since? Polls refs, keeps its place, and delivers each event once and in order.

At least once, to be exact: who crashes between a delivery and its note delivers again, under the same id. May import
core, store, cellar and its own floor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gitcellar.cellar.reading import with_objects
from gitcellar.core.cloud_events import Happening
from gitcellar.core.errors import CellarError
from gitcellar.core.names import ModelName
from gitcellar.core.tags import model_patterns, parse_listing
from gitcellar.gitops.happenings import read_happenings
from gitcellar.store.git_remote import RefSource
from gitcellar.store.places import Place

Deliver = Callable[[Happening], None]


@dataclass(frozen=True, slots=True)
class Round:
    """One look: how many events were delivered, and what went wrong, a line each."""

    delivered: int
    faults: tuple[str, ...]


def follow_once(
    source: RefSource, place: Place, deliver: Deliver, *, model: ModelName | None = None, from_start: bool = False
) -> Round:
    """Deliver what is new since the place. A first look takes what is there as told, unless `from_start`.

    What cannot be delivered holds up the later events of its model, and no other model's; the next look tries again.
    """
    listing = source.list_refs(model_patterns(model)) if model else source.list_tags()
    models = parse_listing(listing)
    if place.is_new:
        known = [] if from_start else [(e.tag, e.object_id) for events in models.values() for e in events]
        place.keep(known)
    delivered, faults = 0, []
    told = place.read()
    for name, events in sorted(models.items()):
        new = [event.tag for event in events if event.tag not in told]
        faults += [
            f"{event.tag} was moved, and is not told again"
            for event in events
            if told.get(event.tag, event.object_id) != event.object_id
        ]
        if new:
            count, fault = _deliver_model(source, name, new, place, deliver)
            delivered += count
            faults += [fault] if fault else []
    return Round(delivered, tuple(faults))


def _deliver_model(
    source: RefSource, model: ModelName, tags: Sequence[str], place: Place, deliver: Deliver
) -> tuple[int, str | None]:
    delivered = 0
    try:
        with with_objects(source, model) as repository:
            for happening in read_happenings(repository, model, tags):
                deliver(happening)
                place.keep([(happening.tag, happening.object_id or "")])
                delivered += 1
    except CellarError as error:
        return delivered, f"{model}: {error}"
    return delivered, None
