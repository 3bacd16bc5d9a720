"""What do the verbs of deployment print as JSON? Rows and documents, for programs that go on with them."""

from __future__ import annotations

from typing import TypedDict


class StepRow(TypedDict):
    """What was done: current, changed, removed, held, withdrawn, kept or mended; `reason` says what is wrong."""

    slot: str
    status: str
    version: str | None
    reason: str | None


class MeasuredRow(TypedDict):
    """What was found on the disk: the sha256, null for nothing that can be read, and when."""

    slot: str
    sha256: str | None
    at: str


class AgentDocument(TypedDict):
    """`gitcellar agent --json`, one a line for each look. `faults` is what could not be reported.

    `cellar` is the one that the folder is kept for from this look on, null where nothing changed about that. `restored`
    are files of the agent that could not be read and were made anew, `measured` what was measured at this look.
    """

    schema: int
    site: str
    cellar: str | None
    stages: list[StepRow]
    faults: list[str]
    restored: list[str]
    measured: list[MeasuredRow]


class IndexDocument(TypedDict):
    """`gitcellar index --json`."""

    schema: int
    stages: list[StepRow]


class LiveRow(TypedDict):
    """A site's report: current, withdrawn, laggard, zombie, unknown-digest, failed or silent."""

    site: str
    model: str
    stage: str
    finding: str
    runs: str | None
    should: str | None
    digest: str | None
    at: str
    reason: str | None


class LiveDocument(TypedDict):
    """`gitcellar diff-live --json`. `faults` are reports that could not be read."""

    schema: int
    sites: list[LiveRow]
    faults: list[str]


class ReconcileDocument(TypedDict):
    """`gitcellar reconcile --json`, one a line with --watch. `edited` are files that somebody had edited.

    `proposal` is the branch that proposes the change, with --propose; null where there is nothing to propose.
    """

    schema: int
    changed: bool
    commit: str | None
    proposal: str | None
    stages: list[StepRow]
    edited: list[str]
    saved: list[str]
    exit: int
