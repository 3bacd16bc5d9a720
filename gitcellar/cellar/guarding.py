"""Was a tag that is there already allowed? And if not, what takes it back, where no server hook could refuse it.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gitcellar.cellar.checking import check_tag
from gitcellar.cellar.reading import read_model
from gitcellar.cellar.writing import Options, Outcome, rollback, unassign, withdraw
from gitcellar.core.errors import CellarError
from gitcellar.core.events import Assigned, Registered
from gitcellar.core.references import Reference
from gitcellar.core.tags import find_tag_name
from gitcellar.policy.judge import RefusedError, Verdict
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Guarded:
    """The verdict on a tag, and what answered a violation; None where nothing had to, or nothing can."""

    verdict: Verdict
    answer: Outcome | None


def guard(repository: GitRepository, tag: str, options: Options) -> Guarded:
    """Judge a tag, and take back what it did if it breaks the policy: tags are answered, never deleted.

    A version is withdrawn; a stage gets back what it held before, or is emptied. A claim that is not allowed counts
    for nothing anyway.
    """
    if find_tag_name(tag) is None:
        return Guarded(Verdict(()), None)
    verdict = check_tag(repository, tag)
    return Guarded(verdict, None if verdict.ok else _answer(repository, tag, verdict, options))


def _answer(repository: GitRepository, tag: str, verdict: Verdict, options: Options) -> Outcome | None:
    named = find_tag_name(tag)
    if named is None:
        return None
    why = "; ".join(f"{violation.rule}: {violation.message}" for violation in verdict.violations)
    options = replace(options, message=f"Written by gitcellar ci guard. {tag} breaks the policy: {why}")
    fact, state = named.fact, read_model(repository, named.model)
    if isinstance(fact, Registered) and fact.version not in state.withdrawn:
        return withdraw(repository, Reference(named.model, version=fact.version), options=options)
    held = state.stages.get(fact.stage) if isinstance(fact, Assigned) else None
    if isinstance(fact, Assigned) and held is not None and held.tag == tag:
        try:
            return rollback(repository, named.model, fact.stage, options=options)
        except (RefusedError, CellarError):
            return unassign(repository, named.model, fact.stage, options=options)
    return None
