"""May it be done? The one judge, whom every door asks. May import core and the rest of policy."""

from dataclasses import dataclass

from gitcellar.core.errors import NO, CellarError
from gitcellar.policy.change import Change
from gitcellar.policy.checks import lineage, names, stages, versions
from gitcellar.policy.rules import Rule, Violation

_FAMILIES = (names, versions, lineage, stages)
RULES: tuple[Rule, ...] = tuple(rule for family in _FAMILIES for rule, _ in family.CHECKS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """All the reasons to refuse a change, none where it is allowed."""

    violations: tuple[Violation, ...]

    @property
    def ok(self) -> bool:
        """Whether the change is allowed."""
        return not self.violations


class RefusedError(CellarError):
    """A change that the policy does not allow."""

    exit_code = NO

    def __init__(self, verdict: Verdict) -> None:
        super().__init__("\n".join(map(str, verdict.violations)))
        self.verdict = verdict


def judge(change: Change) -> Verdict:
    """Hold a change against every rule."""
    return Verdict(
        tuple(violation for family in _FAMILIES for _, check in family.CHECKS for violation in check(change))
    )
