"""Family S: may this version enter that stage?"""

from collections.abc import Callable, Iterable

from gitcellar.core.errors import did_you_mean
from gitcellar.core.events import Assigned
from gitcellar.policy.change import Change
from gitcellar.policy.rules import Rule, Violation

S001 = Rule(
    "S001",
    "a stage is one that the policy knows",
    """Whatever deploys asks for a stage by its name, so a misspelled stage would deploy nothing and say nothing.
The default stages are staging, production and archived; `stages:` in gitcellar.yaml names a cellar's own.

What to do: use a stage of the policy, or add yours to `stages:` in gitcellar.yaml.""",
)
S002 = Rule(
    "S002",
    "only a registered version that was not withdrawn enters a stage",
    """A stage tag points at a commit, and the version registered there is what the stage holds. A commit without
one holds nothing that anybody could name; and a version that was withdrawn was withdrawn for a reason.

What to do: register the version first, or assign another one.""",
)


def check_known(change: Change) -> Iterable[Violation]:
    for proposed in change.tags:
        if isinstance(proposed.fact, Assigned) and proposed.fact.stage not in change.rules.stages:
            stage = proposed.fact.stage
            known = ", ".join(change.rules.stages)
            yield S001.violation(
                change.tag_of(proposed),
                f"{stage!r} is none of the policy's stages: {known}",
                hint=did_you_mean(stage, change.rules.stages) or "add it to 'stages:' in gitcellar.yaml",
            )


def check_registered(change: Change) -> Iterable[Violation]:
    for proposed in change.tags:
        if not isinstance(proposed.fact, Assigned):
            continue
        version = change.state.at_commit.get(proposed.target)
        if version is None:
            yield S002.violation(
                change.tag_of(proposed),
                f"no version is registered at {proposed.target[:7]}",
                hint=f"register it first: gitcellar register {change.model} {proposed.target[:7]}",
            )
        elif version in change.state.withdrawn:
            yield S002.violation(
                change.tag_of(proposed),
                f"{version} was withdrawn",
                hint=f"assign another version: gitcellar show {change.model}",
            )


CHECKS: tuple[tuple[Rule, Callable[[Change], Iterable[Violation]]], ...] = (
    (S001, check_known),
    (S002, check_registered),
)
