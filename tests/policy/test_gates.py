"""Gates: a limit, or an improvement, as decimals and not as binary fractions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.policy.change import Act
from gitcellar.policy.config import parse_policy
from gitcellar.policy.gates import weigh_gate
from gitcellar.policy.settings import Gate, Improvement, Limit, ModelRules, StageRules
from tests.policy.test_judge import assignment, declares, verdict_of

RULES = ModelRules(stages={"production": StageRules(gates=(Limit("accuracy", at_least=0.9), Limit("ms", at_most=50)))})


def act(rivals: dict[str, dict[str, float]] | None = None, rules: ModelRules = RULES, **metrics: float) -> Act:
    declared = replace(declares("vit-l/base"), metrics=metrics)
    return replace(assignment("production", "@1.0", rules=rules), declared=declared, rivals=rivals or {})


def better(on: str = "production", by: str = "0", higher: bool = True) -> Improvement:
    return Improvement("accuracy", on, by, higher)


@pytest.mark.parametrize(
    ("gate", "value", "before", "met", "margin", "reason"),
    [
        (Limit("accuracy", at_least=0.9), 0.9, None, True, 0.0, "accuracy is 0.9, at least 0.9"),
        (Limit("accuracy", at_least=0.9), 0.89, None, False, -0.01, "accuracy is 0.89, and must be at least 0.9"),
        (Limit("accuracy", at_most=0.9), 0.91, None, False, -0.01, "accuracy is 0.91, and must be at most 0.9"),
        (better(), 0.9, 0.9, False, 0.0, "accuracy is 0.9, and must be above 0.9"),
        (better(), 0.901, 0.9, True, 0.001, "accuracy is 0.901, above 0.9"),
        (better(by="0.01"), 0.91, 0.9, True, 0.0, "accuracy is 0.91, at least 0.91"),
        (better(by="10%"), 0.98, 0.9, False, -0.01, "accuracy is 0.98, and must be at least 0.99"),
        (better(by="10%", higher=False), 0.81, 0.9, True, 0.0, "accuracy is 0.81, at most 0.81"),
        (better(by="10%", higher=False), -1.1, -1.0, True, 0.0, "accuracy is -1.1, at most -1.1"),
        (better(higher=False), 0.9, 0.8, False, -0.1, "accuracy is 0.9, and must be below 0.8"),
    ],
)
def test_a_gate_is_met_on_its_side_of_the_limit(
    gate: Gate, value: float, before: float | None, met: bool, margin: float, reason: str
) -> None:
    weighed = weigh_gate(gate, act({} if before is None else {"production": {"accuracy": before}}, accuracy=value))
    assert (weighed.met, weighed.reason) == (met, reason)
    assert weighed.margin == pytest.approx(margin)


def test_what_is_not_there_is_not_met_but_a_first_version_has_nothing_to_improve_on() -> None:
    assert weigh_gate(Limit("accuracy", at_least=0.9), act()).reason == "there is no metric accuracy"
    assert weigh_gate(better(), act(accuracy=0.1)).met
    lacking = weigh_gate(better(), act({"production": {"f1": 1.0}}, accuracy=0.1))
    assert (lacking.met, lacking.reason) == (False, "production has no metric accuracy to improve on")


NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@given(NUMBERS, NUMBERS, st.sampled_from(["0", "0.5", "1%"]), st.booleans())
def test_of_two_versions_at_most_one_improves_on_the_other(a: float, b: float, by: str, higher: bool) -> None:
    first = weigh_gate(better(by=by, higher=higher), act({"production": {"accuracy": b}}, accuracy=a))
    second = weigh_gate(better(by=by, higher=higher), act({"production": {"accuracy": a}}, accuracy=b))
    assert not (first.met and second.met) or a == b == 0


def test_the_judge_holds_every_gate() -> None:
    assert [str(violation) for violation in verdict_of(act(accuracy=0.8, ms=70)).violations] == [
        "S006 vit-l/base#production#1: accuracy is 0.8, and must be at least 0.9",
        "S006 vit-l/base#production#1: ms is 70, and must be at most 50",
    ]
    assert verdict_of(act(accuracy=0.95, ms=50)).ok


def test_a_version_that_held_the_stage_before_may_return() -> None:
    rules = replace(RULES, stages={**RULES.stages, "staging": StageRules()})
    returning = assignment("production", "@1.0", "#staging#1", "#production#2", "#production!#3", rules=rules)
    assert verdict_of(returning).ok
    assert not verdict_of(assignment("production", "@1.0", "#staging#1", rules=rules)).ok


def test_a_policy_says_gates() -> None:
    content = b"""\
stages:
  live:
    gates:
    - {metric: accuracy, at_least: 0.9}
    - {metric: loss.val, improves_on: live, by: 1%, higher_is_better: false}
    - {metric: accuracy, improves_on: base, by: 0.005}
"""
    assert parse_policy(content).rules_of(None).stages["live"].gates == (
        Limit("accuracy", at_least=0.9),
        Improvement("loss.val", "live", "1%", False),
        Improvement("accuracy", "base", "0.005"),
    )


@pytest.mark.parametrize(
    "gate",
    ["{metric: a}", "{metric: a, at_least: 1, at_most: 2}", "{metric: a, at_least: 1, by: 2}",
     "{metric: a, improves_on: x, by: lots}", "{metric: a, improves_on: x, by: -1}", "{at_least: 1}"],
)  # fmt: skip
def test_a_gate_that_says_nothing_or_too_much_is_a_fault(gate: str) -> None:
    with pytest.raises(Exception, match=r"gitcellar.yaml:1: stages"):
        parse_policy(f"stages: {{live: {{gates: [{gate}]}}}}".encode())
