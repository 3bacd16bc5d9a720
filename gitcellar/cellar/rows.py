"""What does an answer look like as data? The JSON documents, stable from schema 1 on: additions only.

Text, tables and HTML are made from the same rows. May import core.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, TypedDict

from gitcellar.core.events import Details, Event
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState, VersionState
from gitcellar.core.trailers import parse_message

SCHEMA = 1


class VersionRow(TypedDict):
    """A registered version. `state` is the stage that it was last put into, or `archived`."""

    version: str
    tag: str
    commit: str
    withdrawn: bool
    stages: list[str]
    state: str | None


class StageRow(TypedDict):
    """What a stage holds, the tag that put it there, and whether that version was withdrawn since."""

    version: str
    tag: str
    commit: str
    withdrawn: bool


class AnomalyRow(TypedDict):
    """A registry tag that contradicts another."""

    code: str
    tag: str
    message: str


class ModelRow(TypedDict):
    """A model and everything about it that refs say. `unratified` are stages entered by broken glass, and its claim."""

    name: str
    rack: str | None
    project: str
    kind: str
    latest: str | None
    deprecated: bool
    versions: list[VersionRow]
    stages: dict[str, StageRow]
    unratified: dict[str, str]
    anomalies: list[AnomalyRow]


class ShowDocument(TypedDict):
    """`gitcellar show --json`."""

    schema: int
    models: list[ModelRow]


class ResolveDocument(TypedDict):
    """`gitcellar resolve --json`."""

    schema: int
    model: str
    version: str
    tag: str
    commit: str
    stages: list[str]
    withdrawn: bool


class EventRow(TypedDict):
    """An event. `author`, `email`, `at` and `message` are null where only ref names were read."""

    event: str
    model: str
    version: str | None
    stage: str | None
    counter: int | None
    tag: str
    commit: str | None
    author: str | None
    email: str | None
    at: str | None
    message: str | None


class HistoryDocument(TypedDict):
    """`gitcellar history --json`."""

    schema: int
    events: list[EventRow]


class ActDocument(TypedDict):
    """What a writing command prints with `--json`. `created` is false where it was so already, or a dry run.

    `reasons` say why a registration has its number.
    """

    schema: int
    tags: list[str]
    created: bool
    pushed: bool
    dry_run: bool
    model: str
    version: str | None
    stage: str | None
    commit: str | None
    checkpoint: CheckpointRow | None
    reasons: list[str]
    warnings: list[str]


class AffectedRow(TypedDict):
    """A project model's version that came from a recalled base, and the stages that hold it."""

    model: str
    version: str
    stages: list[str]
    withdrawn: bool


class RecallDocument(ActDocument):
    """`gitcellar recall --json`: the base's withdrawal, what came from it, and the tags that withdrew those."""

    affected: list[AffectedRow]
    cascaded: list[str]


class CheckpointRow(TypedDict):
    """A checkpoint's digest. `size` is in bytes."""

    sha256: str
    size: int


class BaseRow(TypedDict):
    """The base version that a registration is bound to, by the object id of its tag."""

    model: str
    version: str
    tag_object: str


class DescribeDocument(TypedDict):
    """`gitcellar describe --json`. `entry` is the manifest's, by the keys of `artifacts.yaml`.

    `metrics` and `params` are its values, also where the entry names files.
    """

    schema: int
    model: str
    version: str
    tag: str
    commit: str
    withdrawn: bool
    deprecated: bool
    stages: list[str]
    state: str | None
    author: str | None
    email: str | None
    at: str | None
    message: str | None
    base: BaseRow | None
    checkpoint: CheckpointRow | None
    entry: dict[str, Any] | None
    metrics: dict[str, Any]
    params: dict[str, Any]
    history: list[EventRow]


class GetDocument(TypedDict):
    """`gitcellar get --json`. `verified` is false where the registration recorded no digest."""

    schema: int
    model: str
    version: str
    tag: str
    commit: str
    path: str
    checkpoint: CheckpointRow
    verified: bool
    withdrawn: bool


class MoveDocument(TypedDict):
    """`gitcellar push --json` and `gitcellar fetch --json`. `checkpoints` counts objects that were new there.

    `tips` are the models of which a fetch brought the tip.
    """

    schema: int
    tags: list[str]
    tips: list[str]
    checkpoints: int


class UndoDocument(TypedDict):
    """`gitcellar undo --json`. `asked` are the remotes that have none of the tags, `silent` those without answer."""

    schema: int
    tags: list[str]
    models: list[str]
    asked: list[str]
    silent: list[str]
    dry_run: bool


class AddDocument(TypedDict):
    """`gitcellar add --json` and `gitcellar init --json`: the files to commit."""

    schema: int
    model: str | None
    files: list[str]
    entry: dict[str, Any] | None


def show_document(states: Iterable[ModelState]) -> ShowDocument:
    """The document of some models, in the order given."""
    return {"schema": SCHEMA, "models": [model_row(state) for state in states]}


def model_row(state: ModelState) -> ModelRow:
    """One model as data."""
    name = state.name
    latest = state.latest
    return {
        "name": name.text,
        "rack": name.rack,
        "project": name.project,
        "kind": name.kind,
        "latest": None if latest is None else str(latest),
        "deprecated": state.deprecated,
        "versions": [_version_row(held) for held in state.versions],
        "stages": {
            stage: {
                "version": str(held.version),
                "tag": held.tag,
                "commit": held.commit,
                "withdrawn": held.version in state.withdrawn,
            }
            for stage, held in sorted(state.stages.items())
        },
        "unratified": dict(sorted(state.unratified.items())),
        "anomalies": [{"code": a.code, "tag": a.tag, "message": a.message} for a in state.anomalies],
    }


def resolve_document(model: ModelName, held: VersionState) -> ResolveDocument:
    """The document of one version."""
    return {
        "schema": SCHEMA,
        "model": model.text,
        "version": str(held.version),
        "tag": held.tag,
        "commit": held.commit,
        "stages": list(held.stages),
        "withdrawn": held.withdrawn,
    }


def event_row(state: ModelState, event: Event, details: Details | None) -> EventRow:
    """One event as data; without details where only its ref was read."""
    version = state.version_of(event)
    return {
        "event": event.kind,
        "model": state.name.text,
        "version": None if version is None else str(version),
        "stage": event.stage,
        "counter": event.fact.counter or None,
        "tag": event.tag,
        "commit": event.commit,
        "author": details.author if details else None,
        "email": details.email if details else None,
        "at": format_time(details) if details else None,
        "message": parse_message(details.message).text if details else None,
    }


def format_time(details: Details) -> str:
    """When a tag was made, by its tagger's clock."""
    return format_moment(details.at)


def format_moment(at: int) -> str:
    """Seconds UTC as RFC 3339. A time beyond the calendar is its edge."""
    latest = 253402300799  # 9999-12-31T23:59:59Z
    return datetime.fromtimestamp(min(max(at, 0), latest), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that say something."""
    return {key: value for key, value in values.items() if value not in (None, [], {})}


def _version_row(held: VersionState) -> VersionRow:
    return {
        "version": str(held.version),
        "tag": held.tag,
        "commit": held.commit,
        "withdrawn": held.withdrawn,
        "stages": list(held.stages),
        "state": held.stage,
    }
