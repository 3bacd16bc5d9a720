"""How does a site say what it serves? One report a slot, to a folder or a URL. May import core and store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gitcellar.cellar.rows import format_moment
from gitcellar.core.deployments import Step
from gitcellar.core.errors import CellarError
from gitcellar.core.sites import MAX_REASON, Status, format_status, name_report
from gitcellar.gitops.agent_memory import AgentMemory
from gitcellar.store.deploy_folder import Folder
from gitcellar.store.environment import read_now
from gitcellar.store.http import is_url, post


def send_reports(where: str, site: str, memory: AgentMemory, steps: Iterable[Step]) -> list[str]:
    """Say of each slot what runs; what could not be said, a line each."""
    faults = []
    at = format_moment(read_now())
    reasons = {step.slot: step.reason[:MAX_REASON] for step in steps if step.reason}
    for slot in sorted({*memory.state.deployments, *memory.failed, *reasons}):
        try:
            _send(where, _describe(site, slot, memory, at, reasons.get(slot)))
        except CellarError as error:
            faults.append(str(error))
    return faults


def _describe(site: str, slot: str, memory: AgentMemory, at: str, reason: str | None) -> Status:
    model, _, stage = slot.rpartition("#")
    held, failed = memory.state.deployments.get(slot), memory.failed.get(slot)
    measured = memory.measured.get(slot) if held else None
    return Status(
        site,
        model,
        stage,
        # What was found on the disk, where that is something else than what was registered.
        (measured.sha256 if measured else held.sha256) if held else None,
        at,
        held.version if held else None,
        failed.version if failed else None,
        reason,
        format_moment(measured.at) if measured else None,
    )


def _send(where: str, status: Status) -> None:
    if is_url(where):
        post(where, format_status(status), content_type="application/json")
    else:
        Folder(Path(where)).write({name_report(status.site, status.model, status.stage): format_status(status)})
