"""What should run? What every stage holds, against what was brought about before: pure.

A slot is a model's stage. What stands in a target is remembered there, so that no stage ever goes back unnoticed. May
import core alone.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from gitcellar.core.errors import CellarError, InvalidError
from gitcellar.core.events import Assigned, Event, Unassigned
from gitcellar.core.json_text import parse_json
from gitcellar.core.names import ModelName, find_model_name, is_stage_name
from gitcellar.core.path_lengths import find_length_fault
from gitcellar.core.slugs import make_slug
from gitcellar.core.state import ARCHIVED, ModelState
from gitcellar.core.stored_objects import StoredObject
from gitcellar.core.tags import find_tag_name
from gitcellar.core.target_paths import parse_target_path
from gitcellar.core.versions import find_version

STATE_FILE = ".gitcellar/reconciled.json"
_SCHEMA = 1
_HINT = "bring it back from the branch's history, or begin with an empty target"
_OBJECT_ID = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256 = re.compile("[0-9a-f]{64}")
_LABEL_TEXT = re.compile("(?s:.{0,10000})")
_MAX_TEXT = 1000
_MAX_NUMBER = 2**53  # what every reader of JSON takes for a whole number
_MAX_ENTRIES = 1_000_000
_STORED = ("storage", "key", "md5")
_LATER = ("withdrawn", *_STORED)  # what files from before do not say
Status = Literal["current", "changed", "removed", "held", "withdrawn", "kept", "mended"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a stage should run. `sequence` is the counter of the assignment, `event` its tag and `id` that tag's object.

    `path` is where the checkpoint stands in the commit; digest and size are None for a version that recorded none.
    `withdrawn` marks a version that was withdrawn while it was live, and is kept. `storage`, `key` and `md5` say where
    the weights are, as StoredObject has it; None where the commit, or a file from before, does not say so.
    """

    model: str
    stage: str
    version: str
    sequence: int
    event: str
    id: str
    tag: str
    commit: str
    path: str | None
    sha256: str | None
    size: int | None
    withdrawn: bool = False
    storage: str | None = None
    key: str | None = None
    md5: str | None = None

    @property
    def slot(self) -> str:
        """`MODEL#STAGE`."""
        return f"{self.model}#{self.stage}"

    @property
    def slug(self) -> str:
        """A name that Kubernetes, Docker, Triton, a file system and a URL all take; no two slots have the same."""
        return make_slug(self.model, self.stage)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a target says that it holds, and for which cellar, in which form and of which slots.

    `files` are the sha256 of what was written, `coming` of what was about to be.
    `sequences` are the last counters of every slot, also of those that are empty now; `tips` the newest events of the
    models when they were verified.
    """

    source: str | None = None
    render: str | None = None
    scope: str | None = None
    deployments: Mapping[str, Deployment] = field(default_factory=dict)
    sequences: Mapping[str, int] = field(default_factory=dict)
    tips: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    coming: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a slot should hold by the refs or an index alone; `version` is None for one that should be empty.

    `sequence` is the counter of the assignment and `id` its tag's object, of an empty slot those of its last event.
    A version that is `withdrawn` is deployed nowhere anew.
    `fault` says why nothing can be told of it, as where a version is assigned that nobody registered.
    """

    model: ModelName
    stage: str
    version: str | None
    sequence: int
    id: str
    fault: str | None = None
    withdrawn: bool = False

    @property
    def slot(self) -> str:
        """`MODEL#STAGE`."""
        return f"{self.model}#{self.stage}"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with a slot, or why nothing is.

    `withdrawn` is one that keeps a withdrawn version, `kept` one that an agent serves and no longer asks for, `mended`
    one whose weights had changed on the disk.
    """

    slot: str
    status: Status
    version: str | None
    reason: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the slot is as it should be, or will be once the step is done."""
        return self.reason is None


def find_wanted(states: Iterable[ModelState], stages: Iterable[str] = ()) -> dict[str, Wanted]:
    """What each slot should hold: of the stages that are named, or of all. `archived` is none of them."""
    only = set(stages)
    found: dict[str, Wanted] = {}
    for state in states:
        events: dict[str, list[Event]] = {}
        for event in sorted(state.events, key=lambda event: event.fact.counter):
            if event.stage is not None and event.stage != ARCHIVED and (not only or event.stage in only):
                events.setdefault(event.stage, []).append(event)
        for stage, each in events.items():
            wanted = _find_wanted(state, stage, each)
            found[wanted.slot] = wanted
    return found


