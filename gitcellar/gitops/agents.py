"""The last mile: what should run is fetched, checked, swapped in, tried, and given up again where it fails.

May import core, store, cellar and its own floor.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from gitcellar.cellar.rows import format_moment
from gitcellar.core.deployments import (
    STATE_FILE,
    Deployment,
    Reconciled,
    Step,
    format_reconciled,
    hold,
    parse_deployment,
    parse_object_id,
    parse_reconciled,
    parse_slot,
)
from gitcellar.core.digests import Digest
from gitcellar.core.errors import CellarError, InvalidError
from gitcellar.core.json_text import parse_json
from gitcellar.core.sites import MAX_REASON, Status, format_status
from gitcellar.core.versions import find_version
from gitcellar.gitops.origins import Origin
from gitcellar.store.checkpoints import Progress, opened, silent
from gitcellar.store.commands import run_command
from gitcellar.store.delivery import resume
from gitcellar.store.deploy_folder import Folder
from gitcellar.store.environment import read_now
from gitcellar.store.http import PATIENCE, get, is_url, post
from gitcellar.store.serving import Layout, Shelf

_MEMORY = ".gitcellar/agent.json"
_SHORTEST, _LONGEST = 1.0, 300.0  # seconds between two downloads of what failed
_PAUSE = 0.1  # seconds between two tries of a health check


@dataclass(frozen=True, slots=True)
class Orders:
    """What an agent is told. `on_change` and `check` are commands as words; `check` may be a URL instead.

    `within` are the seconds in which a check must succeed, `keep` how many versions stay on the disk.
    """

    stage: str
    models: str
    into: Path
    site: str
    layout: Layout = "plain"
    on_change: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    within: float = 30.0
    keep: int = 3
    report: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What an agent did: a step for each slot, and what could not be reported, a line each.

    `cellar` is the one that the folder is kept for from this look on; None where that was so before, or is not known.
    """

    steps: tuple[Step, ...]
    faults: tuple[str, ...] = ()
    cellar: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every slot runs what it should, and everything was reported."""
        return not self.faults and all(step.ok for step in self.steps)


class Agent:
    """Keeps one folder as the registry says. Nothing that goes wrong takes away what is served."""

    def __init__(self, origin: Origin, orders: Orders, progress: Progress = silent) -> None:
        self.origin = origin
        self.orders = orders
        self.progress = progress
        self.waiting: dict[str, _Waiting] = {}
        self.folder = Folder(orders.into)
        self.shelf = Shelf(orders.into, orders.layout)

    def look(self) -> Look:
        """Ask once, and do what is to be done. Raise CellarError where the origin cannot be asked."""
        with self.folder.held():
            memory = _Memory.read(self.folder)
            state = self.mend(parse_reconciled(self.folder.read([STATE_FILE]).get(STATE_FILE)))
            waiting = {slot: each for slot, each in self.waiting.items() if time.monotonic() < each.until}
            given_up: dict[str, _Failed | _Waiting] = {**memory.failed, **waiting}
            passed_over = {each.id for each in given_up.values()}
            after, steps = self.origin.advance(state, self.orders.stage, self.orders.models, passed_over)
            begun = state.source is None and after.source is not None
            if begun:
                state = replace(state, source=after.source)
                self.keep(state, memory)
            done = []
            for step in steps:
                taken = self.take(step, state.deployments.get(step.slot), after, memory)
                done.append(taken)
                state = _settle_slot(state, after, taken, failed=step.slot in memory.failed)
                # After each slot, so that who is killed has lost nothing of those before.
                self.keep(state, memory)
            if any(step.status != "current" for step in done):
                self.prune(state, memory)
            told = {step.slot for step in done}
            # What was given up earlier is not as it should be until the registry says something else.
            done += [hold(slot, state, each.reason) for slot, each in given_up.items() if slot not in told]
            cellar = after.source if begun else None
            return Look(tuple(done), tuple(self.report(state, memory, done)), cellar)

    def mend(self, state: Reconciled) -> Reconciled:
        """Let the server find what was found well, whoever changed that since, or died while trying another one.

        What has lost its weights is no longer so, and is fetched again.
        """
        there = {}
        for slot, deployment in state.deployments.items():
            if self.shelf.find_weights(deployment).exists():
                self.shelf.put(deployment)
                there[slot] = deployment
        return replace(state, deployments=there)

    def take(self, step: Step, held: Deployment | None, after: Reconciled, memory: _Memory) -> Step:
        """Do what a step says, or say why it was not done."""
        if step.status == "removed" and held is not None:
            return self.remove(held, memory, step.reason)
        if step.status != "changed":
            return step
        wanted = after.deployments[step.slot]
        try:
            taken = self.change(wanted, held, memory)
        except (CellarError, OSError) as error:
            self.wait(wanted, str(error))
            return Step(step.slot, "held", held.version if held else None, str(error))
        self.waiting.pop(step.slot, None)
        return taken

    def wait(self, wanted: Deployment, reason: str) -> None:
        """Try what could not be tried again, after a pause that grows: it may be gigabytes each time."""
        last = self.waiting.get(wanted.slot)
        pause = min(_LONGEST, last.pause * 2) if last and last.id == wanted.id else _SHORTEST
        self.waiting[wanted.slot] = _Waiting(wanted, reason, pause, time.monotonic() + pause)

    def remove(self, held: Deployment, memory: _Memory, reason: str | None) -> Step:
        """Serve nothing, and keep nothing."""
        for slots in (memory.kept, memory.failed, self.waiting):
            slots.pop(held.slot, None)
        self.shelf.clear(held)
        self.shelf.prune(held, [])
        try:
            fault = self.tell_change(replace(held, version="", sha256=None))
        except CellarError as error:
            fault = str(error)
        return Step(held.slot, "removed", held.version, "; ".join(filter(None, (reason, fault))) or None)

    def change(self, wanted: Deployment, held: Deployment | None, memory: _Memory) -> Step:
        """Fetch, swap and try. Where the trial fails, go back to what was held, and remember not to try again."""
        self.shelf.require_place(wanted)
        self.fetch(wanted)
        self.shelf.put(wanted)
        try:
            fault = self.find_fault(wanted)
        except CellarError:
            self.shelf.take_back(wanted, held)
            raise
        if fault is None:
            memory.failed.pop(wanted.slot, None)
            earlier = [each for each in memory.kept.get(wanted.slot, []) if each.version != wanted.version]
            memory.kept[wanted.slot] = [wanted, *earlier][: self.orders.keep]
            return Step(wanted.slot, "changed", wanted.version)
        self.shelf.take_back(wanted, held)
        again = self.find_fault(held) if held else None
        back = f"; {held.version} is back{f', and {again} too' if again else ''}" if held else ""
        reason = f"{wanted.version} {fault}{back}"
        memory.failed[wanted.slot] = _Failed(wanted.id, wanted.version, reason)
        return Step(wanted.slot, "held", held.version if held else None, reason)

    def fetch(self, wanted: Deployment) -> None:
        """Download what is not there, by its content."""
        place = self.shelf.find_weights(wanted)
        if place.exists():
            return
        if wanted.sha256 is None or wanted.size is None:
            raise InvalidError(f"{wanted.tag} records no digest, and nothing unverified is served")
        place.parent.mkdir(parents=True, exist_ok=True)
        with opened(self.origin.find_tracking(wanted)) as checkpoint:
            resume(checkpoint, place, expected=Digest(wanted.sha256, wanted.size), progress=self.progress)

    def find_fault(self, deployment: Deployment) -> str | None:
        """Run what is to be run after a change, and check until it is well; why it is not, else None."""
        fault = self.tell_change(deployment)
        if fault is not None or not self.orders.check:
            return fault
        until = time.monotonic() + self.orders.within
        while True:
            if self.is_well(deployment, until):
                return None
            if time.monotonic() >= until:
                return f"failed its health check for {self.orders.within:g} s"
            time.sleep(_PAUSE)

    def tell_change(self, deployment: Deployment) -> str | None:
        """Run what is to be run after a change; why that failed, else None."""
        status = self.run(self.orders.on_change, deployment)
        return f"failed: {self.orders.on_change[0]} ended with exit code {status}" if status else None

    def is_well(self, deployment: Deployment, until: float) -> bool:
        """Whether one health check succeeds."""
        check = self.orders.check
        if is_url(check[0]):
            try:
                get(check[0], patience=replace(PATIENCE, whole=max(_PAUSE, until - time.monotonic())))
            except CellarError:
                return False
            return True
        return self.run(check, deployment, seconds=max(_PAUSE, until - time.monotonic())) == 0

    def run(self, words: Sequence[str], deployment: Deployment, seconds: float | None = None) -> int:
        """Run a command, with the deployment as variables. 0 where there is none."""
        if not words:
            return 0
        values = {**asdict(deployment), "slot": deployment.slot, "slug": deployment.slug}
        variables = {f"GITCELLAR_{name.upper()}": "" if v is None else str(v) for name, v in values.items()}
        entrance = self.shelf.find_entrance(deployment).absolute()
        variables["GITCELLAR_CURRENT"] = str(entrance)
        variables["GITCELLAR_FILE"] = str(entrance / PurePosixPath(deployment.path or "").name)
        return run_command(words, self.orders.into, variables, seconds=seconds)

    def keep(self, state: Reconciled, memory: _Memory) -> None:
        """Remember what runs and what failed."""
        self.folder.write({_MEMORY: memory.format(), STATE_FILE: format_reconciled(state)})

    def prune(self, state: Reconciled, memory: _Memory) -> None:
        """Let go of versions that are older than the last few."""
        for kept in memory.kept.values():
            self.shelf.prune(kept[0], kept)
        everywhere = itertools.chain(
            state.deployments.values(),
            *memory.kept.values(),
            # What of them came already is not downloaded again.
            (each.wanted for each in self.waiting.values()),
        )
        self.shelf.prune_weights(everywhere)

    def report(self, state: Reconciled, memory: _Memory, steps: Iterable[Step]) -> list[str]:
        """Say what runs, to a folder or a URL; what could not be said, a line each."""
        if self.orders.report is None:
            return []
        faults = []
        at = format_moment(read_now())
        reasons = {step.slot: step.reason[:MAX_REASON] for step in steps if step.reason}
        for slot in sorted({*state.deployments, *memory.failed, *reasons}):
            model, _, stage = slot.rpartition("#")
            held, failed = state.deployments.get(slot), memory.failed.get(slot)
            status = Status(
                self.orders.site,
                model,
                stage,
                held.sha256 if held else None,
                at,
                held.version if held else None,
                failed.version if failed else None,
                reasons.get(slot),
            )
            try:
                _send(self.orders.report, status)
            except CellarError as error:
                faults.append(str(error))
        return faults


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An assignment that could not be tried, and when it is tried again."""

    wanted: Deployment
    reason: str
    pause: float
    until: float

    @property
    def id(self) -> str:
        """The assignment's."""
        return self.wanted.id


