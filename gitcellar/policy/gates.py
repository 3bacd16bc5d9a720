"""Is a version good enough for a stage? Gates: on metrics, on claims, on its age in another stage.

Pure arithmetic; which numbers and claims there are is the act's evidence. May import core, and policy's change and
approvals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from gitcellar.core.claims import CLEAN, EVALUATED, SCANNED, digest_command
from gitcellar.core.events import Assigned
from gitcellar.core.metrics import Metrics
from gitcellar.policy.approvals import Attested, find_claim_fault
from gitcellar.policy.change import Act
from gitcellar.policy.settings import Aged, Commanded, Evaluated, Gate, Improvement, Limit, Scanned


@dataclass(frozen=True, slots=True)
class Weighed:
    """A gate held against a version. `value` and `limit` are None where there is no number to compare.

    `margin` is how far the value is on the good side of the limit, negative where it is on the wrong one.
    """

    gate: str
    value: float | None
    limit: float | None
    margin: float | None
    met: bool
    reason: str


def weigh_gates(act: Act) -> Iterator[tuple[str, Weighed]]:
    """Every gate of the stages that an act would enter, with the tag's name.

    A version that held the stage before passed its gates then: its return is a rollback, and nothing holds it up.
    """
    for proposed in act.tags:
        stage = proposed.fact.stage if isinstance(proposed.fact, Assigned) else None
        rules = act.rules.stages.get(stage) if stage else None
        if rules is None or stage is None or act.state.has_held(proposed.target, stage):
            continue
        for gate in rules.gates:
            yield act.tag_of(proposed), weigh_gate(gate, act)


def weigh_gate(gate: Gate, act: Act) -> Weighed:
    """One gate held against the version that an act is about."""
    match gate:
        case Evaluated():
            return _weigh_claim(gate, act)
        case Aged():
            return _weigh_age(gate, act)
        case Scanned():
            return _weigh_scans(gate, act)
        case Commanded():
            return _weigh_command(gate, act)
        case Limit() | Improvement():
            return _weigh_metric(gate, act)


def find_metrics(act: Act) -> Metrics:
    """The version's numbers: its manifest's, and what claims add to them. No claim outdoes the manifest."""
    claimed = {
        name: value for claim in _find_valid(act, EVALUATED) for name, value in claim.claim.statement.metrics.items()
    }
    return {**claimed, **(act.declared.metrics if act.declared else {})}


def _weigh_metric(gate: Limit | Improvement, act: Act) -> Weighed:
    value = find_metrics(act).get(gate.metric)
    if value is None:
        return _without_number(gate, f"there is no metric {gate.metric}", met=False)
    if isinstance(gate, Limit):
        return _weigh_limit(gate, value)
    rival = act.rivals.get(gate.improves_on)
    if rival is None:
        # A first version has nothing to improve on.
        reason = f"{gate.metric} is {value:g}, and nothing is there to improve on"
        return Weighed(spell_gate(gate), value, None, None, True, reason)
    return _weigh_improvement(gate, value, rival)


def _weigh_claim(gate: Evaluated, act: Act) -> Weighed:
    people = act.rules.people
    for attested in _find_valid(act, EVALUATED):
        by = attested.signer.principal
        if attested.claim.about == gate.claim.partition(".")[2] and (not gate.by or people.fits(by, gate.by)):
            return _without_number(gate, f"{gate.claim} is claimed by {by or 'somebody'}", met=True)
    return _without_number(gate, f"{spell_gate(gate)} is missing", met=False)


def _weigh_age(gate: Aged, act: Act) -> Weighed:
    age = act.ages.get(gate.stage)
    if age is None:
        return _without_number(gate, f"it is not in {gate.stage}", met=False)
    hours, limit = age / 3600, gate.seconds / 3600
    must = "" if age >= gate.seconds else "and must be "
    reason = f"it is in {gate.stage} for {hours:.1f} h, {must}at least {limit:g}"
    return Weighed(spell_gate(gate), round(hours, 2), limit, round(hours - limit, 2), age >= gate.seconds, reason)


def _weigh_scans(gate: Scanned, act: Act) -> Weighed:
    # A later scan of the same name stands for the ones before it.
    results = {a.claim.about: a.claim.statement.result or "without a result" for a in _find_valid(act, SCANNED)}
    if not results:
        return _without_number(gate, "it was not scanned", met=False)
    dirty = [f"{name}: {result}" for name, result in results.items() if result != CLEAN]
    return _without_number(gate, "; ".join(dirty) or f"scanned clean by {', '.join(results)}", met=not dirty)


def _weigh_command(gate: Commanded, act: Act) -> Weighed:
    digest = digest_command(gate.command)
    ran = [a for a in _find_valid(act, EVALUATED) if a.claim.statement.command == digest]
    word = spell_gate(gate)
    return _without_number(gate, f"{word} succeeded" if ran else f"{word} was not run, or failed", met=bool(ran))


def _find_valid(act: Act, kind: str) -> list[Attested]:
    """The claims of a kind on the version that count, the oldest first."""
    version = next((act.state.at_commit.get(p.target) for p in act.tags if isinstance(p.fact, Assigned)), None)
    if version is None or not act.claims:
        return []
    hearing = act.hearing(version)
    found = [a for a in act.claims if a.claim.kind == kind and a.claim.version == version]
    found = [attested for attested in found if find_claim_fault(attested, hearing) is None]
    return sorted(found, key=lambda attested: attested.claim.counter)


def _without_number(gate: Gate, reason: str, *, met: bool) -> Weighed:
    return Weighed(spell_gate(gate), None, None, None, met, reason)


def spell_gate(gate: Gate) -> str:
    """A gate in words."""
    if isinstance(gate, Limit):
        return f"{gate.metric} at {'least' if gate.at_least is not None else 'most'} {_bound(gate):g}"
    if isinstance(gate, Evaluated):
        return f"{gate.claim} by {' or '.join(gate.by)}" if gate.by else gate.claim
    if isinstance(gate, Aged):
        return f"{gate.written} in {gate.stage}"
    if isinstance(gate, Scanned):
        return "a clean scan"
    if isinstance(gate, Commanded):
        return " ".join(gate.command)
    by = f" by {gate.by}" if gate.by != "0" else ""
    return f"{gate.metric} {'above' if gate.higher_is_better else 'below'} that of {gate.improves_on}{by}"


def _weigh_limit(gate: Limit, value: float) -> Weighed:
    limit = _bound(gate)
    margin = value - limit if gate.at_least is not None else limit - value
    return _told(gate, value, limit, margin, met=margin >= 0)


def _weigh_improvement(gate: Improvement, value: float, rival: Metrics) -> Weighed:
    before = rival.get(gate.metric)
    if before is None:
        reason = f"{gate.improves_on} has no metric {gate.metric} to improve on"
        return Weighed(spell_gate(gate), value, None, None, False, reason)
    # As decimals, as they were written: 0.91 is 0.01 above 0.9, which binary fractions deny.
    old = Decimal(repr(before))
    by = abs(old) * Decimal(gate.by[:-1]) / 100 if gate.by.endswith("%") else Decimal(gate.by)
    limit = old + by if gate.higher_is_better else old - by
    margin = (Decimal(repr(value)) - limit) * (1 if gate.higher_is_better else -1)
    # Without a step to take, standing still is no improvement.
    return _told(gate, value, float(limit), float(margin), met=margin >= 0 if by else margin > 0)


def _told(gate: Limit | Improvement, value: float, limit: float, margin: float, *, met: bool) -> Weighed:
    reason = f"{gate.metric} is {value:g}, {'' if met else 'and must be '}{_side(gate)} {limit:g}"
    return Weighed(spell_gate(gate), value, limit, margin, met, reason)


def _side(gate: Limit | Improvement) -> str:
    rising = gate.at_least is not None if isinstance(gate, Limit) else gate.higher_is_better
    if isinstance(gate, Improvement) and gate.by == "0":
        return "above" if rising else "below"
    return "at least" if rising else "at most"


def _bound(gate: Limit) -> float:
    bound = gate.at_least if gate.at_least is not None else gate.at_most
    return 0.0 if bound is None else bound