def _find_wanted(state: ModelState, stage: str, events: list[Event]) -> Wanted:
    held, last = state.stages.get(stage), events[-1]
    if held is not None:
        assigned = next(event for event in events if event.tag == held.tag)
        withdrawn = held.version in state.withdrawn
        counter, identity = assigned.fact.counter, assigned.object_id
        return Wanted(state.name, stage, str(held.version), counter, identity, withdrawn=withdrawn)
    archived = state.emptied.get(stage)
    if archived is not None and isinstance(archived.fact, Assigned) and archived.fact.counter > last.fact.counter:
        return Wanted(state.name, stage, None, archived.fact.counter, archived.object_id)
    # A stage is empty where somebody emptied it, and not where its last tag makes no sense.
    told = next((found.message for found in state.anomalies if found.tag == last.tag), None)
    fault = f"{last.tag}: {told}" if told else None
    emptied = [event for event in events if isinstance(event.fact, Unassigned)]
    return Wanted(state.name, stage, None, last.fact.counter, (emptied or events)[-1].object_id, fault)


def settle(before: Reconciled, wanted: Mapping[str, Wanted], faults: Mapping[str, str]) -> list[Step]:
    """What to do with each slot, before anything was verified. `faults` say of which slots nothing could be told."""
    steps = []
    for slot in sorted({*before.deployments, *before.sequences, *wanted, *faults}):
        held, want = before.deployments.get(slot), wanted.get(slot)
        last = before.sequences.get(slot, -1)
        if slot in faults:
            steps.append(hold(slot, before, faults[slot]))
        elif want is None:
            # Nothing is taken for granted from what is not there.
            steps += [hold(slot, before, "it is gone from the registry, or no longer asked for")] if held else []
        elif want.sequence < last:
            steps.append(hold(slot, before, f"the registry says #{want.sequence}, and #{last} was here already"))
        elif want.fault is not None:
            steps.append(hold(slot, before, want.fault))
        elif want.withdrawn:
            steps.append(_settle_withdrawn(slot, before, want))
        elif held is not None and want.id == held.id:
            # What was withdrawn and registered anew may have other weights.
            steps.append(Step(slot, "changed" if held.withdrawn else "current", held.version))
        elif want.version is None:
            steps += [Step(slot, "removed", held.version)] if held else []
        elif held is not None and want.sequence == held.sequence:
            steps.append(hold(slot, before, f"#{want.sequence} is another object than it was"))
        else:
            steps.append(Step(slot, "changed", want.version))
    return steps


def _settle_withdrawn(slot: str, before: Reconciled, want: Wanted) -> Step:
    held = before.deployments.get(slot)
    if held is not None and held.version == want.version:
        return Step(slot, "withdrawn", held.version, "it was withdrawn and is still live: assign another version")
    return hold(slot, before, f"{want.version} is withdrawn and is not deployed: assign another version")


def leave_alone(steps: Iterable[Step], wanted: Mapping[str, Wanted], ids: Container[str]) -> list[Step]:
    """The steps without changes to assignments of these ids, for they were tried and failed."""
    return [step for step in steps if step.status != "changed" or wanted[step.slot].id not in ids]


def hold(slot: str, before: Reconciled, reason: str) -> Step:
    """The step that leaves a slot as it is, and says why."""
    held = before.deployments.get(slot)
    return Step(slot, "held", held.version if held else None, reason)


def carry_out(
    before: Reconciled, steps: Iterable[Step], wanted: Mapping[str, Wanted], new: Mapping[str, Deployment]
) -> Reconciled:
    """What is so after some steps; `new` are the deployments of slots that changed."""
    deployments, sequences = dict(before.deployments), dict(before.sequences)
    for step in steps:
        if step.status == "changed":
            deployments[step.slot] = new[step.slot]
        elif step.status == "withdrawn":
            deployments[step.slot] = replace(deployments[step.slot], withdrawn=True)
        elif step.status == "removed":
            deployments.pop(step.slot)
        if step.status in ("changed", "removed"):
            sequences[step.slot] = wanted[step.slot].sequence
    return replace(before, deployments=deployments, sequences=sequences)


