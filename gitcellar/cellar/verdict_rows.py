"""What does a judgement look like as data? The JSON documents of the verbs that judge and give account: additions only.

May import cellar.rows.
"""

from __future__ import annotations

from typing import Any, TypedDict

from gitcellar.cellar.rows import EventRow


class ViolationRow(TypedDict):
    """What breaks a rule. `severity` is error, warning or off, the last for what `exception` excuses."""

    rule: str
    severity: str
    subject: str
    message: str
    hint: str | None
    file: str | None
    line: int | None
    exception: str | None


class CheckDocument(TypedDict):
    """`gitcellar check --json`."""

    schema: int
    ok: bool
    violations: list[ViolationRow]
    excepted: list[ViolationRow]


class FindingRow(TypedDict):
    """One thing that `doctor` looked at. `level` is ok, warning or error."""

    subject: str
    level: str
    message: str
    hint: str | None


class DoctorDocument(TypedDict):
    """`gitcellar doctor --json`."""

    schema: int
    ok: bool
    findings: list[FindingRow]


class SettingRow(TypedDict):
    """A value of the policy. `line` is that of gitcellar.yaml which says so, null for a default; `match` its glob."""

    key: str
    value: Any
    line: int | None
    match: str


class ExceptionRow(TypedDict):
    """A rule that does not hold for some models until a day."""

    rule: str
    match: str
    reason: str
    until: str
    line: int
    ended: bool


class PolicyDocument(TypedDict):
    """`gitcellar policy --json`. `branch` is whose policy it is, `ref` where it was read here.

    `commit` is null where that branch has none yet; `written` is false where it has no policy, so the defaults hold.
    `others` are the places here that have another policy, which judges nothing.
    """

    schema: int
    model: str | None
    branch: str
    ref: str
    commit: str | None
    written: bool
    others: list[str]
    settings: list[SettingRow]
    exceptions: list[ExceptionRow]


class DifferenceRow(TypedDict):
    """A field in which two contracts differ, and whether an application would notice."""

    field: str
    message: str
    breaks: bool


class ContractDocument(TypedDict):
    """`gitcellar contract diff --json`."""

    schema: int
    old: str
    new: str
    casting: str
    breaks: bool
    differences: list[DifferenceRow]


class GateRow(TypedDict):
    """A gate held against a version. `margin` is negative on the wrong side of the limit; null without a number."""

    gate: str
    value: float | None
    limit: float | None
    margin: float | None
    met: bool
    reason: str


class GateDocument(TypedDict):
    """`gitcellar gate --json`. A version that `returns` held the stage before, and no gate is asked."""

    schema: int
    model: str
    version: str
    stage: str
    met: bool
    returns: bool
    gates: list[GateRow]


class ClaimRow(TypedDict):
    """A claim on a version. `by` is the person whose key signed it; `fault` says why it counts for nothing."""

    tag: str
    claim: str
    by: str | None
    role: str | None
    until: str | None
    against: int | None
    result: str | None
    metrics: dict[str, float]
    report: str | None
    policy: str | None
    counts: bool
    fault: str | None
    message: str


class ClaimsDocument(TypedDict):
    """`gitcellar claims --json`. `approved` and `missing` are about `stage`, where one was named."""

    schema: int
    model: str
    version: str
    stage: str | None
    approved: bool | None
    missing: list[str]
    claims: list[ClaimRow]


class GuardDocument(TypedDict):
    """`gitcellar ci guard --json`. `answer` are the tags that take back the judged one, or `left` says why none do."""

    schema: int
    tag: str
    ok: bool
    violations: list[str]
    answer: list[str]
    left: str | None


class MetricRow(TypedDict):
    """A number of a proposal, and of the latest version."""

    name: str
    proposed: float | None
    latest: float | None


class ProposalRow(TypedDict):
    """What a change brings to a model. `following` is the version that it would be registered as."""

    model: str
    latest: str | None
    following: str | None
    reasons: list[str]
    metrics: list[MetricRow]
    breaks: list[str]
    differs: list[str]
    missing: list[str]
    approvals: dict[str, str]


class SummaryDocument(TypedDict):
    """`gitcellar ci summary --json`."""

    schema: int
    ok: bool
    models: list[ProposalRow]


class EvaluatedRow(TypedDict):
    """A command of a gate: its exit code where it was run, and the tag that claims its success."""

    command: str
    met: bool
    status: int | None
    tag: str | None


class EvaluateDocument(TypedDict):
    """`gitcellar evaluate --json`."""

    schema: int
    gates: list[EvaluatedRow]


class AuditRow(EventRow):
    """An event, and what today's policy says of it: the rules that it breaks, and the exceptions that excuse it.

    `signer` is who signed it, by the people of the policy; `evidence` what an assignment rested on; `policy` the blob
    of the policy under which it was written, where its message says.
    """

    signer: str | None
    evidence: list[str]
    policy: str | None
    breaks: list[str]
    excepted: list[str]


class LiveRow(TypedDict):
    """A version that a stage holds."""

    model: str
    version: str
    stage: str


class AuditDocument(TypedDict):
    """`gitcellar audit --json`: events, the oldest first, the withdrawn versions that stages hold now, and the
    policy's exceptions.
    """

    schema: int
    events: list[AuditRow]
    live_withdrawn: list[LiveRow]
    exceptions: list[ExceptionRow]


class StaleRow(TypedDict):
    """Why something that is live should be looked at."""

    model: str
    version: str
    stage: str
    code: str
    message: str


class StaleDocument(TypedDict):
    """`gitcellar stale --json`."""

    schema: int
    stale: list[StaleRow]


class SuspicionRow(TypedDict):
    """What does not fit in a model's history. `level` is error or warning."""

    model: str
    code: str
    level: str
    tag: str
    message: str


class VerifyDocument(TypedDict):
    """`gitcellar verify --json`."""

    schema: int
    ok: bool
    models: int
    events: int
    suspicions: list[SuspicionRow]
