"""What would a change of the manifests bring? For those who review it: numbers, promises, and what is still missing.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitcellar.cellar.checking import gather_range
from gitcellar.cellar.evidence import Wanted, commit_place, read_declarations
from gitcellar.cellar.reading import read_state
from gitcellar.core.contract import Difference, compare_contracts
from gitcellar.core.errors import CellarError
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState
from gitcellar.core.versions import Version
from gitcellar.policy.change import Declaration
from gitcellar.policy.judge import Verdict, judge
from gitcellar.policy.plan import find_promising, plan_register
from gitcellar.policy.settings import Approvals
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Proposal:
    """A model that a change touches. `following` is the version that it would be registered as, with the reasons.

    `metrics` are names with the number that is proposed and that of the latest version; `differences` those of the
    contracts; `missing` what the judge has against it; `stages` what each stage would ask for.
    """

    model: ModelName
    latest: Version | None
    following: Version | None
    reasons: Sequence[str]
    metrics: Sequence[tuple[str, float | None, float | None]]
    differences: Sequence[Difference]
    missing: Sequence[str]
    stages: Sequence[tuple[str, str]]


def read_proposals(repository: GitRepository, first: str, last: str) -> tuple[list[Proposal], Verdict]:
    """What the commits after `first` up to `last` change, model by model, and the verdict on all of it."""
    change = gather_range(repository, first, last)
    verdict = judge(change)
    commit = repository.resolve_commit(last)
    return [_propose(repository, declared, commit, verdict) for declared in change.declarations], verdict


def _propose(repository: GitRepository, declared: Declaration, commit: str, verdict: Verdict) -> Proposal:
    state, rules = read_state(repository, declared.model), declared.rules
    latest = state.find(state.latest) if state.latest else None
    before = None
    if latest is not None:
        wanted = Wanted(commit_place(latest.commit), declared.model, rules)
        before = read_declarations(repository, [wanted])[wanted]
    following, reasons = _count(repository, state, declared, commit)
    names = dict.fromkeys((*declared.metrics, *(before.metrics if before else ())))
    theirs = before.metrics if before else {}
    name = declared.model.text
    said = (*verdict.violations, *verdict.warnings)
    about = [each for each in said if each.subject == name or each.subject.startswith(f"{name}.")]
    return Proposal(
        declared.model,
        latest.version if latest else None,
        following,
        reasons,
        [(metric, declared.metrics.get(metric), theirs.get(metric)) for metric in names],
        compare_contracts(before.contract, declared.contract, casting=rules.casting) if before else (),
        [f"{violation.rule}: {violation.message}" for violation in about],
        [(stage, asked) for stage in rules.stages if (asked := _ask(rules.stages[stage].approvals))],
    )


def _count(
    repository: GitRepository, state: ModelState, declared: Declaration, commit: str
) -> tuple[Version | None, Sequence[str]]:
    """The version that would be registered, and why; or why none can be."""
    if declared.entry is None:
        return None, ("the manifest cannot be read",)
    try:
        before = find_promising(state, declared.rules, declared.entry)
        promised = None
        if before is not None:
            wanted = Wanted(commit_place(state.registrations[before].commit or ""), state.name, declared.rules)
            promised = read_declarations(repository, [wanted])[wanted].contract
        plan = plan_register(state, declared.rules, commit=commit, entry=declared.entry, promised=promised)
    except CellarError as error:
        return None, (str(error),)
    return plan.version, plan.reasons


def _ask(approvals: Approvals | None) -> str | None:
    if approvals is None:
        return None
    roles = ", ".join(f"{number} {role}" for role, number in approvals.roles.items())
    count = f"{approvals.count} approval{'' if approvals.count == 1 else 's'}"
    return f"{count} ({roles})" if roles else count