def format_reconciled(state: Reconciled) -> bytes:
    """The state as it is kept in a target: the same bytes for the same state."""
    document = {
        "schema": _SCHEMA,
        "source": state.source,
        "render": state.render,
        "scope": state.scope,
        "deployments": {slot: asdict(deployment) for slot, deployment in state.deployments.items()},
        "sequences": dict(state.sequences),
        "tips": dict(state.tips),
        "files": dict(state.files),
        "coming": dict(state.coming),
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def parse_reconciled(content: bytes | None) -> Reconciled:
    """The state that a target keeps; an empty one where it keeps none. Raise InvalidError for what is none."""
    if content is None:
        return Reconciled()
    try:
        found = parse_json(content, STATE_FILE)
        if found["schema"] != _SCHEMA:
            raise InvalidError(f"this version does not know its schema {found['schema']!r:.20}")
        deployments = {slot: parse_deployment(each) for slot, each in _parse_map(found["deployments"], parse_slot)}
        if any(slot != deployment.slot for slot, deployment in deployments.items()):
            raise ValueError("deployments")
        return Reconciled(
            _parse_label(found["source"]),
            _parse_label(found["render"]),
            _parse_label(found["scope"]),
            deployments,
            {slot: parse_number(number) for slot, number in _parse_map(found["sequences"], parse_slot)},
            {model: parse_object_id(tip) for model, tip in _parse_map(found["tips"], _parse_model)},
            {path: parse_sha256(digest) for path, digest in _parse_map(found["files"], parse_target_path)},
            {path: parse_sha256(digest) for path, digest in _parse_map(found["coming"], parse_target_path)},
        )
    except CellarError as error:
        raise InvalidError(f"{STATE_FILE} in the target cannot be read: {error}", hint=_HINT) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidError(f"{STATE_FILE} in the target cannot be read", hint=_HINT) from error


def parse_deployment(found: Any) -> Deployment:
    """A deployment from its JSON. Raise KeyError, TypeError or ValueError for what is none.

    Its words become paths and refs on this machine, so each is held against what it should be.
    """
    values = {each.name: found[each.name] for each in fields(Deployment) if each.name not in _LATER}
    values |= {name: found.get(name) for name in _STORED}
    for name, value in values.items():
        kind = int if name in ("sequence", "size") else str
        absent = value is None and name in ("path", "sha256", "size", *_STORED)
        if not absent and (not isinstance(value, kind) or isinstance(value, bool)):
            raise TypeError(name)
    withdrawn = found.get("withdrawn", False)
    if not isinstance(withdrawn, bool):
        raise TypeError("withdrawn")
    deployment = Deployment(**values, withdrawn=withdrawn)
    StoredObject(deployment.storage, deployment.key, deployment.md5)
    parse_slot(deployment.slot)
    parse_number(deployment.sequence)
    parse_number(deployment.size or 0)
    if not (
        find_version(deployment.version)
        and find_tag_name(deployment.event)
        and find_tag_name(deployment.tag)
        and max(map(len, (deployment.version, deployment.event, deployment.tag))) <= _MAX_TEXT
        and all(map(_OBJECT_ID.fullmatch, (deployment.id, deployment.commit)))
        and _SHA256.fullmatch(deployment.sha256 or "0" * 64)
        and (deployment.path or "x").rpartition("/")[2] not in ("", ".", "..")
        and _is_inside(posixpath.normpath(deployment.path or "x"))
    ):
        raise ValueError(deployment.slot)
    return deployment


def parse_slot(text: str) -> str:
    """`MODEL#STAGE`, in the one way in which it is spelled. Raise ValueError for what is none."""
    model, _, stage = text.rpartition("#")
    if not is_stage_name(stage) or _parse_model(model) != model:
        raise ValueError(text)
    return text


def parse_number(value: object) -> int:
    """A counter, a size or a time in seconds. Raise TypeError or ValueError for what is none."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    if not 0 <= value < _MAX_NUMBER:
        raise ValueError("number")
    return value


def parse_object_id(value: object) -> str:
    """The id of a git object. Raise TypeError or ValueError for what is none."""
    return _parse_text(value, _OBJECT_ID)


def parse_sha256(value: object) -> str:
    """A sha256 in lower-case hex. Raise TypeError or ValueError for what is none."""
    return _parse_text(value, _SHA256)


def _parse_text(value: object, form: re.Pattern[str]) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    if not form.fullmatch(value):
        raise ValueError(value)
    return value


def _parse_label(value: object) -> str | None:
    """What a target is kept for: compared and quoted, and nothing else."""
    return None if value is None else _parse_text(value, _LABEL_TEXT)


def _parse_model(text: str) -> str:
    # find_model_name reads a ref's spelling, folder=name, too.
    name = find_model_name(text)
    if name is None or name.text != text:
        raise ValueError(text)
    return text


def _parse_map(value: object, parse_key: Callable[[str], str]) -> Iterator[tuple[str, object]]:
    if not isinstance(value, dict):
        raise TypeError(value)
    if len(value) > _MAX_ENTRIES:
        raise ValueError("too many")
    return ((parse_key(key), each) for key, each in value.items())


def _is_inside(path: str) -> bool:
    """Whether a checkpoint's path, in its shortest form, stays in its repository."""
    sound = path.isprintable() and "\\" not in path and not path.startswith(("/", "../", "-"))
    return sound and find_length_fault(path) is None