@dataclass(frozen=True, slots=True)
class _Failed:
    """An assignment, by its id, that was tried and given up, and why."""

    id: str
    version: str
    reason: str


@dataclass(slots=True)
class _Memory:
    """What an agent knows beside what runs, of each slot: what failed, and which versions it keeps, newest first."""

    failed: dict[str, _Failed]
    kept: dict[str, list[Deployment]]

    @classmethod
    def read(cls, folder: Folder) -> _Memory:
        content = folder.read([_MEMORY]).get(_MEMORY)
        if content is None:
            return cls({}, {})
        try:
            found = parse_json(content, _MEMORY)
            kept = {parse_slot(slot): [parse_deployment(each) for each in rows] for slot, rows in found["kept"].items()}
            failed = {parse_slot(slot): _parse_failed(row) for slot, row in found["failed"].items()}
            if any({each.slot for each in rows} != {slot} for slot, rows in kept.items()):
                raise ValueError("kept")
            return cls(failed, kept)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "remove it, and the agent begins anew with what is served"
            raise InvalidError(f"{_MEMORY} cannot be read", hint=hint) from error

    def format(self) -> bytes:
        kept = {slot: [asdict(each) for each in rows] for slot, rows in self.kept.items()}
        document = {"failed": {slot: asdict(each) for slot, each in self.failed.items()}, "kept": kept}
        return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def _parse_failed(row: Mapping[str, object]) -> _Failed:
    version, reason = row["version"], row["reason"]
    if not isinstance(version, str) or not find_version(version) or not isinstance(reason, str):
        raise ValueError("failed")
    return _Failed(parse_object_id(row["id"]), version, reason[:MAX_REASON])


def _settle_slot(before: Reconciled, after: Reconciled, step: Step, *, failed: bool) -> Reconciled:
    """What is so after one slot was seen to."""
    deployments, sequences = dict(before.deployments), dict(before.sequences)
    if step.status == "changed":
        deployments[step.slot] = after.deployments[step.slot]
    elif step.status == "withdrawn":
        deployments[step.slot] = replace(deployments[step.slot], withdrawn=True)
    elif step.status == "removed":
        deployments.pop(step.slot, None)
    if (step.status in ("changed", "removed") or failed) and step.slot in after.sequences:
        sequences[step.slot] = after.sequences[step.slot]
    return replace(before, deployments=deployments, sequences=sequences, tips=after.tips)


def _send(where: str, status: Status) -> None:
    if is_url(where):
        post(where, format_status(status), content_type="application/json")
        return
    # What separates the three is escaped in each, so that no two slots or sites share a file.
    name = "@".join(quote(part, safe="") for part in (status.site, status.model, status.stage))
    Folder(Path(where)).write({f"{name}.json": format_status(status)})
