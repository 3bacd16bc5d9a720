"""Does a deployment work on this machine? Runs the command after a change, then the health check.

May import core and store.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath

from gitcellar.core.deployments import Deployment
from gitcellar.core.errors import CellarError
from gitcellar.store.commands import run_command
from gitcellar.store.http import PATIENCE, get, is_url
from gitcellar.store.serving import Shelf

_PAUSE = 0.1  # seconds between two tries of a health check


@dataclass(frozen=True, slots=True)
class Trial:
    """How a deployment is tried: commands as words, run in `folder`; `check` may be a URL instead.

    `within` are the seconds in which the check must succeed.
    """

    on_change: tuple[str, ...]
    check: tuple[str, ...]
    within: float
    folder: Path

    def find_fault(self, deployment: Deployment, shelf: Shelf) -> str | None:
        """Tell of the change, and check until the deployment is well; why it is not, else None."""
        fault = self.tell_change(deployment, shelf)
        if fault is not None or not self.check:
            return fault
        until = time.monotonic() + self.within
        while True:
            if self._is_well(deployment, shelf, until):
                return None
            if time.monotonic() >= until:
                return f"failed its health check for {self.within:g} s"
            time.sleep(_PAUSE)

    def tell_change(self, deployment: Deployment, shelf: Shelf) -> str | None:
        """Run what is to be run after a change; why that failed, else None."""
        status = self._run(self.on_change, deployment, shelf)
        return f"failed: {self.on_change[0]} ended with exit code {status}" if status else None

    def _is_well(self, deployment: Deployment, shelf: Shelf, until: float) -> bool:
        left = max(_PAUSE, until - time.monotonic())
        if is_url(self.check[0]):
            try:
                get(self.check[0], patience=replace(PATIENCE, whole=left))
            except CellarError:
                return False
            return True
        return self._run(self.check, deployment, shelf, seconds=left) == 0

    def _run(self, words: Sequence[str], deployment: Deployment, shelf: Shelf, *, seconds: float | None = None) -> int:
        """Run a command, with the deployment as variables. 0 where there is none."""
        if not words:
            return 0
        values = {**asdict(deployment), "slot": deployment.slot, "slug": deployment.slug}
        variables = {f"GITCELLAR_{name.upper()}": "" if v is None else str(v) for name, v in values.items()}
        entrance = shelf.find_entrance(deployment).absolute()
        variables["GITCELLAR_CURRENT"] = str(entrance)
        variables["GITCELLAR_FILE"] = str(entrance / PurePosixPath(deployment.path or "").name)
        return run_command(words, self.folder, variables, seconds=seconds)
