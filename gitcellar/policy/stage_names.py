"""Which stages does a model know? Those that the policy names, and those that a tag of the model uses."""

from collections.abc import Collection

from gitcellar.core.errors import NotFoundError, did_you_mean
from gitcellar.core.state import ARCHIVED, Assignment, ModelState
from gitcellar.policy.settings import ModelRules


def list_used_stages(state: ModelState) -> list[str]:
    """The stages that any tag of a model is about, whether they hold a version or not. `archived` is none."""
    return sorted({event.stage for event in state.events if event.stage not in (None, ARCHIVED)})


def require_stage(state: ModelState, rules: ModelRules, stage: str) -> None:
    """Raise NotFoundError, with the nearest name, for a stage that a model does not know."""
    known = dict.fromkeys([*rules.stages, *list_used_stages(state)])
    if stage not in known:
        raise unknown_stage(f"{state.name} has no stage {stage!r}", stage, known)


def unknown_stage(message: str, stage: str, known: Collection[str]) -> NotFoundError:
    """The error for a stage that is none of those that are known."""
    return NotFoundError(message, hint=did_you_mean(stage, known) or f"there are: {', '.join(known)}")


def find_unnamed(state: ModelState, rules: ModelRules) -> list[Assignment]:
    """What is live in a stage that the policy does not name, as after the stage was renamed there."""
    return [found for stage, found in sorted(state.stages.items()) if stage not in rules.stages]
