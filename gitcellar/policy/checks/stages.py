"""Family S: may this version enter that stage, and is the event the model's next?

May import core and the rest of policy but judge and config.
"""

from collections.abc import Iterable, Mapping, Set

from gitcellar.core.errors import did_you_mean
from gitcellar.core.events import Assigned, Registered
from gitcellar.core.state import ARCHIVED
from gitcellar.core.versions import Version
from gitcellar.policy.change import Act
from gitcellar.policy.gates import weigh_gates
from gitcellar.policy.rules import Check, Rule, Violation
from gitcellar.policy.settings import NONE, StageRules

S001 = Rule(
    "S001",
    "a stage is one that the policy knows",
    """Whatever deploys asks for a stage by its name, so a misspelled stage would deploy nothing and say nothing.
The default stages are staging and production; `stages:` in gitcellar.yaml names a cellar's own. `archived` is the
state of a version that no stage holds any more, and known everywhere.

What to do: use a stage of the policy, or add yours to `stages:` in gitcellar.yaml.""",
)
S002 = Rule(
    "S002",
    "only a registered version that was not withdrawn enters a stage",
    """A stage tag points at a commit, and the version registered there is what the stage holds. A commit without
one holds nothing that anybody could name; and a version that was withdrawn was withdrawn for a reason.

What to do: register the version first, or assign another one.""",
)
S003 = Rule(
    "S003",
    "a version enters a stage from where the policy says",
    """By default a version goes from nothing to staging, from staging to production, and from there to archived; from
archived it may return to production, which is a rollback. `stages:` in gitcellar.yaml says it for a cellar: each
stage with the stages that it is entered `from`. A plain list of stages allows every way.

What to do: assign the version to the stage that comes first.""",
)
S004 = Rule(
    "S004",
    "the events of a model are counted without gaps",
    """The counter behind # orders a model's events; clocks never do. Two events of one number, or a gap, would leave
open what was in production. A push that comes second is refused here, and counts anew.

What to do: gitcellar fetch, then act again; gitcellar counts for you.""",
)
S005 = Rule(
    "S005",
    "no more than three tags are pushed with a stage tag",
    """Deployments are triggered by stage tags, and GitHub sends no event for a push of more than three tags, whether
or not they belong to the registry: a promotion in such a push starts no deployment.

What to do: gitcellar push sends one act at a time; or push the stage tags by themselves. A cellar that moves here with
its whole history is let in by `rules: {S005: warning}` for that day.""",
)
S006 = Rule(
    "S006",
    "a version passes the gates of the stage that it enters",
    """`gates:` of a stage in gitcellar.yaml say what a version must have measured: a metric at least or at most a
number, or better than that of the version in a stage, of the previous version, or of its base. Metrics are those of
the manifest entry at the version's commit, or of the metrics file that it names there.

What to do: `gitcellar gate REF STAGE` shows each gate with its value, limit and margin; train a better version.""",
    waits=True,
)
S007 = Rule(
    "S007",
    "what came from a recalled base enters no stage",
    """When a version of a base model is withdrawn, what is wrong with it is wrong with every model that was tuned from
it. They stay where they are until somebody takes them out, and none of them is put into a stage from then on.

What to do: tune the model anew from a base that stands, and promote that version. `gitcellar recall` lists what is
affected and where it is live.""",
)
S008 = Rule(
    "S008",
    "nothing new enters a frozen stage",
    """`freezes:` in gitcellar.yaml close stages of some models until a day, for a reason that is written there. What
held the stage before may still return: a rollback must always be possible.

What to do: wait, or lift the freeze (gitcellar unfreeze) where you may.""",
)

MOST_TAGS = 3


