"""What happened, told to other programs: an event of the registry as a CloudEvent, as variables, or in words.

The id is the tag object's, so that a repeat is recognised. Source: CloudEvents 1.0. Pure; may import core alone.
"""

from __future__ import annotations

import hashlib
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gitcellar.core.digests import Digest
from gitcellar.core.events import Assigned, Claimed, Deprecated, Event, Registered, Unassigned, Withdrawn
from gitcellar.core.state import ModelState
from gitcellar.core.urls import strip_credentials
from gitcellar.core.versions import Version

Kind = Literal[
    "registered",
    "assigned",
    "unassigned",
    "archived",
    "claimed",
    "withdrawn",
    "deprecated",
    "rolled-back",
    "held",
    "withdrawn-live",
    "mended",
    "none",
]
ARCHIVED = "archived"
# CloudEvents asks for a reverse-DNS name, and gitcellar owns no domain: nobody ever will own one in .alt (RFC 9476).
TYPE_PREFIX = "alt.gitcellar"
_KINDS: Mapping[type, Kind] = {
    Registered: "registered",
    Unassigned: "unassigned",
    Claimed: "claimed",
    Withdrawn: "withdrawn",
    Deprecated: "deprecated",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event with all that other programs ask about. `previous` is what the stage held before it.

    `path` is where the checkpoint stands in the commit, `at` the tagger's clock as RFC 3339.
    """

    kind: Kind
    tag: str
    object_id: str | None = None
    model: str | None = None
    version: str | None = None
    stage: str | None = None
    claim: str | None = None
    previous: str | None = None
    commit: str | None = None
    path: str | None = None
    digest: Digest | None = None
    actor: str | None = None
    email: str | None = None
    message: str | None = None
    at: str | None = None


def find_kind(event: Event, before: ModelState) -> Kind:
    """What an event was, seen from what was so before it."""
    fact = event.fact
    if isinstance(fact, Assigned):
        if fact.stage == ARCHIVED:
            return "archived"
        held = before.stages.get(fact.stage)
        returns = before.has_held(event.commit or "", fact.stage)
        return "rolled-back" if returns and (held is None or held.commit != event.commit) else "assigned"
    return _KINDS[type(fact)]


def make_notice(kind: Kind, slot: str, version: str | None, reason: str | None, at: str) -> Happening:
    """What a serving machine found at a moment: that a slot is held or mended, or serves a withdrawn version.

    What goes on has one id as long as its reason is the same; each mending has another.
    """
    model, _, stage = slot.rpartition("#")
    words = (slot, version or "", reason or "") if kind == "held" else (slot, version or "", reason or at, kind)
    identity = hashlib.sha256("\0".join(words).encode()).hexdigest()
    return Happening(kind, "", identity, model, version, stage, message=reason, at=at)


def find_previous(event: Event, before: ModelState) -> Version | None:
    """What the stage of an event held before it."""
    held = before.stages.get(event.stage) if event.stage else None
    return held.version if held else None


def claim_of(event: Event) -> str | None:
    """The claim's name, of an event that is one."""
    return event.fact.claim if isinstance(event.fact, Claimed) else None


def format_cloud_event(happening: Happening, source: str) -> dict[str, Any]:
    """The event in CloudEvents' JSON format. `source` is the cellar's id, or its URL without what logs in to it."""
    event = {
        "specversion": "1.0",
        "id": happening.object_id or happening.tag or happening.kind,
        "source": strip_credentials(source),
        "type": f"{TYPE_PREFIX}.{happening.kind}",
        "subject": happening.tag or None,
        "time": happening.at,
        "datacontenttype": "application/json",
        "data": _format_data(happening),
    }
    return {key: value for key, value in event.items() if value is not None}


def format_variables(happening: Happening) -> dict[str, str]:
    """The event as variables; what it does not say is empty, so that nothing of an earlier event shines through."""
    data = {"event": happening.kind, "tag": happening.tag, "id": happening.object_id, **_format_data(happening)}
    return {f"GITCELLAR_{key.upper()}": "" if value is None else str(value) for key, value in data.items()}


def format_shell(variables: Mapping[str, str]) -> str:
    """Assignments that a POSIX shell reads back, whatever the values hold.

    No line of a value begins what a CI host would run, should this reach a job's log: the quotes end and begin anew.
    """
    quoted = {name: shlex.quote(value).replace("\n", "\n''").replace("##", "#''#") for name, value in variables.items()}
    return "".join(f"{name}={value}\n" for name, value in quoted.items())


def format_github_output(variables: Mapping[str, str]) -> str:
    """Lines for the file that GITHUB_OUTPUT names. No value can end itself, for nobody knows the delimiter before."""
    lines = []
    for name, value in variables.items():
        delimiter = f"end-{secrets.token_hex(16)}"
        lines.append(f"{name.removeprefix('GITCELLAR_').lower()}<<{delimiter}\n{value}\n{delimiter}\n")
    return "".join(lines)


def _format_data(happening: Happening) -> dict[str, Any]:
    digest = happening.digest
    return {
        "model": happening.model,
        "version": happening.version,
        "stage": happening.stage,
        "claim": happening.claim,
        "previous": happening.previous,
        "commit": happening.commit,
        "path": happening.path,
        "sha256": digest.sha256 if digest else None,
        "size": digest.size if digest else None,
        "actor": happening.actor,
        "email": happening.email,
        "message": happening.message,
    }
