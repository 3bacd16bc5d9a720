"""How does somebody stand behind a version, or against it? Claims: written, counted and shown.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gitcellar.cellar.authority import hear
from gitcellar.cellar.own_signature import find_own_signer
from gitcellar.cellar.policies import read_policy
from gitcellar.cellar.reading import read_details_of, read_version
from gitcellar.cellar.writing import DEFAULT, Options, Outcome, act_on
from gitcellar.core.claims import APPROVED, EVALUATED, REJECTED, SCANNED, Statement
from gitcellar.core.errors import InvalidError, did_you_mean
from gitcellar.core.events import RATIFIED
from gitcellar.core.lineage import find_checkpoint
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference, find_referenced
from gitcellar.core.state import ModelState, VersionState
from gitcellar.core.trailers import parse_message
from gitcellar.core.versions import Version
from gitcellar.policy.approvals import Attested, Hearing, Tally, count_approvals, find_claim_fault
from gitcellar.policy.plan import Plan, plan_assign, plan_break_glass, plan_claim
from gitcellar.policy.settings import ModelRules
from gitcellar.policy.stage_names import require_stage, unknown_stage
from gitcellar.store.environment import read_today
from gitcellar.store.git import GitRepository

_SAID = {APPROVED: "Approve {} for {}", REJECTED: "Reject {} for {}", RATIFIED: "Ratify {} in {}"}


@dataclass(frozen=True, slots=True)
class Standing:
    """The claims on a version, each with why it counts for nothing, if it does; and the approvals for a stage."""

    model: ModelName
    version: Version
    claims: tuple[tuple[Attested, str | None], ...]
    stage: str | None
    tally: Tally | None


def decide(
    repository: GitRepository,
    reference: Reference,
    kind: str,
    stage: str,
    *,
    role: str | None = None,
    until: str | None = None,
    options: Options = DEFAULT,
) -> Outcome:
    """Approve or reject a version for a stage, or ratify that it entered one. `until` is the last day, in UTC."""

    def plan(state: ModelState, rules: ModelRules) -> Plan:
        held = find_referenced(reference, state)
        require_stage(state, rules, stage)
        subject = _SAID[kind].format(f"{state.name} {held.version}", stage)
        statement = _state(repository, state, rules, held, stage=stage, role=role, until=until)
        return _unless_said(repository, state, rules, held, f"{kind}.{stage}", subject, statement)

    return act_on(repository, reference.model, plan, options)


def claim(
    repository: GitRepository, reference: Reference, name: str, said: Statement, *, options: Options = DEFAULT
) -> Outcome:
    """Claim `evaluated.NAME` or `scanned.NAME` of a version. Raise InvalidError for another name."""
    kind, _, about = name.partition(".")
    if kind not in (EVALUATED, SCANNED) or not about:
        meant = did_you_mean(kind, (EVALUATED, SCANNED)) if about else None
        hint = meant and f"{meant.removesuffix('?')}.{about}?"
        hint = hint or "decisions are made with gitcellar approve, reject and ratify"
        raise InvalidError(f"{name!r} is neither evaluated.NAME nor scanned.NAME", hint=hint)

    def plan(state: ModelState, rules: ModelRules) -> Plan:
        held = find_referenced(reference, state)
        bound = _state(repository, state, rules, held)
        statement = replace(said, cellar=bound.cellar, checkpoint=bound.checkpoint, policy=bound.policy)
        subject = f"Claim {name} of {state.name} {held.version}"
        return _unless_said(repository, state, rules, held, name, subject, statement)

    return act_on(repository, reference.model, plan, options)


def break_glass(repository: GitRepository, reference: Reference, stage: str, *, options: Options = DEFAULT) -> Outcome:
    """Put a version into a stage without the approvals that it asks for, as who may do so in an emergency."""

    def plan(state: ModelState, rules: ModelRules) -> Plan:
        held = find_referenced(reference, state)
        if stage in held.stages:
            return plan_assign(state, held, stage)
        statement = _state(repository, state, rules, held, stage=stage)
        return plan_break_glass(state, held, stage, statement)

    return act_on(repository, reference.model, plan, options)


def read_standing(
    repository: GitRepository, reference: Reference, stage: str | None, *, remote: str = "origin"
) -> Standing:
    """What was claimed of a version, and whether it has the approvals of a stage. Raise NotFoundError for no stage."""
    rules = read_policy(repository, remote).rules_of(reference.model)
    state, held = read_version(repository, reference)
    hearing = hear(repository, state, rules, held.version, read_today())
    hearing = replace(hearing, promoter=find_own_signer(repository, rules, hearing.day) if rules.people else None)
    judged = tuple((attested, find_claim_fault(attested, hearing)) for attested in hearing.claims)
    tally = _count(stage, hearing) if stage is not None else None
    if tally is not None:
        reasons = {attested.claim.tag: reason for attested, reason in tally.dropped}
        judged = tuple((attested, fault or reasons.get(attested.claim.tag)) for attested, fault in judged)
    return Standing(state.name, held.version, judged, stage, tally)


def _count(stage: str, hearing: Hearing) -> Tally:
    rules = hearing.rules.stages.get(stage)
    if rules is None:
        raise unknown_stage(f"{hearing.state.name} has no stage {stage!r} by the policy", stage, hearing.rules.stages)
    return count_approvals(stage, rules.approvals, hearing) if rules.approvals else Tally()


def _state(
    repository: GitRepository,
    state: ModelState,
    rules: ModelRules,
    held: VersionState,
    *,
    stage: str | None = None,
    role: str | None = None,
    until: str | None = None,
) -> Statement:
    """What binds a claim to this cellar, this version and this moment."""
    details = read_details_of(repository, held)
    return Statement(
        rules.cellar,
        stage,
        find_checkpoint(parse_message(details.message)) if details else None,
        rules.policy,
        state.stage_counter(stage) if stage is not None else None,
        role,
        until,
    )


def _unless_said(
    repository: GitRepository,
    state: ModelState,
    rules: ModelRules,
    held: VersionState,
    name: str,
    subject: str,
    statement: Statement,
) -> Plan:
    """The claim, or nothing where the same person's last word about it is the same."""
    hearing = hear(repository, state, rules, held.version, read_today())
    me = find_own_signer(repository, rules, hearing.day).principal if rules.people else None
    kind, _, about = name.partition(".")
    rivals = (APPROVED, REJECTED) if kind in (APPROVED, REJECTED) else (kind,)
    mine = [a for a in hearing.claims if a.signer.principal == me and a.claim.about == about and a.claim.kind in rivals]
    last = mine[-1] if mine else None
    same = last and last.claim.kind == kind and replace(last.claim.statement, policy=statement.policy) == statement
    if last is not None and same and find_claim_fault(last, hearing) is None:
        what = f"{state.name} {held.version} has that claim already: {last.claim.tag}"
        return Plan(state.name, what, held.version, statement.stage)
    return plan_claim(state, held, name, subject, statement)
