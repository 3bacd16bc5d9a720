"""Is a version good enough for a stage? Gates on metrics: a limit, or an improvement on another version.

Pure arithmetic; which numbers there are is the act's evidence. May import core and policy.change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from gitcellar.core.events import Assigned
from gitcellar.core.metrics import Metrics
from gitcellar.core.state import ModelState
from gitcellar.policy.change import Act
from gitcellar.policy.settings import Gate, Improvement, Limit


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
        if rules is None or stage is None or has_held(act.state, proposed.target, stage):
            continue
        for gate in rules.gates:
            yield act.tag_of(proposed), weigh_gate(gate, act)


def has_held(state: ModelState, commit: str, stage: str) -> bool:
    """Whether the version at a commit was in a stage before."""
    return any(event.fact == Assigned(stage, event.fact.counter) and event.commit == commit for event in state.events)


def weigh_gate(gate: Gate, act: Act) -> Weighed:
    """One gate held against the version that an act is about."""
    metrics = act.declared.metrics if act.declared else {}
    value = metrics.get(gate.metric)
    if value is None:
        return Weighed(spell_gate(gate), None, None, None, False, f"there is no metric {gate.metric}")
    if isinstance(gate, Limit):
        return _weigh_limit(gate, value)
    rival = act.rivals.get(gate.improves_on)
    if rival is None:
        # A first version has nothing to improve on.
        reason = f"{gate.metric} is {value:g}, and nothing is there to improve on"
        return Weighed(spell_gate(gate), value, None, None, True, reason)
    return _weigh_improvement(gate, value, rival)


def spell_gate(gate: Gate) -> str:
    """A gate in words."""
    if isinstance(gate, Limit):
        return f"{gate.metric} at {'least' if gate.at_least is not None else 'most'} {_bound(gate):g}"
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


def _told(gate: Gate, value: float, limit: float, margin: float, *, met: bool) -> Weighed:
    reason = f"{gate.metric} is {value:g}, {'' if met else 'and must be '}{_side(gate)} {limit:g}"
    return Weighed(spell_gate(gate), value, limit, margin, met, reason)


def _side(gate: Gate) -> str:
    rising = gate.at_least is not None if isinstance(gate, Limit) else gate.higher_is_better
    if isinstance(gate, Improvement) and gate.by == "0":
        return "above" if rising else "below"
    return "at least" if rising else "at most"


def _bound(gate: Limit) -> float:
    bound = gate.at_least if gate.at_least is not None else gate.at_most
    return 0.0 if bound is None else bound
