"""The last mile: what should run is fetched, checked, swapped in, tried, and given up again where it fails.

May import core, store, cellar and its own floor.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from gitcellar.core.deployments import Deployment, Reconciled, Step, hold
from gitcellar.core.digests import Digest
from gitcellar.core.errors import CellarError, InvalidError
from gitcellar.gitops.agent_memory import AgentMemory, FailedAttempt, Measurement, read_memory
from gitcellar.gitops.origins import Origin
from gitcellar.gitops.rot import RotCheck, join_steps
from gitcellar.gitops.site_reports import send_reports
from gitcellar.gitops.trials import Trial
from gitcellar.policy.settings import matches
from gitcellar.store.checkpoints import Progress, opened, silent
from gitcellar.store.delivery import measure, resume
from gitcellar.store.deploy_folder import Folder
from gitcellar.store.environment import read_now
from gitcellar.store.serving import Layout, Shelf

_SHORTEST, _LONGEST = 1.0, 300.0  # seconds between two downloads of what failed
Outside = Literal["keep", "remove"]


@dataclass(frozen=True, slots=True)
class Orders:
    """What an agent is told. `on_change` and `check` are commands as words; `check` may be a URL instead.

    `within` are the seconds in which a check must succeed, `keep` how many versions stay on the disk. `outside` says
    what becomes of slots in the folder that are no longer asked for; None leaves them and is an error. The weights are
    measured every `measure_every` seconds, and with `measure_first` at the first look too.
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
    outside: Outside | None = None
    measure_every: float = 3600.0
    measure_first: bool = True

    def asks_for(self, slot: str) -> bool:
        """Whether a slot is one that this agent keeps."""
        model, _, stage = slot.rpartition("#")
        return stage == self.stage and matches(self.models, model)


