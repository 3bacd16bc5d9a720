"""May it be done? The one judge, whom every door asks. May import core and the rest of policy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gitcellar.core.days import Day
from gitcellar.core.errors import NO, CellarError
from gitcellar.core.names import ModelName
from gitcellar.policy.change import Change
from gitcellar.policy.checks import (
    authority,
    checkpoints,
    contracts,
    histories,
    lineage,
    metadata,
    names,
    stages,
    versions,
)
from gitcellar.policy.rules import Check, Judged, Rule, Violation
from gitcellar.policy.settings import ModelRules, RuleException

_ACT_CHECKS = (
    *names.ACT_CHECKS,
    *versions.ACT_CHECKS,
    *contracts.ACT_CHECKS,
    *lineage.ACT_CHECKS,
    *metadata.ACT_CHECKS,
    *checkpoints.ACT_CHECKS,
    *stages.ACT_CHECKS,
    *histories.ACT_CHECKS,
    *authority.ACT_CHECKS,
)
_REF_CHECKS = (*names.REF_CHECKS, *versions.REF_CHECKS, *authority.REF_CHECKS)
_DECLARATION_CHECKS = (*contracts.DECLARATION_CHECKS, *lineage.DECLARATION_CHECKS, *metadata.DECLARATION_CHECKS)
RULES: tuple[Rule, ...] = tuple(
    sorted(
        {
            check.rule
            for checks in (
                _ACT_CHECKS,
                _REF_CHECKS,
                _DECLARATION_CHECKS,
                histories.HISTORY_CHECKS,
                histories.SIZE_CHECKS,
            )
            for check in checks
        },
        key=lambda rule: ("NVCLMDSA".index(rule.id[0]), rule.id),
    )
)


@dataclass(frozen=True, slots=True)
class Excepted:
    """A violation that the policy excepts."""

    violation: Violation
    exception: RuleException


@dataclass(frozen=True, slots=True)
class Verdict:
    """All the reasons to refuse a change, none where it is allowed; and what the policy only warns of or excepts."""

    violations: tuple[Violation, ...]
    warnings: tuple[Violation, ...] = ()
    excepted: tuple[Excepted, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the change is allowed."""
        return not self.violations

    @property
    def waits(self) -> bool:
        """Whether everything that is missing is what time or other people will bring."""
        return bool(self.violations) and all(violation.waits for violation in self.violations)


class RefusedError(CellarError):
    """A change that the policy does not allow."""

    exit_code = NO

    def __init__(self, verdict: Verdict) -> None:
        super().__init__("\n".join(map(str, verdict.violations)))
        self.verdict = verdict


def judge(change: Change, *, family: str = "") -> Verdict:
    """Hold a change against every rule, or those of one family, by the severity that the policy gives each."""
    verdict = VerdictBuilder(change.day, family)
    if change.size is not None:
        verdict.weigh(change.size, histories.SIZE_CHECKS, change.size.rules, None)
    for ref in change.refs:
        verdict.weigh(ref, _REF_CHECKS, ref.rules, ref.model)
    for act in change.acts:
        verdict.weigh(act, _ACT_CHECKS, act.rules, act.model)
        if act.declared is not None and act.registers:
            verdict.weigh(act.declared, _DECLARATION_CHECKS, act.rules, act.model)
    for history in change.histories:
        verdict.weigh(history, histories.HISTORY_CHECKS, history.rules, history.model)
    for fault in change.faults:
        verdict.weigh(fault, metadata.FAULT_CHECKS, change.general, None)
    for declaration in change.declarations:
        verdict.weigh(declaration, _DECLARATION_CHECKS, declaration.rules, declaration.model)
    return Verdict(tuple(verdict.violations), tuple(verdict.warnings), tuple(verdict.excepted))


def severity_of(rule: Rule, rules: ModelRules) -> str:
    """How much a rule counts for a model."""
    return rules.severities.get(rule.id, rule.severity)


class VerdictBuilder:
    """A verdict in the making."""

    def __init__(self, day: Day, family: str) -> None:
        self.day = day
        self.family = family
        self.violations: list[Violation] = []
        self.warnings: list[Violation] = []
        self.excepted: list[Excepted] = []

    def weigh(
        self, judged: Judged, checks: Sequence[Check[Judged]], rules: ModelRules, model: ModelName | None
    ) -> None:
        for check in checks:
            severity = severity_of(check.rule, rules)
            if severity != "off" and check.rule.id.startswith(self.family):
                self.take(check.find(judged), rules.exceptions, model, is_error=severity == "error")

    def take(
        self,
        found: Iterable[Violation],
        exceptions: Iterable[RuleException],
        model: ModelName | None,
        *,
        is_error: bool,
    ) -> None:
        for violation in found:
            name = model.text if model else None
            exception = next((e for e in exceptions if e.covers(violation.rule, name, self.day)), None)
            if exception is not None:
                self.excepted.append(Excepted(violation, exception))
            elif is_error:
                self.violations.append(violation)
            else:
                self.warnings.append(violation)
