"""What happened? One tag, or all that a clone has not told yet, with what other programs ask about.

One model's refs are read, whatever the cellar's size. May import core, store, cellar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gitcellar.cellar.asking import unknown_tag
from gitcellar.cellar.reading import detail_events, read_model, read_state, with_objects
from gitcellar.cellar.rows import format_time
from gitcellar.core.cloud_events import Happening, Kind, claim_of, find_kind, find_previous
from gitcellar.core.declared import find_path, manifest_files
from gitcellar.core.digests import Digest
from gitcellar.core.documents import MAX_BYTES
from gitcellar.core.errors import CellarError
from gitcellar.core.events import Details, Event
from gitcellar.core.lineage import find_checkpoint
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState, replay_events
from gitcellar.core.tags import find_tag_name, model_patterns
from gitcellar.core.trailers import parse_message
from gitcellar.core.versions import Version
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource


def read_happening(source: RefSource, tag: str) -> Happening:
    """What a tag states, `none` for a tag that is not the registry's. Raise NotFoundError for one that is not there."""
    named = find_tag_name(tag)
    if named is None:
        return Happening("none", tag)
    with with_objects(source, named.model) as repository:
        found = list(read_happenings(repository, named.model, [tag]))
        if not found:
            raise unknown_tag(read_model(repository, named.model), tag)
    return found[0]


def read_happenings(repository: GitRepository, model: ModelName, tags: Iterable[str]) -> Iterator[Happening]:
    """Those events of a model whose tags are named, the oldest first."""
    wanted = set(tags)
    state = read_state(repository, model)
    details = repository.read_details(model_patterns(model))
    # A state of the past is good until the next event is asked for, so what is asked of it is asked at once.
    seen = {
        event.tag: (find_kind(event, known), find_previous(event, known))
        for event, known in replay_events(model, (), state.events)
        if event.tag in wanted
    }
    for detailed in detail_events(state, details):
        if detailed.event.tag in wanted:
            yield _describe(repository, detailed.event, *seen[detailed.event.tag], state, details)


def _describe(
    repository: GitRepository,
    event: Event,
    kind: Kind,
    previous: Version | None,
    state: ModelState,
    details: Mapping[str, tuple[str, Details]],
) -> Happening:
    version = state.version_of(event)
    own = details[event.tag][1]
    registered = state.registrations.get(version) if version else None
    return Happening(
        kind,
        event.tag,
        event.object_id,
        state.name.text,
        str(version) if version else None,
        event.stage,
        claim_of(event),
        _spell(previous),
        event.commit,
        _find_path(repository, event.commit, state.name),
        _find_digest(registered, details),
        own.author,
        own.email,
        parse_message(own.message).text,
        format_time(own),
    )


def _find_digest(registered: Event | None, details: Mapping[str, tuple[str, Details]]) -> Digest | None:
    known = details.get(registered.tag) if registered else None
    return find_checkpoint(parse_message(known[1].message)) if known else None


def _find_path(repository: GitRepository, commit: str | None, model: ModelName) -> str | None:
    try:
        return (
            find_path(model, repository.read_bounded_blobs(commit, manifest_files(model), most=MAX_BYTES))
            if commit
            else None
        )
    except CellarError:
        return None  # what a stranger's manifest says, or that it cannot be read, stops no event


def _spell(version: Version | None) -> str | None:
    return str(version) if version else None
