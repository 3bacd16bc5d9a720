"""What must be taken out of the field with a base? Withdraws a base version, and finds what was tuned from it.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitcellar.cellar.fetching import fetch_models
from gitcellar.cellar.writing import Options, Outcome, withdraw
from gitcellar.core.errors import InvalidError
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference
from gitcellar.core.state import VersionState, fold_events
from gitcellar.core.tags import parse_listing
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Affected:
    """A project model's version that came from the base, and where it is live."""

    model: ModelName
    version: VersionState


@dataclass(frozen=True, slots=True)
class Recall:
    """The withdrawal of a base version, what came from it, and the withdrawals of those, where they were asked for."""

    outcome: Outcome
    affected: tuple[Affected, ...]
    cascaded: tuple[Outcome, ...]


def recall(repository: GitRepository, reference: Reference, *, cascade: bool, options: Options) -> Recall:
    """Withdraw a version of a base model; with `cascade` also every version that was tuned from it.

    Where it is pushed, everything of the rack is fetched first: what this clone has not seen may be live. Raise
    InvalidError for another model, and RefusedError where the policy does not allow it.
    """
    model, version = reference.model, reference.version
    if model.kind != "base" or version is None:
        hint = f"gitcellar withdraw {model}@VERSION withdraws one version of any model"
        raise InvalidError(f"{model} is no base version, and only a base is recalled", hint=hint)
    if options.push and not options.dry_run:
        there = parse_listing(repository.list_remote_tags(options.remote))
        fetch_models(repository, options.remote, [name for name in there if name.base == model])
    outcome = withdraw(repository, reference, options=options)
    affected = find_affected(repository, reference)
    standing = [each for each in affected if cascade and not each.version.withdrawn]
    cascaded = [withdraw(repository, Reference(e.model, version=e.version.version), options=options) for e in standing]
    return Recall(outcome, tuple(affected), tuple(cascaded))


def find_affected(repository: GitRepository, reference: Reference) -> Sequence[Affected]:
    """Every version of the rack's project models whose number says that it came from a base version."""
    model, version = reference.model, reference.version
    models = parse_listing(repository.list_refs([f"refs/tags/{model.rack}/"]))
    return [
        Affected(name, held)
        for name in sorted(models)
        if name.kind == "project" and name.base == model and version is not None
        for held in fold_events(name, models[name]).versions
        if held.version.triple[:2] == version.triple[:2]
    ]
