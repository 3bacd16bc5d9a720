"""Who did what, and was it by the rules? Every event with its author, held against today's policy.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gitcellar.cellar.authority import Proven, find_day, prove_objects
from gitcellar.cellar.checking import gather_past
from gitcellar.cellar.policies import read_policy
from gitcellar.cellar.reading import detail_events, read_cellar, read_model
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
    day: str
    states: tuple[ModelState, ...]


def audit(
    repository: GitRepository, model: ModelName | None = None, *, since: int | None = None, until: int | None = None
) -> Audit:
    """What happened to one model, or to all, from `since` and before `until` (seconds UTC)."""
    states = [read_model(repository, model)] if model else list(read_cellar(repository).values())
    details = repository.read_details(model_patterns(model) if model else ("refs/tags/",))
    change = gather_past(repository, [event for state in states for event in state.events])
    acts = {act.tag_of(tag): (act, tag) for act in change.acts for tag in act.tags}
    signed = [tag.written.object_id for act, tag in acts.values() if act.rules.people and tag.written]
    ids = {object_id: object_id for object_id in signed if object_id is not None}
    proven = prove_objects(repository.read_objects(ids, kind="tag"), read_policy(repository).people)
    found = [
        _account(state, event, acts.get(event.event.tag), proven.get(event.event.object_id), change.day)
        for state in states
        for event in detail_events(state, details)
        if (since is None or event.details.at >= since) and (until is None or event.details.at < until)
    ]
    exceptions = read_policy(repository).exceptions
    concerned = [e for e in exceptions if model is None or e.covers(e.rule, model.text, "")]
    return Audit(tuple(sorted(found, key=_by_time)), tuple(concerned), read_today(), tuple(states))


def _by_time(audited: Audited) -> tuple[int, int]:
    return audited.event.details.at, audited.event.event.fact.counter


def _account(
    state: ModelState, event: DetailedEvent, of: tuple[Act, ProposedTag] | None, proven: Proven | None, day: str
) -> Audited:
    policy = parse_message(event.details.message).find("Policy")
    if of is None:
        return Audited(state, event, Verdict(()), policy=policy)
    act, proposed = of
    signer = proven.signer(act.rules, find_day(event.details.at)).principal if proven else None
    return Audited(state, event, judge(Change(day, (act,))), signer, tuple(_find_evidence(act, proposed)), policy)


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
