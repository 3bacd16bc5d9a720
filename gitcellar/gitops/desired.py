"""What should run, and may it? Slots whose stages changed, verified, with where their weights are.

May import core, policy, store, cellar.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace

from gitcellar.cellar.describing import read_entry
from gitcellar.cellar.getting import read_tracking
from gitcellar.cellar.policies import fetch_policy, read_policy
from gitcellar.cellar.proving import verify_tags
from gitcellar.cellar.reading import read_cellar, read_details_of, read_state
from gitcellar.core.deployments import (
    Deployment,
    Reconciled,
    Step,
    Wanted,
    carry_out,
    find_wanted,
    hold,
    leave_alone,
    parse_deployment,
    settle,
)
from gitcellar.core.dvc_config import CONFIG, parse_committed_config
from gitcellar.core.errors import CellarError, InvalidError
from gitcellar.core.lineage import find_checkpoint
from gitcellar.core.names import ModelName, parse_model_name
from gitcellar.core.stored_objects import StoredObject, find_stored
from gitcellar.core.tags import model_patterns, tip_ref
from gitcellar.core.trailers import parse_message
from gitcellar.gitops.identity import CellarIdentity, identify_by
from gitcellar.policy.config import Policy
from gitcellar.policy.settings import matches
from gitcellar.store.checkpoints import find_lost
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource, cloned
from gitcellar.store.tracking import Tracking


@dataclass(slots=True)
class Confirmed:
    """Slots that may run as they should, and why others may not; and the tips of the models that were verified.

    `emptied` are the slots that the policy empties, for the version that they hold is withdrawn; `cellar` is the one
    that was asked, None where nothing was.
    """

    deployments: dict[str, Deployment] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    emptied: set[str] = field(default_factory=set)
    cellar: CellarIdentity | None = None
    tips: dict[str, str] = field(default_factory=dict)


def confirm(
    source: RefSource, wanted: Sequence[Wanted], tips: Mapping[str, str], *, ask_storage: bool = True
) -> Confirmed:
    """Verify the models of some slots and describe what each should run, if anything.

    `tips` are the newest events that models had before: one that is gone says that history was rewritten. With
    `ask_storage` a checkpoint has to be on its DVC remote. What cannot be told of a slot is its fault.
    """
    confirmed = Confirmed()
    models = list(dict.fromkeys(each.model for each in wanted))
    if not models:
        return confirmed
    with _with_chains(source, models) as (repository, policy):
        confirmed.cellar = identify_by(policy, source)
        rewritten = {model: _find_fault(repository, model, tips, policy) for model in models}
        for each in wanted:
            fault = rewritten[each.model]
            if each.withdrawn and fault is None:
                if policy.rules_of(each.model).removes_withdrawn(each.stage):
                    confirmed.emptied.add(each.slot)
                continue
            try:
                found = _describe(repository, each, ask_storage=ask_storage) if fault is None else None
            except (CellarError, OSError) as error:
                # A name that this machine's file system does not take, too: the other slots go on.
                found, fault = None, str(error)
            if found is not None:
                confirmed.deployments[each.slot] = found
            if fault is not None:
                confirmed.faults[each.slot] = fault
        known = repository.find_refs([tip_ref(model) for model in models])
        for model in models:
            if rewritten[model] is None and tip_ref(model) in known:
                confirmed.tips[model.text] = known[tip_ref(model)]
    return confirmed


def advance(
    source: RefSource,
    before: Reconciled,
    *,
    stages: Iterable[str] = (),
    models: str = "**",
    passed_over: Container[str] = (),
    ask_storage: bool = True,
) -> tuple[Reconciled, list[Step]]:
    """What should be so after `before`, and what that does to each slot.

    `passed_over` are the ids of assignments that are left alone, for they were tried and failed. Raise InvalidError
    where the target is kept for another cellar and something would change.
    """
    # One model by its name is asked about alone, whatever else the cellar has.
    exact = None if set(models) & set("*?") else parse_model_name(models)
    states = [read_state(source, exact)] if exact else list(read_cellar(source).values())
    states = [state for state in states if matches(models, state.name.text)]
    wanted = find_wanted(states, stages)
    steps = leave_alone(settle(before, wanted, {}), wanted, passed_over)
    # To serve nothing is a change too, and one that a lost tag must not bring about.
    doubtful = [wanted[step.slot] for step in steps if step.status in ("changed", "removed", "withdrawn")]
    confirmed = confirm(source, doubtful, before.tips, ask_storage=ask_storage)
    if confirmed.cellar is not None:
        confirmed.cellar.require_kept(before.source, "this target")
        before = replace(before, source=confirmed.cellar.own or before.source)
    steps = [_apply(confirmed, step, before) for step in steps]
    after = carry_out(before, steps, wanted, confirmed.deployments)
    return replace(after, tips={**before.tips, **confirmed.tips}), steps


def _apply(confirmed: Confirmed, step: Step, before: Reconciled) -> Step:
    """The step as it may be done."""
    if step.slot in confirmed.faults:
        return hold(step.slot, before, confirmed.faults[step.slot])
    return replace(step, status="removed", reason="it was withdrawn") if step.slot in confirmed.emptied else step


@contextmanager
def _with_chains(source: RefSource, models: Iterable[ModelName]) -> Iterator[tuple[GitRepository, Policy]]:
    """A repository with all events of some models and their bases, and the policy that judges them."""
    if isinstance(source, GitRepository):
        yield source, read_policy(source)
        return
    related = dict.fromkeys(name for model in models for name in (model.base, model))
    patterns = [p for name in related for p in (*model_patterns(name), f"refs/gitcellar/{name.in_tag}@*")]
    with cloned(source.url, patterns) as repository:
        yield repository, fetch_policy(repository)


def _find_fault(repository: GitRepository, model: ModelName, tips: Mapping[str, str], policy: Policy) -> str | None:
    """Why a model's history is not to be believed."""
    remembered = {model: tips[model.text]} if model.text in tips else {}
    try:
        proof = verify_tags(repository, model, remembered, policy)
    except CellarError as error:
        return str(error)
    grave = [found for _, found in proof.suspicions if found.grave]
    return f"{grave[0].code}: {grave[0].tag}: {grave[0].message}" if grave else None


