"""What is there to know about one version? Its tag, its manifest entry, its lineage and its life in stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gitcellar.cellar.reading import detail_events, read_version, with_objects
from gitcellar.core.declared import manifest_files
from gitcellar.core.digests import Digest
from gitcellar.core.documents import MAX_BYTES, DocumentError, parse_document
from gitcellar.core.errors import NotFoundError, did_you_mean
from gitcellar.core.events import DetailedEvent, Details
from gitcellar.core.json_text import parse_json
from gitcellar.core.lineage import Base, find_base, find_checkpoint
from gitcellar.core.manifest import Entry, find_entry
from gitcellar.core.metrics import parse_metrics
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference
from gitcellar.core.state import ModelState, VersionState
from gitcellar.core.tags import model_patterns, parse_listing
from gitcellar.core.trailers import Message, parse_message
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource, RemoteRepository


@dataclass(frozen=True, slots=True)
class Description:
    """Everything about one version. `details` and `entry` are None where nothing says.

    `metrics` and `params` are the entry's, read from their files at the commit where the entry names files.
    """

    state: ModelState
    version: VersionState
    details: Details | None
    message: Message | None
    entry: Entry | None
    base: Base | None
    checkpoint: Digest | None
    metrics: Mapping[str, Any]
    params: Mapping[str, Any]
    history: tuple[DetailedEvent, ...]


def read_description(source: RefSource, reference: Reference) -> Description:
    """Everything about the version that a reference means. A URL is asked for one commit and its manifest's files."""
    if isinstance(source, RemoteRepository):
        read_version(source, reference)  # so that an unknown one is told apart before anything is fetched
    with with_objects(source, reference.model) as repository:
        state, version = read_version(repository, reference)
        details = repository.read_details(model_patterns(reference.model))
        entry = read_entry(repository, version.commit, reference.model)
        metrics = _read_values(repository, version.commit, entry.metrics if entry else {}, parse_metrics)
        params = _read_values(repository, version.commit, entry.params if entry else {}, _parse_params)
    own = details.get(version.tag, (None, None))[1]
    message = parse_message(own.message) if own else None
    history = [e for e in detail_events(state, details) if state.version_of(e.event) == version.version]
    return Description(
        state,
        version,
        own,
        message,
        entry,
        find_base(message) if message else None,
        find_checkpoint(message) if message else None,
        metrics,
        params,
        tuple(history),
    )


def read_entry(repository: GitRepository, commit: str, model: ModelName) -> Entry | None:
    """What the manifest at a commit says of a model; None where it says nothing."""
    return find_entry(model, repository.read_bounded_blobs(commit, manifest_files(model), most=MAX_BYTES))


def require_entry(repository: GitRepository, commit: str, model: ModelName) -> Entry:
    """Like `read_entry`. Raise NotFoundError where the commit declares nothing."""
    entry = read_entry(repository, commit, model)
    if entry is None:
        known = [name.text for name in parse_listing(repository.list_tags())]
        declare = f"gitcellar add {model} PATH, then commit what it names"
        near = did_you_mean(model.text, known) if model.text not in known else None
        hint = f"{near} If it is new: {declare}" if near else declare
        raise NotFoundError(f"artifacts.yaml at {commit[:7]} has no entry for {model}", hint=hint)
    return entry


def _read_values(
    repository: GitRepository, commit: str, written: Mapping[str, Any] | str, parse: Callable[[bytes, str], Any]
) -> Mapping[str, Any]:
    """Metrics or parameters: inline, or from the file that is named. Nothing where that is absent or unreadable."""
    if not isinstance(written, str):
        return written
    content = repository.read_bounded_blobs(commit, [written], most=MAX_BYTES).get(written)
    try:
        value = {} if content is None else parse(content, written)
    except DocumentError:
        return {}
    return value if isinstance(value, dict) else {}


def _parse_params(content: bytes, file: str) -> Any:
    """The value of a JSON or YAML file; None for a file of another kind."""
    if file.endswith(".json"):
        return parse_json(content, file)
    return parse_document(content, file).value if file.endswith((".yaml", ".yml")) else None
