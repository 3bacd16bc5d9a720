"""What does an agent know of its folder? What runs, what failed, and which versions it keeps.

Two files hold it, `reconciled.json` and `agent.json`, each with a copy of what runs: where one is truncated, the other
one restores it. May import core and store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from gitcellar.core.deployments import (
    STATE_FILE,
    Deployment,
    Reconciled,
    format_reconciled,
    parse_deployment,
    parse_number,
    parse_object_id,
    parse_reconciled,
    parse_sha256,
    parse_slot,
)
from gitcellar.core.errors import InvalidError
from gitcellar.core.json_text import JsonError, parse_json
from gitcellar.core.sites import MAX_REASON
from gitcellar.core.versions import find_version
from gitcellar.store.deploy_folder import Folder

MEMORY_FILE = ".gitcellar/agent.json"


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An assignment, by its id, that was tried and given up, and why."""

    id: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """The sha256 of what is on the disk, None for nothing that can be read, and when that was found, in seconds UTC."""

    sha256: str | None
    at: int


@dataclass(slots=True)
class AgentMemory:
    """Of each slot: what runs, what failed, which versions are kept, newest first, and what was measured last.

    `restored` are the files that could not be read and are made anew.
    """

    state: Reconciled = field(default_factory=Reconciled)
    failed: dict[str, FailedAttempt] = field(default_factory=dict)
    kept: dict[str, list[Deployment]] = field(default_factory=dict)
    measured: dict[str, Measurement] = field(default_factory=dict)
    restored: tuple[str, ...] = ()

    def is_rotten(self, deployment: Deployment) -> bool:
        """Whether the disk held something else than the deployment when it was measured last."""
        measured = self.measured.get(deployment.slot)
        return measured is not None and measured.sha256 != deployment.sha256

    def write(self, folder: Folder) -> None:
        """Keep it in the folder."""
        state = format_reconciled(self.state)
        document = {
            "failed": {slot: asdict(each) for slot, each in self.failed.items()},
            "kept": {slot: [asdict(each) for each in rows] for slot, rows in self.kept.items()},
            "measured": {slot: asdict(each) for slot, each in self.measured.items()},
            "state": json.loads(state),
        }
        content = (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
        folder.write({MEMORY_FILE: content, STATE_FILE: state})


def read_memory(folder: Folder) -> AgentMemory:
    """What the folder remembers; of a truncated file, what the other one knows.

    Raise InvalidError for a file that is whole and says what cannot be.
    """
    files = folder.read([MEMORY_FILE, STATE_FILE])
    truncated = tuple(name for name, content in files.items() if not _is_whole(content))
    known = {name: content for name, content in files.items() if name not in truncated}
    memory = _parse_memory(known[MEMORY_FILE]) if MEMORY_FILE in known else AgentMemory()
    if STATE_FILE in known or STATE_FILE not in truncated:
        memory.state = parse_reconciled(known.get(STATE_FILE))
    if MEMORY_FILE in truncated:
        memory.kept = {slot: [deployment] for slot, deployment in memory.state.deployments.items()}
    memory.restored = truncated
    return memory


def _is_whole(content: bytes) -> bool:
    try:
        parse_json(content, "")
    except JsonError:
        return False
    return True


def _parse_memory(content: bytes) -> AgentMemory:
    try:
        found = parse_json(content, MEMORY_FILE)
        kept = {parse_slot(slot): [parse_deployment(each) for each in rows] for slot, rows in found["kept"].items()}
        failed = {parse_slot(slot): _parse_failed(row) for slot, row in found["failed"].items()}
        if any({each.slot for each in rows} != {slot} for slot, rows in kept.items()):
            raise ValueError("kept")
        # Files of earlier versions have neither of these.
        measured = {parse_slot(slot): _parse_measured(row) for slot, row in found.get("measured", {}).items()}
        state = None if "state" not in found else json.dumps(found["state"]).encode()
        return AgentMemory(parse_reconciled(state), failed, kept, measured)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "remove it, and the agent begins anew with what is served"
        raise InvalidError(f"{MEMORY_FILE} cannot be read", hint=hint) from error


def _parse_measured(row: Mapping[str, object]) -> Measurement:
    sha256 = row["sha256"]
    return Measurement(None if sha256 is None else parse_sha256(sha256), parse_number(row["at"]))


def _parse_failed(row: Mapping[str, object]) -> FailedAttempt:
    version, reason = row["version"], row["reason"]
    if not isinstance(version, str) or not find_version(version) or not isinstance(reason, str):
        raise ValueError("failed")
    return FailedAttempt(parse_object_id(row["id"]), version, reason[:MAX_REASON])
