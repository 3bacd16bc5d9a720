"""What is there? Reads a clone, a bare repository or a URL; opens tag objects and files only where they are asked for.

May import core and store.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gitcellar.core.digests import Digest
from gitcellar.core.errors import CellarError, InvalidError, NotFoundError, did_you_mean
from gitcellar.core.events import DetailedEvent, Details, Event
from gitcellar.core.lineage import find_checkpoint
from gitcellar.core.names import ModelName
from gitcellar.core.references import NoVersionError, Reference, find_referenced, parse_reference
from gitcellar.core.state import ModelState, VersionState, fold_events, order_events
from gitcellar.core.tags import model_patterns, parse_listing
from gitcellar.core.trailers import parse_message
from gitcellar.core.versions import Version
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource, RemoteRepository, cloned


def open_source(where: str | os.PathLike[str]) -> RefSource:
    """A repository to read: a folder of this machine, or else a URL."""
    text = os.fspath(where)
    if os.path.isdir(text):
        return GitRepository(text)
    if "://" in text or (":" in text.split("/", 1)[0] and not os.path.exists(text)):
        return RemoteRepository(text)
    raise NotFoundError(f"there is no folder {text!r}", hint="give a path, or a URL such as https://host/cellar.git")


def read_cellar(source: RefSource) -> dict[ModelName, ModelState]:
    """Every model's state, in the order of their names."""
    models = parse_listing(source.list_tags())
    return {name: fold_events(name, models[name]) for name in sorted(models)}


def read_state(source: RefSource, model: ModelName) -> ModelState:
    """One model's state, empty where it has no tags."""
    events = parse_listing(source.list_refs(model_patterns(model)))
    return fold_events(model, events.get(model, ()))


def read_model(source: RefSource, model: ModelName) -> ModelState:
    """One model's state. Raise NotFoundError, with the nearest names, for a model without tags."""
    state = read_state(source, model)
    if not state.events:
        raise unknown_model(source, model)
    return state


def read_past(source: RefSource, model: ModelName | None, at: int) -> list[ModelState]:
    """The states as they were at a moment, in seconds UTC, of one model or of all. A URL is asked for tags alone.

    An event is never older than one before it in the order of counters, whatever its tagger's clock said.
    """
    with with_objects(source, model) as repository:
        states = [read_model(repository, model)] if model else list(read_cellar(repository).values())
        details = repository.read_details(model_patterns(model) if model else ("refs/tags/",))
    found: list[ModelState] = []
    for state in states:
        latest = 0
        events: list[Event] = []
        for detailed in detail_events(state, details):
            latest = max(latest, detailed.details.at)
            if latest <= at:
                events.append(detailed.event)
        if events or model:
            found.append(fold_events(state.name, events))
    return found


def read_reference(source: RefSource, text: str) -> Reference:
    """What a person means by REF. Raise InvalidError for what is none, with references that are there.

    Raise NotFoundError, with the nearest names, for the bare name of a model that is not there.
    """
    try:
        return parse_reference(text)
    except NoVersionError as error:
        state = read_model(source, error.model)
        known = [f"{state.name}@{state.latest}"] if state.latest else []
        known += [f"{state.name}#{stage}" for stage in sorted(state.stages)]
        raise InvalidError(error.message, hint=f"say which: {', '.join(known)}" if known else error.hint) from error


def unknown_model(source: RefSource, model: ModelName) -> CellarError:
    """The error that says why `model` may not be here, and what is."""
    known = [name.text for name in parse_listing(source.list_tags())]
    hint = did_you_mean(model.text, known)
    if hint is None and not known and source.is_shallow():
        hint = "this clone is shallow and has no tags; bring them with: git fetch --tags"
    elif hint is None and not known:
        hint = "there is no registry tag here at all; bring them with: git fetch --tags, or register a first version"
    return NotFoundError(f"there is no model {model}", hint=hint or "gitcellar show lists them")


def read_version(source: RefSource, reference: Reference) -> tuple[ModelState, VersionState]:
    """The state of a model, and the version of it that a reference means."""
    state = read_model(source, reference.model)
    return state, find_referenced(reference, state)


def read_history(source: RefSource, model: ModelName | None) -> list[tuple[ModelState, DetailedEvent]]:
    """The events of one model, or of all, the newest first. A URL is asked for tags alone, without files."""
    with with_objects(source, model) as repository:
        patterns = model_patterns(model) if model else ("refs/tags/",)
        states = [read_model(repository, model)] if model else list(read_cellar(repository).values())
        details = repository.read_details(patterns)
    found = [(state, event) for state in states for event in detail_events(state, details)]
    if model is None:
        found.sort(key=lambda item: item[1].details.at)
    return found[::-1]


def read_events(source: RefSource, model: ModelName | None) -> list[tuple[ModelState, Event]]:
    """The events of one model, or of all, the newest first, from ref names alone: nothing is cloned.

    A registration stands before the first event that is about its version, for nothing else tells when it was.
    """
    states = [read_model(source, model)] if model else list(read_cellar(source).values())
    return [(state, event) for state in states for event in reversed(order_events(state))]


def detail_events(state: ModelState, details: Mapping[str, tuple[str, Details]]) -> list[DetailedEvent]:
    """Annotated events, the oldest first: counted ones by counter, registrations between them by date.

    Written dates rise strictly within a model, so for what gitcellar wrote this is the order of writing.
    """
    known = [DetailedEvent(event, details[event.tag][1]) for event in state.events if event.tag in details]
    counted = sorted((e for e in known if e.event.fact.counter), key=lambda e: (e.event.fact.counter, e.event.tag))
    free = sorted((e for e in known if not e.event.fact.counter), key=lambda e: (e.details.at, e.event.tag))
    ordered: list[DetailedEvent] = []
    for event in counted:
        while free and free[0].details.at <= event.details.at:
            ordered.append(free.pop(0))
        ordered.append(event)
    return ordered + free


def find_alike(state: ModelState, details: Mapping[str, tuple[str, Details]], digest: Digest | None) -> list[Version]:
    """The versions of a model whose registrations recorded that very checkpoint."""
    recorded = [
        (version, find_checkpoint(parse_message(details[event.tag][1].message)))
        for version, event in state.registrations.items()
        if event.tag in details
    ]
    return [version for version, found in recorded if digest and found and found.sha256 == digest.sha256]


def read_details_of(repository: GitRepository, held: VersionState) -> Details | None:
    """What the tag object says that registered a version; None for a lightweight tag."""
    found = repository.read_details([f"refs/tags/{held.tag}"]).get(held.tag)
    return found[1] if found else None


@contextmanager
def with_objects(source: RefSource, model: ModelName | None) -> Iterator[GitRepository]:
    """A repository whose tag objects can be read: the source itself, or a throw-away one with a remote's tags."""
    if isinstance(source, GitRepository):
        yield source
        return
    refs = model_patterns(model) if model else ("refs/tags/*",)
    with cloned(source.url, refs) as repository:
        yield repository


def project_root(repository: GitRepository) -> Path:
    """The top of the work tree. Raise NotFoundError in a bare repository."""
    root = repository.find_root()
    if root is None:
        raise NotFoundError("this is a bare repository, and this needs a work tree", hint="use a clone of it")
    return root
