"""What do the verbs of deployment print as JSON? Rows and documents, for programs that go on with them."""

from __future__ import annotations

from typing import TypedDict


class StepRow(TypedDict):
    """What was done with a stage: current, changed, removed or held, and why it was held."""

    slot: str
    status: str
    version: str | None
    reason: str | None


class ReconcileDocument(TypedDict):
    """`gitcellar reconcile --json`, one a line with --watch. `edited` are files that somebody had edited."""

    schema: int
    changed: bool
    commit: str | None
    stages: list[StepRow]
    edited: list[str]
    saved: list[str]
    exit: int
