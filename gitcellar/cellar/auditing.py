"""Who did what, and was it by the rules? Every event with its author, held against today's policy.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gitcellar.cellar.checking import gather_past
from gitcellar.cellar.policies import read_policy
from gitcellar.cellar.reading import detail_events, read_cellar, read_model
from gitcellar.core.days import Day
from gitcellar.core.events import Assigned, DetailedEvent
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState
from gitcellar.core.tags import model_patterns
from gitcellar.core.trailers import parse_message
from gitcellar.policy.change import Act, Change, ProposedTag
from gitcellar.policy.checks.authority import find_bypass, tally_of
from gitcellar.policy.gates import weigh_gates
from gitcellar.policy.judge import Verdict, judge
from gitcellar.policy.settings import RuleException
from gitcellar.store.environment import read_today
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Audited:
    """An event, and the verdict of today's policy on it, after what came before.

    `signer` signed it, where the policy has people; `evidence` is what an assignment rested on, a line each; `policy`
    the blob of the policy under which it was written, where its message says.
    """

    state: ModelState
    event: DetailedEvent
    verdict: Verdict
    signer: str | None = None
    evidence: tuple[str, ...] = ()
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """Events by their taggers' clocks, the oldest first, and the exceptions of the policy, ended or not."""

    events: tuple[Audited, ...]
    exceptions: tuple[RuleException, ...]
    day: Day
    states: tuple[ModelState, ...]


def audit(
    repository: GitRepository, model: ModelName | None = None, *, since: int | None = None, until: int | None = None
) -> Audit:
    """What happened to one model, or to all, from `since` and before `until` (seconds UTC)."""
    states = [read_model(repository, model)] if model else list(read_cellar(repository).values())
    details = repository.read_details(model_patterns(model) if model else ("refs/tags/",))
    change = gather_past(repository, [event for state in states for event in state.events])
    judged = {act.tag_of(act.tags[0]): _judge(act, change.day) for act in change.acts}
    found = [
        _account(state, event, judged.get(event.event.tag))
        for state in states
        for event in detail_events(state, details)
        if (since is None or event.details.at >= since) and (until is None or event.details.at < until)
    ]
    exceptions = read_policy(repository).exceptions
    concerned = [e for e in exceptions if model is None or e.covers(e.rule, model.text, "")]
    return Audit(tuple(sorted(found, key=_by_time)), tuple(concerned), read_today(), tuple(states))


def _by_time(audited: Audited) -> tuple[int, int]:
    return audited.event.details.at, audited.event.event.fact.counter


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is kept of an act, whose state moves on with the next one."""

    verdict: Verdict
    signer: str | None
    evidence: tuple[str, ...]


def _judge(act: Act, day: Day) -> _Judged:
    signer = act.signer.principal if act.rules.people and act.signer else None
    return _Judged(judge(Change(day, (act,))), signer, tuple(_find_evidence(act, act.tags[0])))


def _account(state: ModelState, event: DetailedEvent, judged: _Judged | None) -> Audited:
    policy = parse_message(event.details.message).find("Policy")
    if judged is None:
        return Audited(state, event, Verdict(()), policy=policy)
    return Audited(state, event, judged.verdict, judged.signer, judged.evidence, policy)


def _find_evidence(act: Act, proposed: ProposedTag) -> Iterator[str]:
    """What an assignment rested on: broken glass, or the approvals that counted, and the gates that were met."""
    stage = proposed.fact.stage if isinstance(proposed.fact, Assigned) else None
    rules = act.rules.stages.get(stage) if stage else None
    if stage is None or rules is None:
        return
    if find_bypass(act, proposed):
        yield "BROKEN GLASS: without approvals"
    tally = tally_of(act, proposed, stage, rules)
    for attested in tally.counted if tally else ():
        yield f"{attested.claim.kind} by {attested.signer.principal}: {attested.claim.tag}"
    yield from (weighed.reason for _, weighed in weigh_gates(act) if weighed.met)


def list_broken(verdict: Verdict) -> Sequence[str]:
    """What is broken, errors and warnings, one line each."""
    return [f"{violation.rule}: {violation.message}" for violation in (*verdict.violations, *verdict.warnings)]


def list_excepted(verdict: Verdict) -> Sequence[str]:
    """What is excused, by which exception."""
    return [f"{e.violation.rule}: {e.exception.reason} (until {e.exception.until})" for e in verdict.excepted]