def _describe(repository: GitRepository, wanted: Wanted, *, ask_storage: bool) -> Deployment | None:
    """What a slot should run, None for nothing. Raise CellarError where it says something else by now."""
    state = read_state(repository, wanted.model)
    held = state.stages.get(wanted.stage)
    if held is None and wanted.version is None:
        return None
    event = next((event for event in state.events if event.object_id == wanted.id), None)
    version = state.find(held.version) if held else None
    if held is None or event is None or held.tag != event.tag or version is None:
        raise CellarError(f"#{wanted.sequence} changed while it was read")
    entry = read_entry(repository, version.commit, wanted.model)
    tracking = read_tracking(repository, version.commit, entry) if entry else None
    if tracking is not None and ask_storage:
        _require_stored(tracking)
    details = read_details_of(repository, version)
    digest = find_checkpoint(parse_message(details.message)) if details else None
    found = Deployment(
        wanted.model.text,
        wanted.stage,
        str(version.version),
        wanted.sequence,
        event.tag,
        event.object_id,
        version.tag,
        version.commit,
        entry.path if entry else None,
        digest.sha256 if digest else None,
        digest.size if digest else None,
        **(asdict(_find_stored(tracking)) if tracking else {}),
    )
    try:
        # A target that was told what it cannot read back would be stuck, for all its models.
        return parse_deployment(asdict(found))
    except (TypeError, ValueError) as error:
        raise InvalidError(f"{version.tag} has a path that no target takes: {found.path!r}") from error


def _require_stored(tracking: Tracking) -> None:
    lost = find_lost(tracking)
    if lost:
        raise CellarError(f"the DVC remote has not {lost[0]} of {tracking.path}")


def _find_stored(tracking: Tracking) -> StoredObject:
    """Where the weights are, by the version's commit alone: it says the same to whoever asks."""
    try:
        return find_stored(tracking.out, tracking.path, parse_committed_config(tracking.files.get(CONFIG, b"")))
    except InvalidError:
        return StoredObject()  # who downloads will say what is wrong with it