def check_known(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        if isinstance(proposed.fact, Assigned) and proposed.fact.stage not in (*act.rules.stages, ARCHIVED):
            stage = proposed.fact.stage
            known = ", ".join(act.rules.stages)
            yield S001.violation(
                act.tag_of(proposed),
                f"{stage!r} is none of the policy's stages: {known}",
                hint=did_you_mean(stage, act.rules.stages) or "add it to 'stages:' in gitcellar.yaml",
            )


def check_registered(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        if not isinstance(proposed.fact, Assigned):
            continue
        version = act.state.at_commit.get(proposed.target)
        if version is None:
            yield S002.violation(
                act.tag_of(proposed),
                f"no version is registered at {proposed.target[:7]}",
                hint=f"register it first: gitcellar register {act.model} {proposed.target[:7]}",
            )
        elif version in act.state.withdrawn and proposed.fact.stage != ARCHIVED:
            yield S002.violation(
                act.tag_of(proposed),
                f"{version} was withdrawn",
                hint=f"assign another version: gitcellar show {act.model}",
            )


def check_transition(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        fact = proposed.fact
        rules = act.rules.stages.get(fact.stage) if isinstance(fact, Assigned) else None
        version = act.state.at_commit.get(proposed.target)
        if rules is None or rules.entered_from is None or version is None or not isinstance(fact, Assigned):
            continue
        held = {stage for stage, holds in act.state.stages.items() if holds.version == version}
        now = act.state.last_stages.get(version, NONE)
        if not {now, *held} & {*rules.entered_from, fact.stage}:
            came = "was never in a stage" if now == NONE else f"is in {now}"
            ways = " or ".join("no stage" if way == NONE else way for way in rules.entered_from) or "nowhere"
            first = _find_first_step(act.rules.stages, {now, *held}, fact.stage)
            hint = f"no stages lead from there to {fact.stage}: see 'from:' of the stages in gitcellar.yaml"
            yield S003.violation(
                act.tag_of(proposed),
                f"{version} {came}, and {fact.stage} is entered from {ways}",
                hint=f"gitcellar assign {act.model}@{version} {first}" if first else hint,
            )


def check_counter(act: Act) -> Iterable[Violation]:
    expected = act.state.next_counter
    for proposed in act.tags:
        counter = proposed.fact.counter
        if not counter and isinstance(proposed.fact, Registered):
            continue
        if counter != expected:
            said = f"its counter is {counter}" if counter else "it has no counter"
            message = f"{said}, and the next of {act.model} is {expected}"
            yield S004.violation(act.tag_of(proposed), message, hint="gitcellar fetch, then act again")
        expected += 1


def check_alone(act: Act) -> Iterable[Violation]:
    together = act.beside + len(act.tags)
    for proposed in act.tags:
        if together > MOST_TAGS and isinstance(proposed.fact, Assigned):
            yield S005.violation(
                act.tag_of(proposed),
                f"pushed with {together - 1} other tags, and GitHub sends no event for more than {MOST_TAGS} tags",
                hint=f"gitcellar push {act.model}",
            )


def check_gates(act: Act) -> Iterable[Violation]:
    for tag, weighed in weigh_gates(act):
        if not weighed.met:
            stage = tag.rpartition("#")[0].rpartition("#")[2]
            yield S006.violation(tag, weighed.reason, hint=f"gitcellar gate {act.model}@VERSION {stage}")


def check_recalled(act: Act) -> Iterable[Violation]:
    if act.base is None or act.rules.scheme != "cellar":
        return
    for proposed in act.tags:
        version = act.state.at_commit.get(proposed.target)
        base = Version(version.triple[:2]) if version else None
        # To put something away is no promotion, whatever is wrong with it.
        if isinstance(proposed.fact, Assigned) and proposed.fact.stage != ARCHIVED and base in act.base.withdrawn:
            message = f"{version} came from {act.base.name}@{base}, which was withdrawn"
            hint = f"tune it anew from a version that stands: gitcellar show {act.base.name}"
            yield S007.violation(act.tag_of(proposed), message, hint=hint)


def check_frozen(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        stage = proposed.fact.stage if isinstance(proposed.fact, Assigned) else ARCHIVED
        if stage == ARCHIVED or act.state.has_held(proposed.target, stage):
            continue
        for freeze in act.rules.freezes:
            if freeze.holds(act.model.text, stage, act.day):
                message = f"{stage} is frozen until {freeze.until}: {freeze.reason}"
                yield S008.violation(act.tag_of(proposed), message, hint=f"gitcellar unfreeze '{freeze.match}' {stage}")


def _find_first_step(stages: Mapping[str, StageRules], held: Set[str], wanted: str) -> str | None:
    """The stage to enter now on the shortest way to `wanted`; None where no way leads there."""
    first = {stage: stage for stage, rules in stages.items() if _opens(rules, held)}
    reached = list(first)
    for stage in reached:  # it grows: what is reached later is looked at later
        for following, rules in stages.items():
            if following not in first and _opens(rules, {stage}):
                first[following] = first[stage]
                reached.append(following)
    return first.get(wanted)


def _opens(rules: StageRules, held: Set[str]) -> bool:
    return rules.entered_from is None or not held.isdisjoint(rules.entered_from)


ACT_CHECKS: tuple[Check[Act], ...] = (
    Check(S001, check_known),
    Check(S002, check_registered),
    Check(S003, check_transition),
    Check(S004, check_counter),
    Check(S005, check_alone),
    Check(S006, check_gates),
    Check(S007, check_recalled),
    Check(S008, check_frozen),
)
