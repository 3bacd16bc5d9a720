"""Are the weights on the disk still those that were registered? Measures them, and has what changed fetched anew.

May import core and store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from dataclasses import replace

from gitcellar.core.deployments import Deployment, Step
from gitcellar.core.errors import CellarError
from gitcellar.gitops.agent_memory import AgentMemory, Measurement
from gitcellar.store.checkpoints import Progress
from gitcellar.store.delivery import measure
from gitcellar.store.environment import read_now
from gitcellar.store.serving import Shelf

_SHORTEST, _LONGEST = 1.0, 300.0  # seconds between two downloads of what could not be mended


class RotCheck:
    """Measures every deployment after `every` seconds, and `everything` once when it begins."""

    def __init__(self, every: float, *, everything: bool) -> None:
        self._every = every
        self._everything = everything
        self._retries: dict[str, tuple[float, float, str]] = {}

    def measure(
        self, memory: AgentMemory, shelf: Shelf, progress: Progress, *, passed_over: Container[str]
    ) -> dict[str, Measurement]:
        """Measure what is due, but for slots that are `passed_over`. Return what was found, by slot.

        What is known to be rotten is not measured: it may be whole on the disk by now, and the server not know it.
        """
        found = {}
        for slot, deployment in memory.state.deployments.items():
            if slot in passed_over or memory.is_rotten(deployment):
                continue
            if self._everything or self._is_due(memory.measured.get(slot)):
                there = measure(shelf.find_weights(deployment), size=deployment.size or 0, progress=progress)
                found[slot] = Measurement(there.sha256 if there else None, read_now())
        self._everything = False
        memory.measured.update(found)
        return found

    def mend(self, deployment: Deployment, memory: AgentMemory, renew: Callable[[Deployment], str | None]) -> Step:
        """Have a deployment's weights fetched anew, not too often where that fails. What is served stays meanwhile."""
        slot = deployment.slot
        pause, until, reason = self._retries.get(slot, (0.0, 0.0, ""))
        if time.monotonic() >= until:
            try:
                fault = renew(deployment)
            except (CellarError, OSError) as error:
                fault = str(error)
            if fault is None:
                self._retries.pop(slot, None)
                memory.measured[slot] = Measurement(deployment.sha256, read_now())
                return Step(slot, "mended", deployment.version)
            pause, reason = min(_LONGEST, max(_SHORTEST, pause * 2)), fault
            self._retries[slot] = pause, time.monotonic() + pause, reason
        return Step(slot, "held", deployment.version, f"its weights changed on this machine: {reason}")

    def _is_due(self, last: Measurement | None) -> bool:
        # A time that is still to come was measured before the clock went back. Times are kept in whole seconds.
        return last is None or not 0 <= read_now() - last.at < int(self._every)


def join_steps(step: Step | None, rot: Step) -> Step:
    """One step for a slot of which there is something to say, and whose weights had changed."""
    if step is None or step.ok:
        return rot
    return step if rot.ok else replace(step, reason=f"{step.reason}; {rot.reason}")
