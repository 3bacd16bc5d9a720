"""Does a name that somebody asks for mean anything here? Models, globs, stages and tags, with the nearest where not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitcellar.cellar.policies import read_policy_from
from gitcellar.cellar.reading import project_root, read_cellar, read_model, read_state, unknown_model
from gitcellar.core.declared import manifest_files
from gitcellar.core.documents import MAX_BYTES
from gitcellar.core.errors import NotFoundError, did_you_mean
from gitcellar.core.manifest import find_entry
from gitcellar.core.names import ModelName, parse_model_name
from gitcellar.core.state import ModelState
from gitcellar.policy.config import Policy
from gitcellar.policy.settings import matches
from gitcellar.policy.stage_names import find_unnamed, list_used_stages, unknown_stage
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource
from gitcellar.store.work_files import read_work_files

_EVERYTHING = "**"


def require_models(source: RefSource, models: Iterable[ModelName]) -> None:
    """Raise NotFoundError for the first of `models` that has no tags here."""
    for model in models:
        read_model(source, model)


def require_declared(repository: GitRepository, model: ModelName) -> None:
    """Raise NotFoundError for a model that has no tags, and no entry in the work tree's manifests either."""
    if read_state(repository, model).events:
        return
    root = None if repository.is_bare() else project_root(repository)
    files = read_work_files(root, manifest_files(model), most=MAX_BYTES) if root else {}
    if find_entry(model, files) is None:
        raise unknown_model(repository, model)


def find_matching(source: RefSource, models: str) -> list[ModelState]:
    """The models that a glob names. Raise NotFoundError where it names none; `**` may find an empty cellar."""
    if not set(models) & set("*?"):
        return [read_model(source, parse_model_name(models))]
    found = [state for name, state in read_cellar(source).items() if matches(models, name.text)]
    if not found and models != _EVERYTHING:
        raise NotFoundError(f"no model matches {models!r}", hint="gitcellar show lists them")
    return found


def require_slots(source: RefSource, models: str, stages: Sequence[str]) -> list[ModelState]:
    """The models that a glob names. Raise NotFoundError where it names none, and for a stage that nothing knows.

    A stage is known where a tag of these models uses it, or the policy names it for any model.
    """
    states = find_matching(source, models)
    # The policy is fetched only where the tags alone do not answer.
    if not set(stages) <= {stage for state in states for stage in list_used_stages(state)}:
        require_stages(read_policy_from(source), states, stages)
    return states


def require_stages(policy: Policy, states: Iterable[ModelState], stages: Iterable[str]) -> None:
    """Raise NotFoundError for a stage that a policy names for no model, and no tag of some models uses."""
    used = {stage for state in states for stage in list_used_stages(state)}
    known = list(dict.fromkeys([*policy.stage_names, *sorted(used)]))
    for stage in stages:
        if stage not in known:
            raise unknown_stage(f"this cellar has no stage {stage!r}", stage, known)


def find_unnamed_stages(policy: Policy, states: Iterable[ModelState]) -> list[str]:
    """What is live in stages that the policy does not name any more, a sentence each."""
    return [
        f"{held.stage} of {state.name} holds {held.version}, and the policy names no such stage"
        for state in states
        if state.stages
        for held in find_unnamed(state, policy.rules_of(state.name))
    ]


def unknown_tag(state: ModelState, tag: str) -> NotFoundError:
    """The error for a tag that a model does not have."""
    hint = did_you_mean(tag, [event.tag for event in state.events])
    return NotFoundError(f"there is no tag {tag!r} here", hint=hint or "git fetch --tags brings those of a remote")
