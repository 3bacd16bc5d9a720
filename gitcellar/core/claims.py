"""What does somebody state about a version? A claim, read from its tag object; and its trailers, to be written.

May import versions, events, digests, tag_objects and trailers.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gitcellar.core.digests import Digest, find_digest
from gitcellar.core.events import BYPASSED, RATIFIED, Claimed, Event
from gitcellar.core.names import ModelName
from gitcellar.core.tag_objects import TagObject
from gitcellar.core.trailers import Message, parse_message
from gitcellar.core.versions import Version

APPROVED, REJECTED = "approved", "rejected"
EVALUATED, SCANNED = "evaluated", "scanned"
# The first four are about a stage, the others have names that a team chooses.
DECISIONS = (APPROVED, REJECTED, BYPASSED, RATIFIED)
KINDS = (*DECISIONS, EVALUATED, SCANNED)
CLEAN = "clean"
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Statement:
    """What a claim's message says, beside its model and version. `against` is the counter of the stage's last event.

    `until` is the last day in UTC on which it counts, `result` a scan's, `command` and `report` are sha256 sums.
    """

    cellar: str | None = None
    stage: str | None = None
    checkpoint: Digest | None = None
    policy: str | None = None
    against: int | None = None
    role: str | None = None
    until: str | None = None
    result: str | None = None
    command: str | None = None
    report: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim. `kind` and `about` are the halves of its name, `target` the object that its tag points at.

    `named` are the model and version that the message says, `at` the tagger's clock in seconds UTC.
    """

    tag: str
    object_id: str
    version: Version
    kind: str
    about: str
    counter: int
    target: str
    named: tuple[str | None, str | None]
    statement: Statement
    text: str
    at: int


def read_claim(event: Event, found: TagObject) -> Claim | None:
    """The claim that an event makes; None for an event that is none."""
    fact = event.fact
    if not isinstance(fact, Claimed):
        return None
    message = parse_message(found.message)
    kind, _, about = fact.claim.partition(".")
    return Claim(
        event.tag,
        event.object_id,
        fact.version,
        kind,
        about,
        fact.counter,
        found.target,
        (message.find("Model"), message.find("Version")),
        _read_statement(message),
        message.text,
        found.at,
    )


def plan_claim(model: ModelName, fact: Claimed, tag: str, target: str, statement: Statement) -> Claim:
    """A claim that nobody has written yet."""
    kind, _, about = fact.claim.partition(".")
    named = model.text, str(fact.version)
    return Claim(tag, "", fact.version, kind, about, fact.counter, target, named, statement, "", 0)


def format_statement(statement: Statement) -> list[tuple[str, str]]:
    """The trailers of a statement, those alone that say something."""
    said: Sequence[tuple[str, object]] = (
        ("Cellar", statement.cellar),
        ("Stage", statement.stage),
        ("Checkpoint", statement.checkpoint),
        ("Policy", statement.policy),
        ("Against", statement.against),
        ("Role", statement.role),
        ("Until", statement.until),
        ("Result", statement.result),
        ("Command", statement.command),
        ("Report", statement.report),
        *(("Metric", f"{name}={value!r}") for name, value in statement.metrics.items()),
    )
    return [(key, str(value)) for key, value in said if value is not None]


def digest_command(command: Sequence[str]) -> str:
    """The sum by which a claim says which command was run: sha256 of its words as JSON."""
    return hashlib.sha256(json.dumps(list(command)).encode()).hexdigest()


def _read_statement(message: Message) -> Statement:
    against = message.find("Against") or ""
    return Statement(
        message.find("Cellar"),
        message.find("Stage"),
        find_digest(message.find("Checkpoint") or ""),
        message.find("Policy"),
        int(against) if re.fullmatch("[0-9]{1,9}", against) else None,
        message.find("Role"),
        message.find("Until"),
        message.find("Result"),
        message.find("Command"),
        message.find("Report"),
        {
            name: float(value)
            for key, said in message.trailers
            for name, _, value in (said.partition("="),)
            if key.lower() == "metric" and _NUMBER.fullmatch(value) and math.isfinite(float(value))
        },
    )
