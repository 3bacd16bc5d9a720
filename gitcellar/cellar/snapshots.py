"""What does an act meet? A model's state, what its tags say, and its base's state, all read at once and passed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gitcellar.core.events import Details
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState, fold_events
from gitcellar.core.tags import model_patterns, parse_listing
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A model at one moment. `details` are the object id and the content of its tags by name; `base` is the state of a
    project model's base.
    """

    state: ModelState
    details: Mapping[str, tuple[str, Details]]
    base: ModelState | None


def read_snapshot(repository: GitRepository, model: ModelName) -> Snapshot:
    """A model as it is now, empty where it has no tags."""
    related = (model, model.base) if model.kind == "project" else (model,)
    reading = repository.read_tags([pattern for name in related for pattern in model_patterns(name)])
    events = parse_listing(reading.listing)
    states = {name: fold_events(name, events.get(name, ())) for name in related}
    own = {event.tag for event in states[model].events}
    details = {tag: found for tag, found in reading.details.items() if tag in own}
    return Snapshot(states[model], details, states[model.base] if model.kind == "project" else None)