@dataclass(frozen=True, slots=True)
class Look:
    """What an agent did: a step for each slot, and what could not be reported, a line each.

    `cellar` is the one that the folder is kept for from this look on, None where that was so before; `source` the one
    that it is kept for, as far as that is known.
    `restored` are files of the agent that could not be read and were made anew, `measured` what was found on the disk
    at this look, by slot.
    """

    steps: tuple[Step, ...]
    faults: tuple[str, ...] = ()
    cellar: str | None = None
    source: str | None = None
    restored: tuple[str, ...] = ()
    measured: Mapping[str, Measurement] = field(default_factory=dict)

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
        self.rot = RotCheck(orders.measure_every, everything=orders.measure_first)
        self.folder = Folder(orders.into)
        self.shelf = Shelf(orders.into, orders.layout)
        self.trial = Trial(orders.on_change, orders.check, orders.within, orders.into)

    def look(self) -> Look:
        """Ask once, and do what is to be done. Raise CellarError where the origin cannot be asked."""
        with self.folder.held():
            memory = read_memory(self.folder)
            memory.state = self.mend(memory.state)
            waiting = {slot: each for slot, each in self.waiting.items() if time.monotonic() < each.until}
            failed = {slot: each for slot, each in memory.failed.items() if self.orders.asks_for(slot)}
            given_up: dict[str, FailedAttempt | _Waiting] = {**failed, **waiting}
            try:
                after, steps = self.ask(memory, {each.id for each in given_up.values()})
            except CellarError:
                self.check(memory, [])
                raise
            cellar = self.begin(memory, after)
            done = [self.settle(step, after, memory) for step in steps]
            done += [self.settle(step, after, memory) for step in self.find_outside(memory.state)]
            if any(step.status != "current" for step in done):
                self.prune(memory)
            told = {step.slot for step in done}
            # What was given up earlier is not as it should be until the registry says something else.
            done += [hold(slot, memory.state, each.reason) for slot, each in given_up.items() if slot not in told]
            done, measured = self.check(memory, done)
            report = self.orders.report
            faults = send_reports(report, self.orders.site, memory, done) if report is not None else []
            return Look(tuple(done), tuple(faults), cellar, memory.state.source, memory.restored, measured)

    def check(self, memory: AgentMemory, done: list[Step]) -> tuple[list[Step], dict[str, Measurement]]:
        """Measure what is due, and mend what is not as it was registered."""
        fresh = {step.slot for step in done if step.status == "changed"}
        measured = self.rot.measure(memory, self.shelf, self.progress, passed_over=fresh)
        steps = {step.slot: step for step in done}
        for deployment in filter(memory.is_rotten, memory.state.deployments.values()):
            slot = deployment.slot
            steps[slot] = join_steps(steps.get(slot), self.rot.mend(deployment, memory, self.renew))
        if measured or list(steps.values()) != done:
            memory.write(self.folder)
        return list(steps.values()), measured

    def renew(self, deployment: Deployment) -> str | None:
        """Fetch the weights anew and let the server load them; why it is not well then, else None."""
        self.fetch(deployment)
        return self.trial.find_fault(deployment, self.shelf)

    def ask(self, memory: AgentMemory, passed_over: set[str]) -> tuple[Reconciled, list[Step]]:
        """What should be so of the slots that are asked for, and what that does to each."""
        state, asks_for = memory.state, self.orders.asks_for
        asked = replace(
            state,
            deployments={slot: each for slot, each in state.deployments.items() if asks_for(slot)},
            sequences={slot: each for slot, each in state.sequences.items() if asks_for(slot)},
        )
        return self.origin.advance(asked, self.orders.stage, self.orders.models, passed_over)

    def begin(self, memory: AgentMemory, after: Reconciled) -> str | None:
        """Remember for which cellar the folder is kept, and return it where that is new."""
        before = memory.state.source
        if after.source == before:
            return None
        memory.state = replace(memory.state, source=after.source)
        memory.write(self.folder)
        return after.source if before is None else None

    def find_outside(self, state: Reconciled) -> list[Step]:
        """What becomes of the slots that are no longer asked for."""
        outside = [each for slot, each in state.deployments.items() if not self.orders.asks_for(slot)]
        if self.orders.outside is None:
            reason = "this agent does not ask for it: --outside keep leaves it, --outside remove removes it"
            return [hold(each.slot, state, reason) for each in outside]
        status: Literal["kept", "removed"] = "kept" if self.orders.outside == "keep" else "removed"
        return [Step(each.slot, status, each.version) for each in outside]

    def settle(self, step: Step, after: Reconciled, memory: AgentMemory) -> Step:
        """Do what a step says, and remember it at once: who is killed later has lost nothing of it."""
        taken = self.take(step, memory.state.deployments.get(step.slot), after, memory)
        memory.state = _settle_slot(memory.state, after, taken, failed=step.slot in memory.failed)
        memory.write(self.folder)
        return taken

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

    def take(self, step: Step, held: Deployment | None, after: Reconciled, memory: AgentMemory) -> Step:
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

    def remove(self, held: Deployment, memory: AgentMemory, reason: str | None) -> Step:
        """Serve nothing, and keep nothing."""
        for slots in (memory.kept, memory.failed, memory.measured, self.waiting):
            slots.pop(held.slot, None)
        self.shelf.clear(held)
        self.shelf.prune(held, [])
        try:
            fault = self.trial.tell_change(replace(held, version="", sha256=None), self.shelf)
        except CellarError as error:
            fault = str(error)
        return Step(held.slot, "removed", held.version, "; ".join(filter(None, (reason, fault))) or None)

    def change(self, wanted: Deployment, held: Deployment | None, memory: AgentMemory) -> Step:
        """Fetch, swap and try. Where the trial fails, go back to what was held, and remember not to try again."""
        self.shelf.require_place(wanted)
        self.fetch(wanted)
        self.shelf.put(wanted)
        try:
            fault = self.trial.find_fault(wanted, self.shelf)
        except CellarError:
            self.shelf.take_back(wanted, held)
            raise
        if fault is None:
            memory.failed.pop(wanted.slot, None)
            memory.measured[wanted.slot] = Measurement(wanted.sha256, read_now())
            earlier = [each for each in memory.kept.get(wanted.slot, []) if each.version != wanted.version]
            memory.kept[wanted.slot] = [wanted, *earlier][: self.orders.keep]
            return Step(wanted.slot, "changed", wanted.version)
        self.shelf.take_back(wanted, held)
        again = self.trial.find_fault(held, self.shelf) if held else None
        back = f"; {held.version} is back{f', and {again} too' if again else ''}" if held else ""
        reason = f"{wanted.version} {fault}{back}"
        memory.failed[wanted.slot] = FailedAttempt(wanted.id, wanted.version, reason)
        return Step(wanted.slot, "held", held.version if held else None, reason)

    def fetch(self, wanted: Deployment) -> None:
        """Download what is not there as it was registered, by its content."""
        place = self.shelf.find_weights(wanted)
        if wanted.sha256 is None or wanted.size is None:
            raise InvalidError(f"{wanted.tag} records no digest, and nothing unverified is served")
        expected = Digest(wanted.sha256, wanted.size)
        there = place.exists()
        if there and measure(place, size=wanted.size, progress=self.progress) == expected:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        # What is there is served: it stays until the new one is whole.
        fresh = place.with_name(f".{place.name}.fresh") if there else place
        with opened(self.origin.find_tracking(wanted)) as checkpoint:
            resume(checkpoint, fresh, expected=expected, progress=self.progress)
        if there:
            self.shelf.renew(wanted, fresh)

    def prune(self, memory: AgentMemory) -> None:
        """Let go of versions that are older than the last few."""
        for kept in memory.kept.values():
            self.shelf.prune(kept[0], kept)
        everywhere = itertools.chain(
            memory.state.deployments.values(),
            *memory.kept.values(),
            # What of them came already is not downloaded again.
            (each.wanted for each in self.waiting.values()),
        )
        self.shelf.prune_weights(everywhere)


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
