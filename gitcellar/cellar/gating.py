"""What stands between a version and a stage? Its gates and approvals, and how it compares with what is live.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gitcellar.cellar.authority import with_authority
from gitcellar.cellar.evidence import Wanted, commit_place, read_declarations
from gitcellar.cellar.judging import gather_act
from gitcellar.cellar.policies import read_policy
from gitcellar.cellar.reading import unknown_model
from gitcellar.cellar.snapshots import read_snapshot
from gitcellar.core.contract import Difference, compare_contracts
from gitcellar.core.events import Assigned
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference, find_referenced
from gitcellar.core.versions import Version
from gitcellar.policy.change import Act, Change, Declaration, ProposedTag
from gitcellar.policy.gates import Weighed, find_metrics, weigh_gates
from gitcellar.policy.judge import judge
from gitcellar.policy.plan import Plan
from gitcellar.policy.stage_names import unknown_stage
from gitcellar.store.environment import read_now
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Passage:
    """A version before a stage. One that `returns` held it before, and no gate is asked.

    `live` is what the stage holds; `metrics` are names with the version's number and that of what is live;
    `differences` those of the two contracts; `missing` everything beside gates for which the judge would keep it out
    today, whoever promotes it.
    """

    model: ModelName
    version: Version
    stage: str
    gates: Sequence[Weighed]
    returns: bool
    live: Version | None
    metrics: Sequence[tuple[str, float | None, float | None]]
    differences: Sequence[Difference]
    missing: Sequence[str]

    @property
    def open(self) -> bool:
        """Whether every gate is met."""
        return all(weighed.met for weighed in self.gates)


def weigh_passage(repository: GitRepository, reference: Reference, stage: str, *, remote: str = "origin") -> Passage:
    """Hold the version that a reference means against a stage. Raise NotFoundError for a stage of no policy."""
    rules = read_policy(repository, remote).rules_of(reference.model)
    if stage not in rules.stages:
        raise unknown_stage(f"{reference.model} has no stage {stage!r} by the policy", stage, rules.stages)
    snapshot = read_snapshot(repository, reference.model)
    state = snapshot.state
    if not state.events:
        raise unknown_model(repository, reference.model)
    held = find_referenced(reference, state)
    proposed = ProposedTag(state.name, Assigned(stage, state.next_counter), held.commit)
    plan = Plan(state.name, f"Assign {held.version} to {stage}", held.version, stage, (proposed,))
    act = gather_act(repository, plan, snapshot, rules, None, remote=remote)
    act = with_authority(repository, _whoever_promotes(act, stage), now=read_now())
    live = state.stages.get(stage)
    rival = live if live and live.version != held.version else None
    new, old = _declared(repository, act, held.commit), _declared(repository, act, rival.commit if rival else None)
    gates = [weighed for _, weighed in weigh_gates(act)]
    told = {weighed.reason for weighed in gates}
    return Passage(
        state.name,
        held.version,
        stage,
        gates,
        state.has_held(held.commit, stage),
        live.version if live else None,
        _compare(act, new, old),
        compare_contracts(old.contract, new.contract, casting=rules.casting) if old and new else (),
        [each.message for each in judge(Change(act.day, (act,))).violations if each.message not in told],
    )


def _whoever_promotes(act: Act, stage: str) -> Act:
    """The act without the question of who carries it out, which is not known yet."""
    asked = act.rules.stages[stage]
    wanted = asked.approvals
    if wanted is not None:
        wanted = replace(wanted, excluded=tuple(who for who in wanted.excluded if who != "promoter"))
    stages = {**act.rules.stages, stage: replace(asked, by=(), approvals=wanted)}
    return replace(act, rules=replace(act.rules, stages=stages, signed=False))


def _declared(repository: GitRepository, act: Act, commit: str | None) -> Declaration | None:
    """What a commit declares of the act's model, its metrics too."""
    if commit is None:
        return None
    wanted = Wanted(commit_place(commit), act.model, act.rules)
    return read_declarations(repository, [wanted])[wanted]


def _compare(
    act: Act, new: Declaration | None, old: Declaration | None
) -> list[tuple[str, float | None, float | None]]:
    ours = {**(new.metrics if new else {}), **find_metrics(act)}
    theirs = old.metrics if old else {}
    return [(name, ours.get(name), theirs.get(name)) for name in dict.fromkeys((*ours, *theirs))]
