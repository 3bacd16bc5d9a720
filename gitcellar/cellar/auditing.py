"""Who did what, and was it by the rules? Every event with its author, held against today's policy.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitcellar.cellar.checking import gather_past
from gitcellar.cellar.policies import read_policy
from gitcellar.cellar.reading import detail_events, read_cellar, read_model
from gitcellar.core.events import DetailedEvent
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState
from gitcellar.core.tags import model_patterns
from gitcellar.policy.change import Change
from gitcellar.policy.judge import Verdict, judge
from gitcellar.policy.settings import RuleException
from gitcellar.store.environment import read_today
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Audited:
    """An event, and the verdict of today's policy on it, after what came before."""

    state: ModelState
    event: DetailedEvent
    verdict: Verdict


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
    verdicts = _judge_each(gather_past(repository, [event for state in states for event in state.events]))
    found = [
        Audited(state, event, verdicts.get(event.event.tag, Verdict(())))
        for state in states
        for event in detail_events(state, details)
        if (since is None or event.details.at >= since) and (until is None or event.details.at < until)
    ]
    exceptions = read_policy(repository).exceptions
    concerned = [e for e in exceptions if model is None or e.covers(e.rule, model.text, "")]
    return Audit(tuple(sorted(found, key=_by_time)), tuple(concerned), read_today(), tuple(states))


def _by_time(audited: Audited) -> tuple[int, int]:
    return audited.event.details.at, audited.event.event.fact.counter


def _judge_each(change: Change) -> dict[str, Verdict]:
    return {act.tag_of(tag): judge(Change(change.day, (act,))) for act in change.acts for tag in act.tags}


def list_broken(verdict: Verdict) -> Sequence[str]:
    """What is broken, errors and warnings, one line each."""
    return [f"{violation.rule}: {violation.message}" for violation in (*verdict.violations, *verdict.warnings)]


def list_excepted(verdict: Verdict) -> Sequence[str]:
    """What is excused, by which exception."""
    return [f"{e.violation.rule}: {e.exception.reason} (until {e.exception.until})" for e in verdict.excepted]
