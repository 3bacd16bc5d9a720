"""Was a tag that is there already allowed? And if not, what takes it back, where no server hook could refuse it.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gitcellar.cellar.asking import unknown_tag
from gitcellar.cellar.checking import check_tag
from gitcellar.cellar.reading import read_model
from gitcellar.cellar.writing import Options, Outcome, Planning, act_on
from gitcellar.core.errors import NO, CellarError
from gitcellar.core.events import Assigned, Deprecated, Event, Registered, Unassigned, Withdrawn
from gitcellar.core.names import ModelName
from gitcellar.core.state import ARCHIVED, ModelState, fold_events
from gitcellar.core.tags import find_tag_name
from gitcellar.core.versions import Version
from gitcellar.policy.checks.stages import S004
from gitcellar.policy.judge import RefusedError, Verdict
from gitcellar.policy.plan import Plan, plan_rollback, plan_unassign, plan_withdraw
from gitcellar.policy.settings import ModelRules
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Guarded:
    """The verdict on a tag, and what answered a violation.

    `left` says why nothing did; it is None where something did, or nothing had to.
    """

    verdict: Verdict
    answer: Outcome | None = None
    left: str | None = None


class LeftError(CellarError):
    """No tag can take back what another one brought without touching something else."""

    exit_code = NO


def guard(repository: GitRepository, tag: str, options: Options) -> Guarded:
    """Judge a tag, and take back what it brought if it breaks the policy: tags are answered, never deleted.

    A version is withdrawn; a stage gets what it would hold without the tag, or is emptied where the policy does not
    allow that. Nothing else changes. Raise NotFoundError for a tag of the registry that is not here.
    """
    named = find_tag_name(tag)
    if named is None:
        return Guarded(Verdict(()))
    state = read_model(repository, named.model)
    event = next((event for event in state.events if event.tag == tag), None)
    if event is None:
        raise unknown_tag(state, tag)
    verdict = check_tag(repository, tag)
    if verdict.ok:
        return Guarded(verdict)
    why = "; ".join(f"{violation.rule}: {violation.message}" for violation in verdict.violations)
    options = replace(options, message=f"Written by gitcellar ci guard. {tag} breaks the policy: {why}")
    contested = {violation.rule for violation in verdict.violations} == {S004.id}

    def plan(state: ModelState, rules: ModelRules) -> Plan:
        # Planned on what was just fetched: what stands by then is what counts.
        if contested:
            _require_own_counter(state, event)
        return _plan_answer(state, rules, event)

    try:
        return Guarded(verdict, _answer(repository, named.model, plan, event, options))
    except LeftError as error:
        return Guarded(verdict, left=error.message)
    except RefusedError as error:
        return Guarded(verdict, left=f"the policy refuses what would take it back: {error.verdict.violations[0]}")


def _answer(repository: GitRepository, model: ModelName, plan: Planning, event: Event, options: Options) -> Outcome:
    try:
        return act_on(repository, model, plan, options)
    except RefusedError:
        fact = event.fact
        if not isinstance(fact, Assigned):
            raise
    return act_on(repository, model, lambda state, rules: _plan_emptying(state, rules, event, fact.stage), options)


def _plan_answer(state: ModelState, rules: ModelRules, event: Event) -> Plan:
    """What takes back the difference that an event makes to the state, and no other."""
    fact = event.fact
    without = _without(state, event)
    if isinstance(fact, Registered):
        return _plan_withdrawal(state, without, event, fact.version)
    if isinstance(fact, Assigned | Unassigned):
        return _plan_return(state, rules, without, _find_changed_stage(state, without, fact.stage))
    if isinstance(fact, Withdrawn):
        raise LeftError(f"no tag takes back that {fact.version} was withdrawn")
    if isinstance(fact, Deprecated):
        raise LeftError(f"no tag takes back that {state.name} was deprecated")
    raise LeftError("a claim that breaks the policy counts for nothing")


def _plan_withdrawal(state: ModelState, without: ModelState, event: Event, version: Version) -> Plan:
    """Withdraw what one registration brought, where neither its number nor its commit was another's."""
    held = state.find(version)
    if held is None or version in state.withdrawn:
        raise LeftError(f"{version} is {'withdrawn' if held else 'not registered'} with and without it")
    stood = without.registrations.get(version)
    if stood is not None and version not in without.withdrawn:
        raise LeftError(f"its version is registered without it, by {stood.tag}")
    shared = without.at_commit.get(held.commit)
    if shared is not None and shared not in without.withdrawn:
        raise LeftError(f"{shared} is registered at the same commit, and would go with it")
    return plan_withdraw(state, held)


def _plan_return(state: ModelState, rules: ModelRules, without: ModelState, stage: str) -> Plan:
    """Give a stage what it would hold without one event."""
    _require_changed(state, without, stage)
    before = without.stages.get(stage)
    if before is None or before.version in state.withdrawn:
        return plan_unassign(state, rules, stage)
    return plan_rollback(state, rules, stage, before.version)


def _find_changed_stage(state: ModelState, without: ModelState, stage: str) -> str:
    """The stage that an event changed. To archive a version takes it out of whatever holds it."""
    if stage != ARCHIVED:
        return stage
    emptied = [each for each in without.stages if each not in state.stages]
    if not emptied:
        raise LeftError("every stage holds the same with and without it")
    if len(emptied) > 1:
        raise LeftError(f"it emptied {' and '.join(emptied)}, and one tag does not take that back")
    return emptied[0]


def _plan_emptying(state: ModelState, rules: ModelRules, event: Event, stage: str) -> Plan:
    """Take out of a stage what one event brought into it."""
    _require_changed(state, _without(state, event), stage)
    return plan_unassign(state, rules, stage)


def _without(state: ModelState, event: Event) -> ModelState:
    """The state if an event had never been."""
    return fold_events(state.name, [each for each in state.events if each != event])


def _require_changed(state: ModelState, without: ModelState, stage: str) -> None:
    now, before = state.stages.get(stage), without.stages.get(stage)
    if (now and now.version) == (before and before.version):
        raise LeftError(f"{stage} holds the same with and without it")


def _require_own_counter(state: ModelState, event: Event) -> None:
    """Raise LeftError where another event has the counter too: only a tagger's date would say which came first."""
    counter = event.fact.counter
    twin = next((each for each in state.events if each.fact.counter == counter and each != event), None)
    if counter and twin is not None:
        raise LeftError(f"{twin.tag} has the counter {counter} too, and nothing says which of them came first")
