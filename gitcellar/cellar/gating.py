"""Would a version pass the gates of a stage? May import core, policy, store and its own floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitcellar.cellar.judging import gather_act
from gitcellar.cellar.policies import read_policy
from gitcellar.cellar.reading import read_version
from gitcellar.core.errors import NotFoundError, did_you_mean
from gitcellar.core.events import Assigned
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference
from gitcellar.core.versions import Version
from gitcellar.policy.change import ProposedTag
from gitcellar.policy.gates import Weighed, has_held, weigh_gates
from gitcellar.policy.plan import Plan
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Passage:
    """A version before the gates of a stage. One that `returns` held it before, and no gate is asked."""

    model: ModelName
    version: Version
    stage: str
    gates: Sequence[Weighed]
    returns: bool

    @property
    def open(self) -> bool:
        """Whether every gate is met."""
        return all(weighed.met for weighed in self.gates)


def weigh_passage(repository: GitRepository, reference: Reference, stage: str, *, remote: str = "origin") -> Passage:
    """Hold the version that a reference means against each gate. Raise NotFoundError for a stage of no policy."""
    rules = read_policy(repository, remote).rules_of(reference.model)
    if stage not in rules.stages:
        hint = did_you_mean(stage, rules.stages) or f"there are: {', '.join(rules.stages)}"
        raise NotFoundError(f"{reference.model} has no stage {stage!r} by the policy", hint=hint)
    state, held = read_version(repository, reference)
    proposed = ProposedTag(state.name, Assigned(stage, state.next_counter), held.commit)
    plan = Plan(state.name, f"Assign {held.version} to {stage}", held.version, stage, (proposed,))
    act = gather_act(repository, plan, state, rules, None, remote=remote)
    gates = [weighed for _, weighed in weigh_gates(act)]
    return Passage(state.name, held.version, stage, gates, has_held(state, held.commit, stage))
